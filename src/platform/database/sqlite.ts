import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import knex from 'knex';
import { createCheckpoints } from './checkpoints.js';
import type { Database, DatabaseLog, DatabaseSettings, DatabaseWatch, Query } from './database.js';
import { createGroupCommit, type Work } from './group-commit.js';
import { patience } from './patience.js';
import { storageError } from './sqlite-errors.js';
import { createTurnSnapshot } from './turn-snapshot.js';
import { type NativeStep, render, renderStep, type Statement } from './statement.js';

type Prepared = BetterSqlite3.Statement<unknown[], unknown>;

/** The executor over one better-sqlite3 handle, which is the only one of this thread. */
export interface SqliteDatabase extends Database {
  readonly dialect: 'sqlite';
  /** The statement for this text, prepared once. For reads after `reading` and for anything inside `submit`. */
  prepare(text: string): Prepared;
  /** Before a read outside `submit`. */
  reading(): void;
  /**
   * The same read, which looks once for what several requests of one turn ask. For outside `submit`.
   * @throws {Unavailable} as soon as it is asked and the file cannot be read
   */
  onceASnapshot<Value, Answer>(read: (value: Value) => Answer): (value: Value) => Answer;
  /**
   * Runs `work` inside the next common transaction. It must be synchronous, must decide before it
   * writes (what it returns is committed), and may run twice when a neighbour fails.
   * @throws {Unavailable} when the database stays locked or the disk is full
   */
  submit<T>(work: Work<T>): Promise<T>;
  /** As `submit`, for what a power cut may undo: alone in its transaction, it does not wait for the disk. */
  tidy<T>(work: Work<T>): Promise<T>;
}

/** Beyond this many texts the oldest goes: a text with a list in it may come in any length. */
const MAX_STATEMENTS = 500;

/** Waiting inside SQLite blocks the event loop; what takes longer is retried by timer. */
const BUSY_TIMEOUT_MS = 20;

/** What a reader that stood still for long, such as a backup, let the log grow to beyond this is given back, bytes. */
const LARGEST_LOG = 64 * 1024 * 1024;

/** Where the thread does not bring the log over, SQLite does with every commit while it is longer than this. */
const AUTOCHECKPOINT_PAGES = 4000;

/** Makes the data directory and the file, for the owner alone, where they are missing. */
export function makeDatabaseFile(file: string): void {
  if (file === ':memory:') return;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  // SQLite gives the -wal and -shm files the mode of the main one.
  closeSync(openSync(file, 'a', 0o600));
}

export function openSqliteFile(file: string, timeoutMs: number): BetterSqlite3.Database {
  makeDatabaseFile(file);
  // The change to WAL needs every other handle to pause, so opening may wait longer.
  const handle = new BetterSqlite3(file, { timeout: timeoutMs });
  try {
    handle.pragma('journal_mode = WAL');
    // NORMAL could lose the last commits at a power cut: an issued code would be forgotten, or worse, unused.
    handle.pragma('synchronous = FULL');
    handle.pragma('trusted_schema = OFF');
    handle.pragma('temp_store = MEMORY');
    handle.pragma(`journal_size_limit = ${LARGEST_LOG}`);
    handle.pragma(`wal_autocheckpoint = ${AUTOCHECKPOINT_PAGES}`);
    handle.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    return handle;
  } catch (error) {
    handle.close();
    throw storageError(error);
  }
}

