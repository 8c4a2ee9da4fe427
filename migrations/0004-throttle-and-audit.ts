import type { Knex } from 'knex';

const isSqlite = (knex: Knex): boolean => knex.client.config.client === 'better-sqlite3';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('throttle', (table) => {
    table.text('key').primary();
    table.integer('points').notNullable();
    table.bigInteger('expires_at').index();
  });
  await knex.schema.createTable('audit_events', (table) => {
    table.text('id').primary();
    table.bigInteger('at').notNullable().index();
    table.text('event').notNullable();
    table.text('outcome');
    table.text('actor_id');
    table.text('account_id').index();
    table.text('client_id');
    table.text('ip');
    table.text('request_id');
    table.text('detail');
  });
  await (isSqlite(knex) ? appendOnlySqlite(knex) : appendOnlyPostgres(knex));
}

async function appendOnlySqlite(knex: Knex): Promise<void> {
  for (const verb of ['UPDATE', 'DELETE']) {
    await knex.raw(
      `CREATE TRIGGER audit_events_no_${verb.toLowerCase()} BEFORE ${verb} ON audit_events
       BEGIN SELECT RAISE(ABORT, 'audit_events is append-only'); END`,
    );
  }
  // INSERT OR REPLACE deletes without firing the delete trigger (unless recursive_triggers is on).
  await knex.raw(
    `CREATE TRIGGER audit_events_no_replace BEFORE INSERT ON audit_events
     WHEN EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id)
     BEGIN SELECT RAISE(ABORT, 'audit_events is append-only'); END`,
  );
}

async function appendOnlyPostgres(knex: Knex): Promise<void> {
  await knex.raw(
    `CREATE FUNCTION audit_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN RAISE EXCEPTION 'audit_events is append-only'; END $$`,
  );
  // Per statement, so that even one that hits no row is refused; TRUNCATE has only this form.
  await knex.raw(
    `CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
     FOR EACH STATEMENT EXECUTE FUNCTION audit_events_append_only()`,
  );
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('audit_events');
  if (!isSqlite(knex)) await knex.raw('DROP FUNCTION audit_events_append_only()');
  await knex.schema.dropTable('throttle');
}
