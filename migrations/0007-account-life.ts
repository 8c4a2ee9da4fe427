import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('accounts', (table) => {
    // JSON: where each part of the profile came from; absent parts came with the account.
    table.text('profile_sources');
    // When a link mailed to the address was followed; null: unproven, or an administrator's word.
    table.bigInteger('email_proven_at');
    // Set while the person may still change their mind.
    table.bigInteger('delete_at').index();
  });
  await knex.schema.createTable('session_facts', (table) => {
    table.text('id').primary();
    table.text('session_uid').notNullable().unique();
    table.text('account_id').notNullable().index();
    table.text('user_agent');
    table.text('ip');
    table.bigInteger('first_seen_at').notNullable();
    table.bigInteger('last_seen_at').notNullable();
    table.bigInteger('expires_at').notNullable().index();
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('session_facts');
  await knex.schema.alterTable('accounts', (table) => {
    table.dropIndex('delete_at');
    table.dropColumns('profile_sources', 'email_proven_at', 'delete_at');
  });
}
