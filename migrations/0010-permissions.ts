import type { Knex } from 'knex';

/** The permission service: chosen names, services and what is granted in them. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('permission_profiles', (table) => {
    table.text('account_id').primary();
    table.text('username').notNullable();
    table.text('username_key').notNullable().unique();
    // 0: made from the login; 1: chosen by the person, once and for all.
    table.integer('chosen').notNullable().defaultTo(0);
    table.text('idhash').index();
    table.text('provider_id');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
  });
  await knex.schema.createTable('services', (table) => {
    table.text('name').primary();
    table.text('title');
    table.bigInteger('created_at').notNullable();
    table.text('created_by');
  });
  await knex.schema.createTable('service_permissions', (table) => {
    table.text('id').primary();
    table.text('service').notNullable();
    table.text('permission').notNullable();
    // 'account' or 'role'.
    table.text('grantee_kind').notNullable();
    table.text('grantee').notNullable();
    table.bigInteger('created_at').notNullable();
    table.text('created_by');
    table.unique(['service', 'permission', 'grantee_kind', 'grantee']);
    table.index(['grantee_kind', 'grantee']);
  });
}

export async function down(knex: Knex): Promise<void> {
  for (const name of ['service_permissions', 'services', 'permission_profiles']) {
    await knex.schema.dropTable(name);
  }
}
