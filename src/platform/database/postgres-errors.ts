import type pg from 'pg';
import { Unavailable } from '../errors/errors.js';
import { UniqueViolation } from './database.js';

/**
 * The server is away, full, or would not answer in time: connection (08), resources (53), shutdown and
 * cancelled by timeout (57), lock not granted, idle in transaction, a standby after a failover.
 */
const AWAY = /^(08...|53...|57...|55P03|25P0[34]|25006)$/;

/** A conflict with another transaction: the same statement may succeed now. */
const CONFLICT = new Set(['40001', '40P01']);

/**
 * A prepared statement that no longer fits: the tables changed under it (0A000), or a pooler gave us
 * another server connection (26000, 42P05). A fresh connection prepares it again.
 */
const STALE = new Set(['0A000', '26000', '42P05']);

/** By what only the server sends: where SQLite is used, the driver is not even loaded. */
export const isFromServer = (error: unknown): error is pg.DatabaseError =>
  error instanceof Error && 'severity' in error && 'routine' in error;

const codeOf = (error: unknown): string => (isFromServer(error) ? (error.code ?? '') : '');

export const isConflict = (error: unknown): boolean => CONFLICT.has(codeOf(error));

export const isStale = (error: unknown): boolean => STALE.has(codeOf(error));

/** The tables changed under a prepared statement: wherever it was prepared before, it fails like this. */
export const isOutdated = (error: unknown): boolean =>
  isFromServer(error) && error.code === '0A000' && error.routine === 'RevalidateCachedQuery';

/** A value that the server cannot take, such as a text with a NUL. */
export const isUnreadable = (error: unknown): boolean => codeOf(error).startsWith('22');

/**
 * The connection itself is in doubt: it must not go back to the pool. One that may only read leads to the
 * server that was demoted in a failover, and would lead there for as long as it lives; another may not.
 */
export const isConnectionFault = (error: unknown): boolean =>
  !isFromServer(error) || isStale(error) || /^(08|57P|25P0|25006)/.test(codeOf(error));

/** What a store sees of a fault of PostgreSQL. */
export function storageError(error: unknown): unknown {
  if (error instanceof TypeError || error instanceof RangeError) return error;
  // Whatever did not come from the server itself came from the way to it.
  if (!isFromServer(error)) return new Unavailable(error);
  if (error.code === '23505') return new UniqueViolation(error.constraint ?? '', error);
  if (AWAY.test(error.code ?? '') || isConflict(error) || isOutdated(error)) return new Unavailable(error);
  return error;
}
