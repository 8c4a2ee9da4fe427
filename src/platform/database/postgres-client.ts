import pg from 'pg';
import { storageError } from './postgres-errors.js';
import { plainTypes } from './postgres-pool.js';

const CONNECT_MS = 10_000;

/**
 * One connection outside the pool, for work that is not a request's.
 * @throws {Unavailable} where nobody answers
 */
export async function connectAlone(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString,
    connectionTimeoutMillis: CONNECT_MS,
    types: plainTypes,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw storageError(error);
  }
}
