import { setTimeout as sleep } from 'node:timers/promises';
import BetterSqlite3 from 'better-sqlite3';
import type { Knex } from 'knex';
import { Unavailable } from '../errors/errors.js';
import { isBusy } from './sqlite-errors.js';

/** Another process that migrates a large database may well take this long. */
const PATIENCE_MS = 10 * 60_000;

const POLL_MS = 100;

/** Any number will do, as long as every Postern uses the same one. */
const ADVISORY_KEY = 76_783_776;

/**
 * Both locks die with the process or its connection, so a killed migrator leaves nothing stuck.
 * knex' own lock row would stay: whoever holds one of these frees it first.
 */
export async function withSqliteLock<T>(
  file: string,
  waiting: () => void,
  work: () => Promise<T>,
): Promise<T> {
  // A file of its own: the database itself is locked and unlocked by the migrations.
  const side = new BetterSqlite3(`${file}.migrate-lock`, { timeout: 0 });
  try {
    await until(async () => tryExclusive(side), waiting);
    return await work();
  } finally {
    side.close();
  }
}

/** @param migrator with a pool of one: the lock belongs to the very connection that migrates, and ends with it */
export async function withPostgresLock<T>(
  migrator: Knex,
  waiting: () => void,
  work: () => Promise<T>,
): Promise<T> {
  await until(async () => {
    const { rows } = await migrator.raw('SELECT pg_try_advisory_lock(?) AS held', [ADVISORY_KEY]);
    return rows[0].held === true;
  }, waiting);
  try {
    return await work();
  } finally {
    // Behind a pooler the connection to the server outlives ours, and the lock would with it.
    await migrator.raw('SELECT pg_advisory_unlock(?)', [ADVISORY_KEY]).catch(() => {});
  }
}

/** For a transaction. It ends with it, so that a pooler may stand between. */
export const TRY_SHARED = `SELECT pg_try_advisory_xact_lock_shared(${ADVISORY_KEY})`;

/**
 * A migrator that waited for a table which is being read for long would have everybody wait behind it. It waits for
 * this lock instead, with nobody behind; and who comes while it migrates waits for it here.
 * @param attempt begins a transaction with `TRY_SHARED`, or none
 */
export const untilNobodyMigrates = (attempt: () => Promise<boolean>): Promise<void> =>
  until(attempt, () => {});

function tryExclusive(side: BetterSqlite3.Database): boolean {
  try {
    side.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    throw error;
  }
}

async function until(held: () => Promise<boolean>, waiting: () => void): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  if (await held()) return;
  waiting();
  do {
    if (performance.now() > end) throw new Unavailable('another process never finished migrating');
    await sleep(POLL_MS);
  } while (!(await held()));
}
