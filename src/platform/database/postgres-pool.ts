import pg from 'pg';
import { sha256 } from '../crypto/ids.js';
import type { DatabaseLog, DatabaseSettings } from './database.js';
import { patience } from './patience.js';
import { isPoolerAddress } from './pooler-address.js';

/** A text with a list in it may come in any length; what comes after so many goes unnamed. */
const MAX_STATEMENTS = 500;

const INT8 = 20;

/** bigint columns hold milliseconds and counts, well inside what a number holds exactly. */
export const plainTypes = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8 ? Number : pg.types.getTypeParser(oid, format),
} as pg.CustomTypesConfig;

export function createPool(settings: DatabaseSettings, log: DatabaseLog): pg.Pool {
  const { timeoutMs, poolMax, connectionString } = settings;
  const pool = new pg.Pool({
    connectionString,
    max: poolMax,
    connectionTimeoutMillis: patience(timeoutMs).connectionMs,
    keepAlive: true,
    types: plainTypes,
    ...(isPooled(settings) ? {} : serverLimits(timeoutMs)),
  });
  // Without listeners a connection that dies would take the process with it: idle ones report to the
  // pool, those in use to themselves (and the query in flight fails as well).
  pool.on('error', (error) => log.warn({ err: error }, 'an idle database connection was lost'));
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

const serverLimits = (timeoutMs: number) => ({
  application_name: 'postern',
  statement_timeout: patience(timeoutMs).serverMs,
  lock_timeout: patience(timeoutMs).serverMs,
  idle_in_transaction_session_timeout: timeoutMs * 2,
});

/**
 * Behind a transaction pooler (PgBouncer) a name prepared on one server connection is asked for on
 * another, and limits in the startup message are refused.
 */
export function isPooled({ prepared, directUrl, connectionString }: DatabaseSettings): boolean {
  if (prepared === 'off' || directUrl !== undefined) return true;
  return isPoolerAddress(connectionString);
}

/**
 * Names of prepared statements. A name follows from the text, so it means the same on every connection; where one no
 * longer fits (its tables changed), all that were prepared before are in doubt, on every connection of the pool, and
 * get other names: one more try is enough then, however many connections there are.
 */
export interface StatementNames {
  /** With the text as it is to be sent: PgBouncer tells statements apart by it, and not by their names. */
  of(text: string): { readonly name?: string; readonly text?: string };
  /** Counts the times that the names were exchanged. */
  readonly generation: number;
  /** Exchanges them, unless that was done since `generation`. */
  exchange(generation: number): void;
}

export function statementNames(settings: DatabaseSettings): StatementNames {
  const names = new Map<string, { readonly name: string; readonly text: string }>();
  const named = settings.prepared === 'on' || !isPooled(settings);
  let current = 0;
  return {
    of(text) {
      const known = names.get(text);
      if (known !== undefined || !named) return known ?? {};
      if (names.size >= MAX_STATEMENTS) return {};
      const made = {
        name: `postern_${sha256(text).slice(0, 22)}_${current}`,
        text: current === 0 ? text : `/* ${current} */ ${text}`,
      };
      names.set(text, made);
      return made;
    },
    get generation() {
      return current;
    },
    exchange(generation) {
      if (generation !== current) return;
      current += 1;
      names.clear();
    },
  };
}
