import type { Knex } from 'knex';

/** dserver names (fixed at the first mint), the ledger of minted tokens, API keys. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('dserver_names', (table) => {
    table.text('account_id').primary();
    table.text('name').notNullable();
    // Lower case: two names that differ in case alone are one person's.
    table.text('name_key').notNullable().unique();
    table.text('source').notNullable();
    table.integer('allowed').notNullable().defaultTo(1);
    // JSON list; null: the default permissions.
    table.text('permissions');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('synced_at');
  });
  await knex.schema.createTable('minted_tokens', (table) => {
    table.text('jti').primary();
    // The first of a chain of refreshes: its maximum age and its revocation hold for all.
    table.text('family').notNullable().index();
    table.text('account_id').index();
    table.text('subject').notNullable();
    table.text('kind').notNullable();
    table.text('reason').notNullable();
    table.text('audience').notNullable();
    table.text('client_ip');
    table.bigInteger('family_began_at').notNullable();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('expires_at').index();
    table.bigInteger('revoked_at');
  });
  await knex.schema.createTable('api_keys', (table) => {
    table.text('id').primary();
    table.text('account_id').notNullable().index();
    table.text('name').notNullable();
    // SHA-256: keys are high-entropy.
    table.text('hash').notNullable().unique();
    table.text('hint').notNullable();
    // JSON list of permissions.
    table.text('permissions').notNullable();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('expires_at');
    table.bigInteger('last_used_at');
    table.bigInteger('revoked_at');
    table.text('created_by');
  });
}

export async function down(knex: Knex): Promise<void> {
  for (const name of ['api_keys', 'minted_tokens', 'dserver_names']) await knex.schema.dropTable(name);
}
