import { existsSync } from 'node:fs';
import BetterSqlite3 from 'better-sqlite3';
import type { Knex } from 'knex';
import { type Migration, migrations } from '../../../migrations/index.js';
import { ConfigFault } from '../config/config-fault.js';
import { type Clock, systemClock } from '../crypto/clock.js';
import type { Database, DatabaseSettings } from './database.js';
import { withPostgresLock, withSqliteLock } from './migration-lock.js';
import { appliedIn, appliedNames, type Report, withMigrator } from './migrator.js';
import { isPoolerAddress } from './pooler-address.js';
import { makeDatabaseFile } from './sqlite.js';
import { copySqliteFile } from './sqlite-copy.js';

export interface MigrationResult {
  /** The names that were run, in the order they were run; none where there was nothing to do. */
  readonly ran: readonly string[];
  /** The copy taken of an existing SQLite file before it was touched. */
  readonly copy?: string;
}

export interface MigrationStatus {
  readonly applied: readonly string[];
  readonly pending: readonly string[];
  /** Applied by a program that knows more migrations than this one. */
  readonly unknown: readonly string[];
}

interface Options {
  readonly list?: readonly Migration[];
  readonly clock?: Clock;
}

/** The tables are those of a newer program, which this one could only damage. */
export class SchemaNewer extends Error {
  constructor(unknown: readonly string[]) {
    super(
      `The database was migrated by a newer Postern (unknown here: ${unknown.join(', ')}). ` +
        'Start that version, or let it undo these migrations first.',
    );
    this.name = 'SchemaNewer';
  }
}

/** The tables are those of an older program, and it is not this one's turn to change them. */
export class SchemaOlder extends Error {
  constructor(pending: readonly string[], why: string) {
    super(
      `The database waits for ${pending.length === 1 ? 'a migration' : `${pending.length} migrations`} ` +
        `(${pending.join(', ')})${why}. Run: npm run -s cli -- migrate up`,
    );
    this.name = 'SchemaOlder';
  }
}

/** Other migrations than those that somebody agreed to undo are the newest by now. */
export class MigrationsMoved extends Error {
  constructor(confirmed: readonly string[], newest: readonly string[]) {
    super(
      `Another process migrated meanwhile: ${confirmed.join(', ')} was to be undone, and now it would be ` +
        `${newest.join(', ') || 'nothing'}. Nothing was undone.`,
    );
    this.name = 'MigrationsMoved';
  }
}

const silently = (): void => {};

/**
 * Brings the schema up to this program. Of processes that start together one migrates, the others wait.
 * @throws {SchemaNewer} where the schema is ahead of the program
 * @throws {Unavailable} where PostgreSQL is away, or another process does not finish
 */
export async function migrateUp(
  settings: DatabaseSettings,
  report: Report = silently,
  { list = migrations, clock = systemClock }: Options = {},
): Promise<MigrationResult> {
  if (settings.file === ':memory:') return { ran: [] };
  if (settings.dialect === 'sqlite') makeDatabaseFile(settings.file ?? '');
  return withMigrator(settings, list, report, async (migrator) => {
    // Nothing to do needs no lock: most starts, and all those behind a pooler without a direct URL.
    if ((await knownStatus(migrator, list)).pending.length === 0) return { ran: [] };
    requireWayPast(settings);
    return locked(settings, migrator, report, async () => {
      const { pending } = await knownStatus(migrator, list);
      if (pending.length === 0) return { ran: [] };
      const copied = await copyExisting(settings, migrator, report, clock);
      await migrator.migrate.latest();
      return { ran: pending, ...copied };
    });
  });
}

/**
 * A pooler gives the lock to one connection and the migration to another: two that start together would both migrate.
 * @throws {ConfigFault}
 */
function requireWayPast({ connectionString, directUrl }: DatabaseSettings): void {
  if (directUrl !== undefined || !isPoolerAddress(connectionString)) return;
  const message =
    'leads to a pooler, through which nothing is migrated: set DATABASE_DIRECT_URL, or run `migrate up` with the ' +
    'address of PostgreSQL itself';
  throw new ConfigFault([{ setting: 'DATABASE_URL', variable: 'DATABASE_URL', message }]);
}

interface DownOptions extends Options {
  readonly all?: boolean;
  /** What somebody agreed to, newest first: these or none. */
  readonly confirmed?: readonly string[];
}

/** Those that would be undone, newest first. */
export const doomed = ({ applied }: Pick<MigrationStatus, 'applied'>, all: boolean): readonly string[] =>
  [...(all ? applied : applied.slice(-1))].reverse();

/**
 * Undoes the newest migration, or with `all` every one. Its data go with it, hence the copy.
 * @throws {MigrationsMoved} where these are not the confirmed ones
 */
