import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('clients', (table) => {
    table.text('client_id').primary();
    table.text('owner_id').index();
    // RFC 7591 names, never a secret.
    table.text('metadata').notNullable();
    table.integer('resource_server').notNullable().defaultTo(0);
    table.integer('require_pkce').notNullable().defaultTo(0);
    table.text('ttl');
    table.integer('version').notNullable().defaultTo(1);
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.text('created_by');
  });
  await knex.schema.createTable('client_secrets', (table) => {
    table.text('id').primary();
    table.text('client_id').notNullable().index();
    table.text('hash');
    // client_secret_jwt needs the secret itself.
    table.text('sealed');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('expires_at');
  });
  await knex.schema.createTable('resources', (table) => {
    table.text('identifier').primary();
    table.text('name').notNullable();
    table.text('scopes').notNullable();
    table.text('token_format').notNullable();
    table.text('signing_alg');
    table.integer('lifetime_seconds');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
  });
  await knex.schema.createTable('consents', (table) => {
    table.text('account_id').notNullable();
    table.text('client_id').notNullable();
    table.text('scopes').notNullable();
    table.text('claims').notNullable();
    table.text('resources').notNullable();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.primary(['account_id', 'client_id']);
    table.index(['client_id']);
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('consents');
  await knex.schema.dropTable('resources');
  await knex.schema.dropTable('client_secrets');
  await knex.schema.dropTable('clients');
}
