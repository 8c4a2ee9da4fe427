import { Unavailable } from '../errors/errors.js';
import { UniqueViolation } from './database.js';

/** By its code, not its class: the addon keeps the class of whoever loaded it first (a jest file, say). */
function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

/** Another process holds the write lock: worth another try. */
export const isBusy = (error: unknown): boolean => /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error));

/** The disk, not the statement, is at fault: no other unit would fare better. */
export const isDiskFault = (error: unknown): boolean =>
  /^SQLITE_(FULL|IOERR|CANTOPEN|READONLY|NOMEM)/.test(codeOf(error));

/** What a store sees of a fault of SQLite. */
export function storageError(error: unknown): unknown {
  if (isBusy(error) || isDiskFault(error)) return new Unavailable(error);
  const code = codeOf(error);
  if (code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY') {
    return new UniqueViolation(constraintName(code, String((error as Error).message)), error);
  }
  return error;
}

/**
 * SQLite names columns ("UNIQUE constraint failed: consents.account_id, consents.client_id") where
 * PostgreSQL names the index; the names knex gives indexes let both speak PostgreSQL's.
 */
function constraintName(code: string, message: string): string {
  const columns = message.slice(message.indexOf(': ') + 2).split(', ');
  const [table = '', first = ''] = columns[0]?.split('.') ?? [];
  if (code === 'SQLITE_CONSTRAINT_PRIMARYKEY') return `${table}_pkey`;
  const rest = columns.slice(1).map((column) => column.split('.')[1]);
  return [table, first, ...rest, 'unique'].join('_');
}
