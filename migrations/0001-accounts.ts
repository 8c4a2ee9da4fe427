import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('accounts', (table) => {
    table.text('id').primary();
    table.text('username').notNullable();
    // NFKC and lower case: two names a person cannot tell apart are one name.
    table.text('username_key').notNullable().unique();
    table.text('password_hash');
    table.bigInteger('password_set_at');
    table.bigInteger('password_expires_at');
    table.integer('must_change_password').notNullable().defaultTo(0);
    table.text('display_name');
    table.text('given_name');
    table.text('family_name');
    table.text('email');
    // Not unique: an address nobody proved must not keep its owner out.
    table.text('email_key').index();
    table.integer('email_verified').notNullable().defaultTo(0);
    table.text('picture');
    table.text('locale');
    table.bigInteger('disabled_at');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.text('created_by');
  });
  await knex.schema.createTable('roles', (table) => {
    table.text('name').primary();
    table.text('description');
    table.bigInteger('created_at').notNullable();
  });
  await knex.schema.createTable('account_roles', (table) => {
    table.text('account_id').notNullable();
    table.text('role').notNullable();
    table.integer('managed').notNullable().defaultTo(0);
    table.text('source');
    table.bigInteger('created_at').notNullable();
    table.primary(['account_id', 'role']);
    table.index(['role']);
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('account_roles');
  await knex.schema.dropTable('roles');
  await knex.schema.dropTable('accounts');
}
