import type { Database, Step } from './database.js';

/**
 * Tells other processes that something changed, where the database can (PostgreSQL's NOTIFY, sent when the
 * unit is committed). Nobody relies on it: who listens (`change-listener.ts`) also looks by itself now and then.
 */
export const CHANNEL = 'postern_changes';

/** For the end of a unit that changes `what`. */
export const changeNotice = ({ dialect, sql }: Database, what: string): readonly Step[] =>
  dialect === 'postgres' ? [{ query: sql.raw('SELECT pg_notify(?, ?)', [CHANNEL, what]) }] : [];
