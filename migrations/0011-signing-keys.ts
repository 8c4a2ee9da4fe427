import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('signing_keys', (table) => {
    // RFC 7638 thumbprint.
    table.text('kid').primary();
    table.text('alg').notNullable();
    // Counts up for each algorithm: of two nodes that make the next key at once, one is refused.
    table.integer('generation').notNullable();
    // The private key (JWK), under SECRET_KEY.
    table.text('sealed').notNullable();
    table.bigInteger('created_at').notNullable();
    // Announced before, signing from then on until the next one does.
    table.bigInteger('signs_at').notNullable();
    table.bigInteger('revoked_at');
    table.unique(['alg', 'generation']);
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('signing_keys');
}
