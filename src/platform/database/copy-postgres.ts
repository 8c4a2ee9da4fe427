import { COPY_BATCH, type CopySide, type CopyRow, isDataTable, quoted } from './copy-side.js';
import { TRY_SHARED, untilNobodyMigrates } from './migration-lock.js';
import { connectAlone } from './postgres-client.js';
import { isConflict, storageError } from './postgres-errors.js';

const HOLD_ATTEMPTS = 5;

/** One transaction on one connection, so that a pooler in transaction mode may stand between. */
export async function openPostgresSide(connectionString: string, mode: 'read' | 'write'): Promise<CopySide> {
  const client = await connectAlone(connectionString);

  async function ask<Row extends unknown[]>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    try {
      const { rows } = await client.query<Row>({ text, values: [...values], rowMode: 'array' });
      return rows;
    } catch (error) {
      throw storageError(error);
    }
  }

  const names = async (text: string, values: readonly unknown[] = []): Promise<string[]> =>
    (await ask<[string]>(text, values)).map(([name]) => name).sort();

  async function beginReading(): Promise<boolean> {
    // One moment for all tables; a reader that waits for nobody and whom nobody waits for.
    await ask('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const alone = (await ask<[boolean]>(TRY_SHARED))[0]?.[0] === true;
    if (!alone) await ask('ROLLBACK');
    return alone;
  }

  try {
    if (mode === 'read') await untilNobodyMigrates(beginReading);
    else await ask('BEGIN');
    // The settings of the database may limit to what a request may take, and the other side may keep us waiting.
    await ask('SET LOCAL statement_timeout = 0');
    await ask('SET LOCAL idle_in_transaction_session_timeout = 0');
    // Known from version 17 on.
    await ask(`SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout'`);
  } catch (error) {
    await client.end();
    throw error;
  }

  return {
    async tables() {
      const found = await names(
        `SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename`,
      );
      return found.filter(isDataTable);
    },
    columns: (table) =>
      names(
        `SELECT column_name::text FROM information_schema.columns
         WHERE table_schema = current_schema() AND table_name = $1`,
        [table],
      ),
    async *rows(table, columns) {
      const text = `SELECT ${columns.map(quoted).join(', ')} FROM ${quoted(table)}`;
      await ask(`DECLARE copied NO SCROLL CURSOR FOR ${text}`);
      try {
        for (;;) {
          const batch = await ask<[...CopyRow]>(`FETCH ${COPY_BATCH} FROM copied`);
          if (batch.length === 0) return;
          yield batch;
        }
      } finally {
        // The reader may have seen enough. After a fault there is no cursor to close, and the fault is told.
        await ask('CLOSE copied').catch(() => {});
      }
    },
    async hold(tables) {
      const all = [...tables].map(quoted).join(', ');
      // The server takes them one after the other, and may meet a writer that has the next and wants the last.
      for (let attempt = 1; ; attempt += 1) {
        await ask('SAVEPOINT nothing_held');
        try {
          return void (await ask(`LOCK TABLE ${all} IN SHARE ROW EXCLUSIVE MODE`));
        } catch (error) {
          if (attempt === HOLD_ATTEMPTS || !isConflict((error as Error).cause)) throw error;
          await ask('ROLLBACK TO SAVEPOINT nothing_held');
        }
      }
    },
    async empty(table) {
      // Triggers keep the audit trail from losing rows one by one. Not TRUNCATE: readers would have to wait.
      await ask(`ALTER TABLE ${quoted(table)} DISABLE TRIGGER USER`);
      await ask(`DELETE FROM ${quoted(table)}`);
      await ask(`ALTER TABLE ${quoted(table)} ENABLE TRIGGER USER`);
    },
    async insert(table, columns, rows) {
      const values = rows.flat();
      const places = rows.map((row, index) => {
        const first = index * columns.length + 1;
        return `(${row.map((_, column) => `$${first + column}`).join(', ')})`;
      });
      const head = `INSERT INTO ${quoted(table)} (${columns.map(quoted).join(', ')})`;
      await ask(`${head} VALUES ${places.join(', ')}`, values);
    },
    async commit() {
      await ask('COMMIT');
    },
    async close() {
      // Not left to the end of the connection, which a pooler may notice late.
      await ask('ROLLBACK').catch(() => {});
      await client.end();
    },
  };
}
