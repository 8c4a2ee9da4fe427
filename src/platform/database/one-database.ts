/**
 * Whether two addresses of PostgreSQL lead to one database. Names, times and identifiers are the same in a restored
 * copy, and one database has many addresses; so one side takes an advisory lock, which belongs to one database of
 * one server, and the other looks whether it is taken. Any role may do that, and a pooler may stand between.
 */
import { randomInt } from 'node:crypto';
import type pg from 'pg';
import type { DatabaseSettings } from './database.js';
import { naming } from './place-fault.js';
import { connectAlone } from './postgres-client.js';
import { storageError } from './postgres-errors.js';

const HALF = 2 ** 31;

/** Of two numbers, where the lock of the migrations is of one: the two kinds never meet. */
const newMark = (): number[] => [randomInt(-HALF, HALF), randomInt(-HALF, HALF)];

type Address = Pick<DatabaseSettings, 'connectionString' | 'name'>;

/**
 * One database, and in it one schema.
 * @throws {Unavailable} where one of them does not answer
 */
export async function leadToOnePlace(one: Address, other: Address): Promise<boolean> {
  if (one.connectionString === other.connectionString) return true;
  return withClient(one, (left) => withClient(other, (right) => meet(left, right).catch(refuse)));
}

const refuse = (error: unknown): never => {
  throw storageError(error);
};

async function meet(left: pg.Client, right: pg.Client): Promise<boolean> {
  const mark = newMark();
  // In a transaction, for which a pooler keeps one connection.
  await left.query('BEGIN');
  await left.query('SELECT pg_advisory_xact_lock($1::int, $2::int)', mark);
  const taken = await right.query('SELECT NOT pg_try_advisory_xact_lock($1::int, $2::int) AS taken', mark);
  const [here, there] = [await schemaOf(left), await schemaOf(right)];
  await left.query('ROLLBACK');
  return taken.rows[0].taken && here === there;
}

async function schemaOf(client: pg.Client): Promise<string | null> {
  const { rows } = await client.query('SELECT current_schema() AS name');
  return rows[0].name;
}

async function withClient<T>(
  { connectionString = '', name }: Address,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await naming(name, () => connectAlone(connectionString));
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
