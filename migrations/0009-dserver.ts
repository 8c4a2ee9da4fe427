import type { Knex } from 'knex';

/** dserver names (fixed at the first mint) and rights, the ledger of minted tokens, API keys. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('dserver_names', (table) => {
    // Lower case: two names that differ in case alone are one person's.
    table.text('name_key').primary();
    table.text('name').notNullable();
    // Null once the account is gone: nobody else gets the name, since dserver still has that person's data.
    table.text('account_id').unique();
    table.text('source').notNullable();
    // Names the upstream identity it came from (a hash): who is proven to be it again gets the name back.
    table.text('source_key');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('synced_at');
    table.bigInteger('sync_after').notNullable().defaultTo(0).index();
  });
  await knex.schema.createTable('dserver_rights', (table) => {
    table.text('account_id').primary();
    // 1: may have tokens, 0: may not; null: as the rules say.
    table.integer('allowed');
    // JSON list; null: the default permissions.
    table.text('permissions');
    table.bigInteger('updated_at').notNullable();
  });
  await knex.schema.createTable('token_families', (table) => {
    // A token and what was refreshed from it: their maximum age and their revocation are one.
    table.text('id').primary();
    table.text('account_id').index();
    table.text('session_uid').index();
    table.text('api_key_id').index();
    table.bigInteger('began_at').notNullable();
    // The last expiry among its tokens; null: never.
    table.bigInteger('ends_at').index();
    table.bigInteger('revoked_at');
  });
  await knex.schema.createTable('minted_tokens', (table) => {
    table.text('jti').primary();
    table.text('family').notNullable().index();
    table.text('account_id').index();
    table.text('subject').notNullable();
    table.text('kind').notNullable();
    table.text('reason').notNullable();
    table.text('audience').notNullable();
    table.text('client_ip');
    // JSON, where the same token may be asked for again (by its browser session): signed anew, never kept.
    table.text('claims');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('expires_at').index();
  });
  await knex.schema.createTable('api_keys', (table) => {
    table.text('id').primary();
    table.text('account_id').notNullable().index();
    table.text('label').notNullable();
    // SHA-256: keys are high-entropy.
    table.text('hash').notNullable().unique();
    // The last four characters.
    table.text('hint').notNullable();
    // JSON list of permissions.
    table.text('permissions').notNullable();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('expires_at').notNullable();
    table.bigInteger('last_used_at');
    table.bigInteger('revoked_at');
    table.text('created_by').notNullable();
  });
}

export async function down(knex: Knex): Promise<void> {
  for (const name of ['api_keys', 'minted_tokens', 'token_families', 'dserver_rights', 'dserver_names']) {
    await knex.schema.dropTable(name);
  }
}
