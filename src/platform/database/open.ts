/**
 * The database: one executor contract (`database.ts`), two executors. SQLite is one better-sqlite3 handle with
 * group commit (and one in a thread, `checkpoints.ts`), PostgreSQL a pool. knex builds SQL and runs migrations
 * (`migrate.ts`) and never executes a statement while the server runs. Nothing here knows a table of ours.
 */
import type { DatabaseLog, DatabaseSettings, DatabaseWatch } from './database.js';
import { openMigratedMemory } from './migrate.js';
import type { PostgresDatabase } from './postgres.js';
import { createSqliteDatabase, openSqliteFile, type SqliteDatabase } from './sqlite.js';

export type OpenDatabase = SqliteDatabase | PostgresDatabase;

/** Opens the database; `:memory:` is born migrated, the others are migrated by `migrateUp` before. */
export async function openDatabase(
  settings: DatabaseSettings,
  log: DatabaseLog,
  watch?: DatabaseWatch,
): Promise<OpenDatabase> {
  if (settings.dialect === 'postgres') {
    // Its driver takes a tenth of a start that has no use for it.
    const { createPostgresDatabase } = await import('./postgres.js');
    return createPostgresDatabase(settings, log, watch);
  }
  const { file = ':memory:', timeoutMs } = settings;
  const handle = file === ':memory:' ? await openMigratedMemory() : openSqliteFile(file, timeoutMs);
  return createSqliteDatabase(handle, settings, log, watch);
}