export function createSqliteDatabase(
  handle: BetterSqlite3.Database,
  { timeoutMs }: Pick<DatabaseSettings, 'timeoutMs'>,
  log?: DatabaseLog,
  watch?: DatabaseWatch,
): SqliteDatabase {
  const prepare = statementCache(handle);
  const snapshot = createTurnSnapshot(handle);
  const checkpoints = handle.memory ? undefined : createCheckpoints(handle.name, log);
  const group = createGroupCommit(handle, patience(timeoutMs).wholeMs, snapshot.end, {
    committed(milliseconds, units, weight) {
      watch?.committed(milliseconds, units);
      checkpoints?.committed(weight);
    },
  });

  function onceASnapshot<Value, Answer>(
    read: (value: Value) => Answer,
    isSame: (one: Value, other: Value) => boolean = Object.is,
  ): (value: Value) => Answer {
    let last: { readonly number: number; readonly value: Value; readonly answer: Answer } | undefined;
    return (value) =>
      attempt(() => {
        const number = snapshot.begin();
        if (last !== undefined && last.number === number && isSame(last.value, value)) return last.answer;
        const answer = read(value);
        last = number === undefined ? undefined : { number, value, answer };
        return answer;
      });
  }

  async function all<Row>(query: Query): Promise<Row[]> {
    const statement = render(query);
    // INSERT … RETURNING answers rows and still is a write.
    if (!attempt(() => prepare(statement.text)).readonly) {
      return group.submit(() => rowsOf<Row>(prepare, statement));
    }
    return attempt(() => {
      snapshot.begin();
      return rowsOf<Row>(prepare, statement);
    });
  }

  return {
    dialect: 'sqlite',
    sql: knex({ client: 'better-sqlite3', useNullAsDefault: true }),
    prepare,
    reading: () => void snapshot.begin(),
    onceASnapshot,
    submit: group.submit,
    tidy: group.tidy,
    all,
    first: async <Row>(query: Query) => (await all<Row>(query))[0],
    reader<Row>(query: Query) {
      const statement = handle.prepare<unknown[], Row>(render(query).text);
      const read = onceASnapshot((values: readonly unknown[]) => statement.all(values), sameValues);
      return (...values: readonly unknown[]) => read(values);
    },
    async write(steps) {
      const rendered = steps.map(renderStep);
      return group.submit((db) => runSteps(db, prepare, rendered));
    },
    async run(query) {
      const statement = render(query);
      return group.submit(() => changesOf(prepare, statement));
    },
    async ping() {
      attempt(() => prepare('SELECT 1').get());
    },
    async close() {
      await group.close();
      snapshot.end();
      await checkpoints?.close();
      handle.close();
    },
  };
}

const sameValues = (some: readonly unknown[], others: readonly unknown[]): boolean =>
  some.every((value, at) => value === others[at]);

function statementCache(handle: BetterSqlite3.Database): (text: string) => Prepared {
  const statements = new Map<string, Prepared>();
  return (text) => {
    const known = statements.get(text);
    if (known !== undefined) return known;
    const oldest = statements.size < MAX_STATEMENTS ? undefined : statements.keys().next().value;
    if (oldest !== undefined) statements.delete(oldest);
    const made = handle.prepare<unknown[], unknown>(text);
    statements.set(text, made);
    return made;
  };
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storageError(error);
  }
}

const rowsOf = <Row>(prepare: SqliteDatabase['prepare'], { text, values }: Statement): Row[] =>
  prepare(text).all(...values) as Row[];

function changesOf(prepare: SqliteDatabase['prepare'], { text, values }: Statement): number {
  const statement = prepare(text);
  return statement.reader ? statement.all(...values).length : statement.run(...values).changes;
}

/** `false` where a guard held nothing; then nothing of the unit stays written. */
function runSteps(
  db: BetterSqlite3.Database,
  prepare: SqliteDatabase['prepare'],
  steps: readonly NativeStep[],
): boolean {
  // Only a guard behind another statement can leave something to take back.
  const savepoint = steps.some((step, index) => step.guard && index > 0);
  if (savepoint) db.exec('SAVEPOINT unit');
  const held = steps.every((step) => changesOf(prepare, step) > 0 || !step.guard);
  if (savepoint) db.exec(held ? 'RELEASE unit' : 'ROLLBACK TO unit; RELEASE unit');
  return held;
}
