import { setTimeout as sleep } from 'node:timers/promises';
import knex from 'knex';
import type pg from 'pg';
import type { Database, DatabaseLog, DatabaseSettings, DatabaseWatch, Query } from './database.js';
import { isConflict, isConnectionFault, isOutdated, isStale, storageError } from './postgres-errors.js';
import { gatherReads } from './gathered-reads.js';
import { type Found, manyTimes, splitArray, splitObject } from './many-times.js';
import { patience } from './patience.js';
import { createPool, type StatementNames, statementNames } from './postgres-pool.js';
import { type NativeStep, render, renderStep, type Statement } from './statement.js';

/** The executor over a pool of PostgreSQL connections. */
export interface PostgresDatabase extends Database {
  readonly dialect: 'postgres';
  /** One statement: one round trip, atomic by itself. Rows come as arrays. */
  query<Row>(statement: Statement): Promise<Row[]>;
  /** As `reader`, of a `SELECT` that is text already, with no end of its own. Rows come as arrays. */
  rawReader<Row extends readonly unknown[]>(
    example: Statement,
  ): (...values: readonly unknown[]) => Promise<Row[]>;
  /** As `run`, of a statement that is text already. */
  change(statement: Statement): Promise<number>;
  /** As `write`, of statements that are text already. */
  unit(steps: readonly NativeStep[]): Promise<boolean>;
}

/** How often a unit that met another in a conflict is tried again. */
const RETRIES = 3;

export function createPostgresDatabase(
  settings: DatabaseSettings,
  log: DatabaseLog,
  watch?: DatabaseWatch,
): PostgresDatabase {
  const pool = createPool(settings, log);
  const names = statementNames(settings);

  const { wholeMs, connectionMs } = patience(settings.timeoutMs);

  /** @param until of `performance.now` */
  const withClient = <T>(
    work: (client: pg.PoolClient) => Promise<T>,
    until = performance.now() + wholeMs,
  ): Promise<T> =>
    again(
      names,
      () => (watch ? onWatchedConnection(pool, until, work, watch) : onConnection(pool, until, work)),
      // There must be time for another connection, or one at hand.
      () => performance.now() < until - (pool.idleCount > 0 ? 0 : connectionMs),
    );

  /** For what only reads: where its connection is lost under it, it is asked once more in the same time. */
  async function readWithClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const until = performance.now() + wholeMs;
    let lost = false;
    const once = async (client: pg.PoolClient): Promise<T> => {
      lost = false;
      try {
        return await work(client);
      } catch (error) {
        lost = isConnectionFault(error) && !isStale(error);
        throw error;
      }
    };
    try {
      return await withClient(once, until);
    } catch (error) {
      // There must be time for another connection.
      if (!lost || performance.now() > until - connectionMs) throw error;
      return withClient(work, until);
    }
  }

  const execute = (client: pg.PoolClient, { text, values }: Statement) =>
    client.query<pg.QueryResultRow>({ text, values: [...values], ...names.of(text) });

  const raw = (client: pg.PoolClient, { text, values }: Statement) =>
    client.query<unknown[]>({ text, values: [...values], rowMode: 'array', ...names.of(text) });

  const change = (statement: Statement): Promise<number> =>
    withClient(async (client) => (await execute(client, statement)).rowCount ?? 0);

  function gathered<Row>(
    once: Statement,
    ask: (client: pg.PoolClient, statement: Statement) => Promise<{ rows: unknown[] }>,
    split: (found: unknown) => Found<Row>,
  ): (...values: readonly unknown[]) => Promise<Row[]> {
    const many = manyTimes(once);
    const read = async (text: string, values: readonly unknown[]): Promise<unknown[]> =>
      (await readWithClient((client) => ask(client, { text, values }))).rows;
    const readEach = gatherReads(async (asked: readonly (readonly unknown[])[]) => {
      const [first, second] = asked;
      // Alone it has a plan that PostgreSQL keeps.
      if (first && !second) return [(await read(once.text, first)) as Row[]];
      const answers = asked.map((): Row[] => []);
      for (const found of await read(many.text, many.values(asked))) {
        const { asker, row } = split(found);
        answers[asker - 1]?.push(row);
      }
      return answers;
    });
    return (...values) => readEach(values);
  }

  async function all<Row>(query: Query): Promise<Row[]> {
    const statement = render(query);
    return withClient(async (client) => (await execute(client, statement)).rows as Row[]);
  }

  async function unit(steps: readonly NativeStep[]): Promise<boolean> {
    const [only, second] = steps;
    if (only === undefined) return true;
    // One statement is a transaction by itself and saves two round trips.
    if (second === undefined) return (await change(only)) > 0 || !only.guard;
    return withClient((client) => transact(client, steps));
  }

  /** A guard that held nothing gives the whole transaction up. */
  async function transact(client: pg.PoolClient, steps: readonly NativeStep[]): Promise<boolean> {
    await client.query('BEGIN');
    try {
      for (const step of steps) {
        const { rowCount } = await execute(client, step);
        if (step.guard && !rowCount) return await rollback(client);
      }
      await client.query('COMMIT');
      return true;
    } catch (error) {
      if (!isConnectionFault(error)) await rollback(client);
      throw error;
    }
  }

  return {
    dialect: 'postgres',
    sql: knex({ client: 'pg' }),
    query: <Row>(statement: Statement) =>
      withClient(async (client) => (await raw(client, statement)).rows as Row[]),
    change,
    unit,
    all,
    first: async <Row>(query: Query) => (await all<Row>(query))[0],
    rawReader: <Row extends readonly unknown[]>(example: Statement) =>
      gathered(example, raw, splitArray<Row>),
    reader: <Row>(query: Query) => gathered(render(query), execute, splitObject<Row>),
    write: (steps) => unit(steps.map(renderStep)),
    run: async (query) => change(render(query)),
    ping: () => withClient(refuseStandby),
    close: () => pool.end(),
  };
}

