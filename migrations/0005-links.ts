import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('links', (table) => {
    table.text('id').primary();
    // SHA-256 of the value in the mail.
    table.text('key').notNullable().unique();
    table.text('purpose').notNullable();
    table.text('account_id').index();
    table.text('email');
    table.text('detail').notNullable();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('expires_at').notNullable().index();
    table.bigInteger('consumed_at');
    table.text('created_by');
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('links');
}
