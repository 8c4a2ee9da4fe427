/** Fresh migrated databases for tests: a temporary SQLite file, a new database of the run's PostgreSQL. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe } from '@jest/globals';
import type { DatabaseSettings, Dialect } from '../../src/platform/database/database.js';
import { migrateUp } from '../../src/platform/database/migrate.js';
import { type OpenDatabase, openDatabase } from '../../src/platform/database/open.js';
import { freshPostgres } from './postgres.js';

const COMMON = { prepared: 'auto', poolMax: 10, timeoutMs: 3000 } as const;

export const sqliteSettings = (file: string): DatabaseSettings => ({ ...COMMON, dialect: 'sqlite', file });

export const postgresSettings = (connectionString: string): DatabaseSettings => ({
  ...COMMON,
  dialect: 'postgres',
  connectionString,
});

export const quietLog = { warn: () => {} };

export const DIALECTS: readonly Dialect[] = ['sqlite', 'postgres'];

/** Temporary databases and what to call when the test is over. */
export function createDatabaseFixture() {
  const undo: (() => unknown)[] = [];

  function temporaryFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'postern-test-'));
    undo.push(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }

  /** Of an empty database. */
  const settingsOf = async (dialect: Dialect): Promise<DatabaseSettings> =>
    dialect === 'sqlite'
      ? sqliteSettings(join(temporaryFolder(), 'postern.sqlite'))
      : postgresSettings(await freshPostgres());

  async function open(settings: DatabaseSettings): Promise<OpenDatabase> {
    const database = await openDatabase(settings, quietLog);
    undo.push(() => database.close());
    return database;
  }

  async function openMigrated(dialect: Dialect): Promise<OpenDatabase> {
    const settings = await settingsOf(dialect);
    await migrateUp(settings);
    return open(settings);
  }

  async function close(): Promise<void> {
    for (const step of undo.splice(0).reverse()) await step();
  }

  return { temporaryFolder, settingsOf, open, openMigrated, close };
}

/** Runs the same tests on both; each call of `open` answers a fresh, migrated database, closed after the test. */
export function describeOnBothDatabases(
  name: string,
  tests: (open: () => Promise<OpenDatabase>) => void,
): void {
  for (const dialect of DIALECTS) {
    describe(`${name} on ${dialect}`, () => {
      const fixture = createDatabaseFixture();
      afterEach(fixture.close);
      tests(() => fixture.openMigrated(dialect));
    });
  }
}
