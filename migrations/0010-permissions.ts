import type { Knex } from 'knex';

/** The permission service: who a person is to other services, user tokens, services and what is granted in them. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('permission_profiles', (table) => {
    table.text('account_id').primary();
    // What other services know the person by: the account's id, unless an extension said otherwise at the start.
    table.text('user_id').notNullable().unique();
    table.text('username').notNullable();
    table.text('username_key').notNullable().unique();
    // 0: made from the login; 1: chosen by the person, once and for all.
    table.integer('chosen').notNullable().defaultTo(0);
    // What an extension put in place of the account's own.
    table.text('name');
    table.text('avatar_url');
    // `google:<id>` of the latest login.
    table.text('provider_id');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
  });
  // User tokens are JWTs that live for 14 days; this is what makes them end earlier.
  await knex.schema.createTable('permission_tokens', (table) => {
    table.text('jti').primary();
    table.text('account_id').notNullable().index();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('expires_at').notNullable().index();
    table.bigInteger('revoked_at');
  });
  await knex.schema.createTable('services', (table) => {
    table.text('name').primary();
    table.text('title');
    table.bigInteger('created_at').notNullable();
    table.text('created_by');
  });
  await knex.schema.createTable('service_permissions', (table) => {
    table.text('service').notNullable();
    table.text('permission').notNullable();
    // 'account' with its id, or 'role' with its name.
    table.text('grantee_kind').notNullable();
    table.text('grantee').notNullable();
    table.bigInteger('created_at').notNullable();
    table.text('created_by');
    table.primary(['service', 'permission', 'grantee_kind', 'grantee']);
    table.index(['grantee_kind', 'grantee']);
  });
}

export async function down(knex: Knex): Promise<void> {
  for (const name of ['service_permissions', 'services', 'permission_tokens', 'permission_profiles']) {
    await knex.schema.dropTable(name);
  }
}
