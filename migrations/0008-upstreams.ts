import type { Knex } from 'knex';

/** Signing in through others: identities, logins under way, kept tokens, sessions that came from an upstream. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('federated_identities', (table) => {
    table.text('id').primary();
    table.text('account_id').notNullable().index();
    table.text('issuer').notNullable();
    table.text('subject').notNullable();
    table.text('upstream_id').notNullable();
    // JSON: what the upstream last said (attributes of the mapping), without tokens.
    table.text('attributes').notNullable();
    // JSON of the original's `extra_data`, as its handler wrote it.
    table.text('extra').notNullable().defaultTo('{}');
    // How it came to the account: `sign_up`, `link`, `link_desk`, `cli`.
    table.text('linked_by').notNullable();
    table.bigInteger('undo_until');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.bigInteger('last_used_at');
    table.unique(['issuer', 'subject']);
  });
  await knex.schema.createTable('login_transactions', (table) => {
    // SHA-256 of `state`, or of the ticket of an open question.
    table.text('key').primary();
    table.text('stage').notNullable();
    // SHA-256 of the browser's cookie.
    table.text('browser').notNullable();
    table.text('upstream_id').notNullable();
    table.text('door').notNullable();
    // Verifier, nonce, return address, and later what the upstream said.
    table.text('sealed').notNullable();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('expires_at').notNullable().index();
  });
  await knex.schema.createTable('upstream_tokens', (table) => {
    table.text('account_id').notNullable();
    table.text('upstream_id').notNullable();
    // Access token, refresh token, secret and ID Token in one, so that a pair is never torn.
    table.text('sealed').notNullable();
    table.bigInteger('expires_at');
    // The upstream refused to renew it: its owner must sign in there again.
    table.bigInteger('dead_at');
    // Another one with every pair: who writes a refreshed pair must have begun from the last one. Sealing the
    // same pair under another key leaves it.
    table.text('revision').notNullable();
    // One refresh for all processes.
    table.text('lock_holder');
    table.bigInteger('lock_until');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.primary(['account_id', 'upstream_id']);
  });
  await knex.schema.createTable('upstream_sessions', (table) => {
    table.text('session_uid').primary();
    table.text('account_id').notNullable().index();
    table.text('identity_id').notNullable();
    table.text('upstream_id').notNullable();
    table.text('issuer').notNullable();
    table.text('subject').notNullable();
    table.text('sid');
    // ID Token (hint at sign-out) and claims (for the page that shows them).
    table.text('sealed').notNullable();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('expires_at').notNullable().index();
    table.index(['issuer', 'subject']);
    table.index(['issuer', 'sid']);
  });
  // `upstream:<id>` for a role that groups of an upstream brought; null: made here, and theirs to give only
  // where the operator says so.
  await knex.schema.alterTable('roles', (table) => table.text('source'));
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('roles', (table) => table.dropColumn('source'));
  for (const name of ['upstream_sessions', 'upstream_tokens', 'login_transactions', 'federated_identities']) {
    await knex.schema.dropTable(name);
  }
}
