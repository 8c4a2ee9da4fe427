/** A fresh, empty PostgreSQL database for one test file (projects stores, flows, races, pages). */
import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** The address of a new database, for `DATABASE_URL`. It vanishes with the server at the end of the run. */
export async function freshPostgres(): Promise<string> {
  const server = process.env.POSTERN_TEST_POSTGRES;
  if (!server) throw new Error('No PostgreSQL here: this jest project has no globalSetup.');
  const name = `postern_${randomBytes(8).toString('hex')}`;
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${name}`);
  } finally {
    await client.end();
  }
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}
