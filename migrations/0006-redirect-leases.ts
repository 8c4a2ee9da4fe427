import type { Knex } from 'knex';

/** Redirect URIs for a while, and what a client's owner chose beyond RFC 7591 metadata. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('redirect_leases', (table) => {
    table.text('id').primary();
    table.text('client_id').notNullable().index();
    table.text('redirect_uri').notNullable();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('expires_at').notNullable();
    table.text('created_by');
  });
  await knex.schema.alterTable('clients', (table) => {
    table.text('options');
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('clients', (table) => {
    table.dropColumn('options');
  });
  await knex.schema.dropTable('redirect_leases');
}
