import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('oidc_payloads', (table) => {
    table.text('key').primary();
    table.text('kind').notNullable();
    // No index: a grant is revoked by its own row, tokens are never searched by grant.
    table.text('grant_key');
    table.text('session_uid');
    table.text('user_code');
    table.text('account_id');
    table.text('client_id');
    table.bigInteger('expires_at');
    table.bigInteger('consumed_at');
    table.bigInteger('revoked_at');
    table.text('payload').notNullable();
    table.text('sealed');
    table.text('answer');
    table.index(['expires_at']);
  });
  // Partial, so that the many tokens pay for one index only. Not unique: two sessions share a uid for a moment.
  await knex.raw(
    `CREATE INDEX oidc_payloads_session_index ON oidc_payloads (session_uid) WHERE kind = 'Session'`,
  );
  await knex.raw(
    'CREATE INDEX oidc_payloads_user_code_index ON oidc_payloads (user_code) WHERE user_code IS NOT NULL',
  );
  await knex.raw(
    `CREATE INDEX oidc_payloads_grant_index ON oidc_payloads (account_id, client_id) WHERE kind = 'Grant'`,
  );
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('oidc_payloads');
}
