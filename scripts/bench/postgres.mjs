/** A PostgreSQL to make databases in: the one that BENCH_DATABASE_URL names, or the suite's own, started here. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { tsImport } from 'tsx/esm/api';

export async function startPostgres() {
  const given = process.env.BENCH_DATABASE_URL;
  const address = given ?? (await begin());
  const made = [];
  return {
    async database() {
      const name = `postern_bench_${randomBytes(6).toString('hex')}`;
      await ask(address, `CREATE DATABASE ${name}`);
      made.push(name);
      const url = new URL(address);
      url.pathname = `/${name}`;
      return url.href;
    },
    async stop() {
      if (given) for (const name of made) await ask(address, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      else globalThis.posternTestPostgres?.stdin?.end();
    },
  };
}

/** As the tests start it; it ends with this process in whatever way. */
async function begin() {
  const module = await tsImport('../../test/support/start-postgres.ts', import.meta.url);
  await (module.default?.default ?? module.default)();
  return process.env.POSTERN_TEST_POSTGRES;
}

async function ask(connectionString, text) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}
