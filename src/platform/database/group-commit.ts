import type BetterSqlite3 from 'better-sqlite3';
import { Unavailable } from '../errors/errors.js';
import { isBusy, isDiskFault, storageError } from './sqlite-errors.js';

/** One atomic piece of work, synchronous. It may run twice (`oneByOne`), so it touches only the handle. */
export type Work<T> = (db: BetterSqlite3.Database) => T;

export interface GroupCommit {
  submit<T>(work: Work<T>): Promise<T>;
  /** As `submit`, for what a power cut may undo: alone, it does not wait for the disk. */
  tidy<T>(work: Work<T>): Promise<T>;
  /** Lets the queue run empty, then refuses further work. */
  close(): Promise<void>;
}

interface CommitWatch {
  /** @param weight about as many units of requests would have written as many pages */
  committed(milliseconds: number, units: number, weight: number): void;
}

/** Of a commit that only tidies: it touches rows that lie far apart. */
const TIDY_WEIGHT = 10;

interface Unit {
  readonly deadline: number;
  readonly work: Work<unknown>;
  readonly mayBeUndone: boolean;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** A longer transaction than this would hold up the event loop and the other processes. */
const MAX_BATCH = 500;

/**
 * Under load one commit begins no sooner after another, so that more of them are one. Who is alone does not wait:
 * where a wait brought no company, none is tried again for a while.
 */
const SPACING_MS = 6;
const ALONE_MS = 250;

/**
 * Commits the units of one turn together: a commit with its fsync costs more than the rest of a
 * request. A batch begins and ends in one synchronous stretch, so nobody reads rows that are not
 * committed and no lock is held across turns.
 * @param endReads ends the read transaction of the turn, which would stand in the way of a batch
 */
export function createGroupCommit(
  db: BetterSqlite3.Database,
  timeoutMs: number,
  endReads: () => void,
  watch: CommitWatch,
): GroupCommit {
  const queue: Unit[] = [];
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const rollback = db.prepare('ROLLBACK');
  let scheduled = false;
  let closed = false;
  let drained = () => {};
  let lastFlush = 0;
  let waited = false;
  let aloneUntil = 0;

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    const now = performance.now();
    const wait = lastFlush + SPACING_MS - now;
    waited = wait >= 1 && now >= aloneUntil && !closed;
    if (waited) setTimeout(flush, wait);
    else setImmediate(flush);
  }

  function flush(): void {
    scheduled = false;
    lastFlush = performance.now();
    if (waited && queue.length === 1) aloneUntil = lastFlush + ALONE_MS;
    const batch = queue.splice(0, MAX_BATCH);
    try {
      transact(batch);
    } catch (error) {
      if (isBusy(error)) waitForTurn(batch, error);
      else if (isDiskFault(error) || batch.length === 1) refuse(batch, error);
      else oneByOne(batch);
    }
    goOn();
  }

  /** Nobody hears of success before the commit. */
  function transact(units: readonly Unit[]): void {
    const values: unknown[] = [];
    endReads();
    const begun = performance.now();
    const unsynced = units.every(({ mayBeUndone }) => mayBeUndone);
    // The next commit that waits for the disk takes this one with it: the log is written in order.
    if (unsynced) db.pragma('synchronous = NORMAL');
    try {
      begin.run();
      for (const unit of units) values.push(unit.work(db));
      commit.run();
    } catch (error) {
      // After some faults (disk full, I/O) SQLite has rolled back by itself.
      if (db.inTransaction) rollback.run();
      throw error;
    } finally {
      if (unsynced) db.pragma('synchronous = FULL');
    }
    watch.committed(performance.now() - begun, units.length, unsynced ? TIDY_WEIGHT : units.length);
    units.forEach((unit, index) => {
      unit.resolve(values[index]);
    });
  }

  /** A unit that cannot be executed fails alone; its neighbours are not made to pay for it. */
  function oneByOne(batch: readonly Unit[]): void {
    for (const [index, unit] of batch.entries()) {
      try {
        transact([unit]);
      } catch (error) {
        if (isBusy(error)) {
          waitForTurn(batch.slice(index), error);
          return;
        }
        refuse([unit], error);
      }
    }
  }

  /** Waiting inside SQLite would freeze the event loop, `/livez` included; so it is done by timer. */
  function waitForTurn(batch: readonly Unit[], cause: unknown): void {
    const now = performance.now();
    refuse(
      batch.filter((unit) => unit.deadline <= now),
      cause,
    );
    queue.unshift(...batch.filter((unit) => unit.deadline > now));
    if (queue.length === 0) return;
    scheduled = true;
    waited = false;
    // Jitter, or processes that collided once would collide again.
    setTimeout(flush, 5 + Math.random() * 20);
  }

  function refuse(units: readonly Unit[], error: unknown): void {
    for (const unit of units) unit.reject(storageError(error));
  }

  function goOn(): void {
    if (queue.length > 0) schedule();
    else drained();
  }

  function put<T>(work: Work<T>, mayBeUndone: boolean): Promise<T> {
    if (closed) return Promise.reject(new Unavailable('the database is closed'));
    return new Promise<T>((resolve, reject) => {
      const settle = resolve as (value: unknown) => void;
      queue.push({ work, mayBeUndone, deadline: performance.now() + timeoutMs, resolve: settle, reject });
      schedule();
    });
  }

  return {
    submit: (work) => put(work, false),
    tidy: (work) => put(work, true),
    close() {
      closed = true;
      if (!scheduled) return Promise.resolve();
      return new Promise((resolve) => {
        drained = resolve;
      });
    },
  };
}
