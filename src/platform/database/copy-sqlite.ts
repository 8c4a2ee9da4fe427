import { setImmediate as turn } from 'node:timers/promises';
import BetterSqlite3 from 'better-sqlite3';
import { COPY_BATCH, type CopySide, type CopyRow, isDataTable, quoted } from './copy-side.js';
import { storageError } from './sqlite-errors.js';

/** Others may be writing for as long as this. */
const PATIENCE_MS = 10_000;

/** @param mode `write` takes the write lock until `commit` or `close` */
export function openSqliteSide(file: string, mode: 'read' | 'write'): CopySide {
  const db = new BetterSqlite3(file, {
    timeout: PATIENCE_MS,
    fileMustExist: true,
    readonly: mode === 'read',
  });
  try {
    attempt(() => db.exec(mode === 'write' ? 'BEGIN IMMEDIATE' : 'BEGIN'));
  } catch (error) {
    db.close();
    throw error;
  }
  return sqliteSide(db);
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storageError(error);
  }
}

export function sqliteSide(db: BetterSqlite3.Database): CopySide {
  return {
    async tables() {
      const names = attempt(() =>
        db.prepare(`SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`).pluck().all(),
      ) as string[];
      return names.filter(isDataTable).sort();
    },
    async columns(table) {
      const names = attempt(() => db.prepare('SELECT name FROM pragma_table_info(?)').pluck().all(table));
      return (names as string[]).sort();
    },
    async *rows(table, columns) {
      const text = `SELECT ${columns.map(quoted).join(', ')} FROM ${quoted(table)}`;
      const found = attempt(() => db.prepare(text).raw().iterate()) as IterableIterator<CopyRow>;
      let batch: CopyRow[] = [];
      for (const row of found) {
        batch.push(row);
        if (batch.length < COPY_BATCH) continue;
        yield batch;
        // SQLite never waits, and signals are to be heard.
        await turn();
        batch = [];
      }
      if (batch.length > 0) yield batch;
    },
    // `write` holds the whole file already.
    async hold() {},
    async empty(table) {
      attempt(() => {
        // They keep the audit trail from losing rows one by one.
        const triggers = db
          .prepare(`SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?`)
          .all(table) as { name: string; sql: string }[];
        for (const { name } of triggers) db.exec(`DROP TRIGGER ${quoted(name)}`);
        db.exec(`DELETE FROM ${quoted(table)}`);
        for (const { sql } of triggers) db.exec(sql);
      });
    },
    async insert(table, columns, rows) {
      const places = columns.map(() => '?').join(', ');
      const text = `INSERT INTO ${quoted(table)} (${columns.map(quoted).join(', ')}) VALUES (${places})`;
      attempt(() => {
        const statement = db.prepare(text);
        for (const row of rows) statement.run(...row);
      });
    },
    async commit() {
      attempt(() => db.exec('COMMIT'));
    },
    async close() {
      if (db.inTransaction) db.exec('ROLLBACK');
      db.close();
    },
  };
}
