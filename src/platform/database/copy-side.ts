/**
 * A database as one side of a copy: every table with its rows, in one transaction. What is read is one moment
 * of the database, also while servers write to it; what is written is there whole or not at all.
 */
export interface CopySide {
  /** In alphabetical order, without those of the migrations. */
  tables(): Promise<readonly string[]>;
  /** In alphabetical order. */
  columns(table: string): Promise<readonly string[]>;
  /** The rows in batches, each row an array in the order of `columns`. */
  rows(table: string, columns: readonly string[]): AsyncIterable<readonly CopyRow[]>;
  /** Nobody else writes to these tables until `commit`; reading goes on. */
  hold(tables: Iterable<string>): Promise<void>;
  /** Removes every row; others see them until `commit`. */
  empty(table: string): Promise<void>;
  insert(table: string, columns: readonly string[], rows: readonly CopyRow[]): Promise<void>;
  commit(): Promise<void>;
  /** Gives up what is not committed, and the connection. */
  close(): Promise<void>;
}

export type CopyRow = readonly (string | number | null)[];

/** So many rows are in memory at once. */
export const COPY_BATCH = 500;

/** Neither knex' own nor what a backup says of itself. */
export const isDataTable = (name: string): boolean =>
  !/^(knex_|sqlite_)/.test(name) && name !== MANIFEST_TABLE;

/** In a backup: what it holds, written last. */
export const MANIFEST_TABLE = 'backup_manifest';

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
