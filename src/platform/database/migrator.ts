import knex, { type Knex } from 'knex';
import type { Migration } from '../../../migrations/index.js';
import { ConfigFault } from '../config/config-fault.js';
import { Unavailable } from '../errors/errors.js';
import type { Database, DatabaseSettings } from './database.js';
import { naming } from './place-fault.js';
import { isFromServer, storageError } from './postgres-errors.js';

/** Takes one line for the person who started the program. */
export type Report = (line: string) => void;

type Target = Pick<DatabaseSettings, 'dialect' | 'file' | 'connectionString' | 'directUrl' | 'name'>;

const CONNECT_MS = 10_000;

/** knex over a connection of its own, for migrations alone; its only connection also holds the lock. */
function createMigrator(target: Target, list: readonly Migration[], report: Report): Knex {
  const common = { migrations: { migrationSource: sourceOf(list, report) }, log: silent };
  if (target.dialect === 'sqlite') {
    const connection = { filename: target.file ?? ':memory:' };
    return knex({ ...common, client: 'better-sqlite3', useNullAsDefault: true, connection });
  }
  const connectionString = target.directUrl ?? target.connectionString ?? '';
  return knex({
    ...common,
    client: 'pg',
    connection: { connectionString, connectionTimeoutMillis: CONNECT_MS },
    acquireConnectionTimeout: CONNECT_MS,
    pool: { min: 1, max: 1 },
  });
}

export async function withMigrator<T>(
  target: Target,
  list: readonly Migration[],
  report: Report,
  work: (migrator: Knex) => Promise<T>,
): Promise<T> {
  await requireOneDatabase(target);
  const migrator = createMigrator(target, list, report);
  try {
    return await naming(target.name, () => telling(() => work(migrator)));
  } finally {
    await migrator.destroy();
  }
}

async function telling<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isAway(error) ? new Unavailable(error) : error;
  }
}

/**
 * What migrates and listens past the pooler must do so in the database that is served: after a move one of the two
 * settings is easily forgotten. Every verb and every start comes by here.
 * @throws {ConfigFault}
 */
async function requireOneDatabase({ dialect, connectionString, directUrl }: Target): Promise<void> {
  if (dialect === 'sqlite' || directUrl === undefined) return;
  // With its driver, which a server on SQLite does without.
  const { leadToOnePlace } = await import('./one-database.js');
  const direct = { connectionString: directUrl, name: 'DATABASE_DIRECT_URL' };
  if (await leadToOnePlace({ connectionString }, direct)) return;
  const message = 'leads to another database (or schema) than DATABASE_URL; change it, or take it out';
  throw new ConfigFault([{ setting: 'DATABASE_DIRECT_URL', variable: 'DATABASE_DIRECT_URL', message }]);
}

/** No way to the server (`ECONNREFUSED`, no answer), or a server that is not ready; a fault of ours stays one. */
function isAway(error: unknown): boolean {
  if (isFromServer(error)) return storageError(error) instanceof Unavailable;
  if (error instanceof knex.KnexTimeoutError) return true;
  return error instanceof Error && 'code' in error && /^E[A-Z_]+$/.test(String(error.code));
}

/** knex's own. */
const APPLIED = 'knex_migrations';

/** The names that were applied, oldest first. */
export async function appliedNames(migrator: Knex): Promise<string[]> {
  if (!(await migrator.schema.hasTable(APPLIED))) return [];
  return migrator(APPLIED).orderBy('id').pluck('name');
}

/** The same of a database that is open, on its own connection. */
export async function appliedIn({ sql, all }: Database): Promise<string[]> {
  return (await all<{ name: string }>(sql(APPLIED).select('name').orderBy('id'))).map(({ name }) => name);
}

/** The explicit list, telling the person what is about to be run. */
function sourceOf(list: readonly Migration[], report: Report): Knex.MigrationSource<Migration> {
  const told = (line: string, run: (trx: Knex) => Promise<void>) => (trx: Knex) => {
    report(line);
    return run(trx);
  };
  return {
    getMigrations: async () => [...list],
    getMigrationName: ({ name }) => name,
    getMigration: async ({ name, up, down }) => ({
      up: told(`Applying migration ${name}`, up),
      down: told(`Undoing migration ${name}`, async (trx) => {
        await down(trx);
        // knex forgets it in a statement of its own, after the commit: a process that is killed in between would leave
        // a migration recorded whose tables are gone.
        await trx(APPLIED).where({ name }).delete();
      }),
    }),
  };
}

/** What knex would print ends as a thrown error or a line of `report`. */
const silent = { warn: () => {}, error: () => {}, deprecate: () => {}, debug: () => {} };
