import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('throttle', (table) => {
    // Attempts that are being judged: they count until then only, or a process that dies would count for long.
    table.integer('held').notNullable().defaultTo(0);
    table.bigInteger('held_until').notNullable().defaultTo(0);
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('throttle', (table) => {
    table.dropColumns('held', 'held_until');
  });
}