export async function migrateDown(
  settings: DatabaseSettings,
  report: Report = silently,
  { list = migrations, clock = systemClock, all = false, confirmed }: DownOptions = {},
): Promise<MigrationResult> {
  if (settings.file === ':memory:') return { ran: [] };
  if ((await migrationStatus(settings, { list })).applied.length === 0) return { ran: [] };
  requireWayPast(settings);
  return withMigrator(settings, list, report, (migrator) =>
    locked(settings, migrator, report, async () => {
      const ran = doomed(await knownStatus(migrator, list), all);
      if (confirmed && ran.join() !== confirmed.join()) throw new MigrationsMoved(confirmed, ran);
      const copied = await copyExisting(settings, migrator, report, clock);
      for (const name of ran) await migrator.migrate.down({ name });
      return { ran, ...copied };
    }),
  );
}

/** Reads what was applied; changes nothing, not even where there is no database file yet. */
export async function migrationStatus(
  settings: DatabaseSettings,
  { list = migrations }: Pick<Options, 'list'> = {},
): Promise<MigrationStatus> {
  // Born migrated, and there is no file to look into.
  if (settings.file === ':memory:') return compare(namesOf(list), list);
  if (settings.dialect === 'sqlite' && !existsSync(settings.file ?? '')) return compare([], list);
  return withMigrator(settings, list, silently, async (migrator) =>
    compare(await appliedNames(migrator), list),
  );
}

/**
 * For what may not migrate.
 * @param why it may not, where that is a setting's doing
 * @throws {SchemaNewer} where the schema is ahead of the program
 * @throws {SchemaOlder} where migrations are pending
 */
export async function requireCurrentSchema(settings: DatabaseSettings, why = ''): Promise<void> {
  const { unknown, pending } = await migrationStatus(settings);
  if (unknown.length > 0) throw new SchemaNewer(unknown);
  if (pending.length > 0) throw new SchemaOlder(pending, why);
}

/** A memory database dies with its handle, and knex keeps its own: so the migrated pages are carried over. */
export async function openMigratedMemory(): Promise<BetterSqlite3.Database> {
  const settings = { dialect: 'sqlite', file: ':memory:' } as const;
  return withMigrator(settings, migrations, silently, async (migrator) => {
    await migrator.migrate.latest();
    const source: BetterSqlite3.Database = await migrator.client.acquireConnection();
    const pages = source.serialize();
    await migrator.client.releaseConnection(source);
    return new BetterSqlite3(pages);
  });
}

const namesOf = (list: readonly Migration[]): string[] => list.map(({ name }) => name);

function compare(applied: readonly string[], list: readonly Migration[]): MigrationStatus {
  const names = namesOf(list);
  return {
    applied,
    pending: names.filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !names.includes(name)),
  };
}

async function knownStatus(migrator: Knex, list: readonly Migration[]): Promise<MigrationStatus> {
  const status = compare(await appliedNames(migrator), list);
  if (status.unknown.length > 0) throw new SchemaNewer(status.unknown);
  return status;
}

function locked<T>(
  { dialect, file = '' }: DatabaseSettings,
  migrator: Knex,
  report: Report,
  work: () => Promise<T>,
): Promise<T> {
  const waiting = () => report('Waiting for another process that is migrating or copying the database');
  const alone = async () => {
    // A killed migrator cannot free knex' own lock row; nobody else can hold it while we hold ours.
    await migrator.migrate.forceFreeMigrationsLock();
    return work();
  };
  return dialect === 'sqlite'
    ? withSqliteLock(file, waiting, alone)
    : withPostgresLock(migrator, waiting, alone);
}

async function copyExisting(
  { dialect, file = '' }: DatabaseSettings,
  migrator: Knex,
  report: Report,
  clock: Clock,
): Promise<{ copy?: string }> {
  if (dialect !== 'sqlite' || (await migrator('sqlite_master').first('name')) === undefined) return {};
  const copy = copySqliteFile(file, clock.now());
  report(`Copied the database to ${copy} before changing it`);
  return { copy };
}

/**
 * Throws unless every migration this program knows has been applied. For `/readyz`, hence over what is open:
 * anybody may ask, and each of knex's would be a connection more.
 */
export async function requireMigrated(database: Database): Promise<void> {
  const { pending } = compare(await appliedIn(database), migrations);
  if (pending.length > 0) throw new Error(`pending migrations: ${pending.join(', ')}`);
}

/** Before the database is opened: migrates it, or with `MIGRATE=off` requires that somebody did. */
export async function prepareSchema(
  settings: DatabaseSettings & { readonly migrate: boolean },
  report?: (line: string) => void,
): Promise<MigrationResult> {
  if (settings.migrate) return migrateUp(settings, report);
  await requireCurrentSchema(settings, ' and MIGRATE is off');
  return { ran: [] };
}