/**
 * A connection in doubt does not go back to the pool. Nor does one that is still at work when the time is over
 * (`until`, of `performance.now`): it is dropped, which ends the work, however many statements it has left.
 */
async function onConnection<T>(
  pool: pg.Pool,
  until: number,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let held = true;
  const release = (drop: boolean): void => {
    if (held) client.release(drop);
    held = false;
  };
  const limit = setTimeout(release, until - performance.now(), true);
  try {
    const result = await work(client);
    release(false);
    return result;
  } catch (error) {
    release(isConnectionFault(error));
    throw error;
  } finally {
    clearTimeout(limit);
  }
}

async function onWatchedConnection<T>(
  pool: pg.Pool,
  until: number,
  work: (client: pg.PoolClient) => Promise<T>,
  watch: DatabaseWatch,
): Promise<T> {
  const begun = performance.now();
  let held = begun;
  const timed = (client: pg.PoolClient): Promise<T> => {
    held = performance.now();
    watch.waited(held - begun);
    return work(client);
  };
  return onConnection(pool, until, timed).finally(() => watch.roundTrip(performance.now() - held));
}

async function again<T>(names: StatementNames, work: () => Promise<T>, isTime: () => boolean): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    const { generation } = names;
    try {
      return await work();
    } catch (error) {
      if (isOutdated(error)) names.exchange(generation);
      if (attempt === RETRIES || !(isConflict(error) || isStale(error))) throw storageError(error);
      // Jitter, or transactions that collided once would collide again.
      await sleep(Math.random() * 10 * (attempt + 1));
      if (!isTime()) throw storageError(error);
    }
  }
}

/** What takes no writes is not the database, though it answers. Thrown at work, so that the connection goes too. */
async function refuseStandby(client: pg.PoolClient): Promise<void> {
  const { rows } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
  if (rows[0]?.standby) throw new Error('the server is a standby');
}

async function rollback(client: pg.PoolClient): Promise<false> {
  await client.query('ROLLBACK');
  return false;
}
