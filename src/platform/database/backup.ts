/**
 * A backup is one SQLite file, whatever it was taken from: the tables as they were at one moment, and a
 * manifest that says what must be in them. Taking one holds nobody up. Keys and secrets outside the database
 * (`SECRET_KEY`, `KEYS_DIR`) are not in it.
 */
import { closeSync, existsSync, openSync } from 'node:fs';
import BetterSqlite3 from 'better-sqlite3';
import { errorCode } from '../config/error-code.js';
import { type Clock, systemClock } from '../crypto/clock.js';
import {
  type Copied,
  type CopiedTable,
  CopyFault,
  type CopyOptions,
  copyTables,
  filledTables,
  measureAll,
  openSide,
} from './copy.js';
import { type CopySide, MANIFEST_TABLE } from './copy-side.js';
import type { DatabaseSettings } from './database.js';
import { withDraft } from './draft.js';
import { migrateUp, migrationStatus, requireCurrentSchema, SchemaNewer } from './migrate.js';
import type { Report } from './migrator.js';
import { naming, PlaceFault } from './place-fault.js';
import { vacuumInto } from './sqlite-copy.js';

interface Deps {
  readonly report: Report;
  readonly clock?: Clock;
}

/** @throws {CopyFault} where the file exists or the copy cannot be made; then there is no file */
export async function takeBackup(
  settings: DatabaseSettings,
  file: string,
  { report, clock = systemClock }: Deps,
): Promise<Copied> {
  await requireCurrentSchema(settings);
  const taken = new CopyFault(`${file} exists; choose another name.`);
  if (existsSync(file)) throw taken;
  try {
    return await withDraft(file, async (draft) => {
      const target = place(draft, file);
      const notCopied =
        settings.dialect === 'sqlite'
          ? copyFile(settings.file ?? '', draft, file)
          : await copyToFile(settings, target, report);
      return { tables: await naming(file, () => sealBackup(target, clock.now())), notCopied };
    });
  } catch (error) {
    throw errorCode(error) === 'EEXIST' ? taken : error;
  }
}

const place = (file: string, name = file): DatabaseSettings => ({
  name,
  dialect: 'sqlite',
  file,
  prepared: 'auto',
  poolMax: 1,
  timeoutMs: 3_000,
});

/** What only the database that is read can be to blame for. */
const OF_SOURCE = /^SQLITE_(CORRUPT|NOTADB|BUSY)/;

/** All that is in it, in a third of the time that reading row by row takes; what is not ours `restore` leaves out. */
function copyFile(source: string, draft: string, file: string): string[] {
  try {
    closeSync(openSync(draft, 'wx', 0o600));
    vacuumInto(source, draft);
  } catch (error) {
    throw OF_SOURCE.test(errorCode(error) ?? '') ? error : new PlaceFault(file, error);
  }
  return [];
}

async function copyToFile(
  settings: DatabaseSettings,
  target: DatabaseSettings,
  report: Report,
): Promise<readonly string[]> {
  await migrateUp(target);
  return (await copyBetween(settings, target, report)).notCopied;
}

/** Looks at the whole file once more, as a reader will, and writes down what is in it. */
async function sealBackup(target: DatabaseSettings, now: number): Promise<CopiedTable[]> {
  const side = await openSide(target, 'read');
  const tables = await measureAll(side).finally(() => side.close());
  const db = new BetterSqlite3(target.file ?? '');
  try {
    if (db.pragma('integrity_check', { simple: true }) !== 'ok') throw new CopyFault('The copy is damaged.');
    // One file: no -wal beside it that could be left behind.
    db.pragma('journal_mode = DELETE');
    // A backup that was put in the place of the database has one already.
    db.exec(`DROP TABLE IF EXISTS ${MANIFEST_TABLE}`);
    db.exec(`CREATE TABLE ${MANIFEST_TABLE} (made_at INTEGER NOT NULL, tables TEXT NOT NULL)`);
    db.prepare(`INSERT INTO ${MANIFEST_TABLE} VALUES (?, ?)`).run(now, JSON.stringify(tables));
  } finally {
    db.close();
  }
  return tables;
}

async function readManifest(file: string): Promise<CopiedTable[]> {
  if (!existsSync(file)) throw new CopyFault(`There is no file ${file}.`);
  const db = await naming(file, () => new BetterSqlite3(file, { readonly: true }));
  try {
    return JSON.parse(db.prepare(`SELECT tables FROM ${MANIFEST_TABLE}`).pluck().get() as string);
  } catch {
    throw new CopyFault(`${file} is no backup of Postern, or it is damaged.`);
  } finally {
    db.close();
  }
}

/**
 * Into an empty database, which is migrated first.
 * @throws {CopyFault} and nothing is written
 */
export async function restoreBackup(
  file: string,
  settings: DatabaseSettings,
  { report }: Deps,
): Promise<Copied> {
  const expected = await readManifest(file);
  const { pending, unknown } = await migrationStatus(place(file));
  if (pending.length + unknown.length > 0) {
    throw new CopyFault(
      `The backup was made by ${unknown.length > 0 ? 'a newer' : 'an older'} Postern ` +
        `(${[...unknown, ...pending].join(', ')}). Restore it with that version, then migrate.`,
    );
  }
  await prepareTarget(settings, report);
  return copyBetween(place(file), settings, report, { expected });
}

/**
 * Brings the target to this program's version, unless it holds something: that may be another program's or another
 * server's, and stays as it is. What is in one of this version the copy itself looks at.
 * @throws {CopyFault}
 */
export async function prepareTarget(
  settings: DatabaseSettings,
  report: Report,
  { replace = false }: Pick<CopyOptions, 'replace'> = {},
): Promise<void> {
  const { pending, unknown } = await migrationStatus(settings);
  if (unknown.length > 0) throw new SchemaNewer(unknown);
  if (pending.length === 0) return;
  if (settings.dialect === 'postgres' || existsSync(settings.file ?? '')) {
    const target = await openSide(settings, 'read');
    await requireVacant(target, replace).finally(() => target.close());
  }
  await migrateUp(settings, report);
}

/** A migration would change it before it is certain that the copy can be made. */
async function requireVacant(target: CopySide, replace: boolean): Promise<void> {
  const tables = await target.tables();
  const found = replace ? tables : await filledTables(target, tables);
  if (found.length === 0) return;
  throw new CopyFault(
    `The target is not empty, and not of this version: there ${replace ? 'is' : 'are rows in'} ${found.join(', ')}. ` +
      'Name another one, or run there first: migrate up',
  );
}

/** From one database into another of this program's version, which is empty or is to be replaced. */
export async function copyBetween(
  from: DatabaseSettings,
  to: DatabaseSettings,
  report: Report,
  options: CopyOptions = {},
): Promise<Copied> {
  const source = await openSide(from, 'read');
  try {
    const target = await openSide(to, 'write');
    try {
      return await copyTables(source, target, report, options);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}
