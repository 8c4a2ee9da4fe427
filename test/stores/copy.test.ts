/** The two sides of a copy, and what others may do meanwhile. */
import { afterEach, describe, expect, test } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import type { Knex } from 'knex';
import pg from 'pg';
import { type Migration, migrations } from '../../migrations/index.js';
import { copyTables, openSide } from '../../src/platform/database/copy.js';
import type { CopySide } from '../../src/platform/database/copy-side.js';
import type { DatabaseSettings } from '../../src/platform/database/database.js';
import { migrateUp } from '../../src/platform/database/migrate.js';
import { withPostgresLock } from '../../src/platform/database/migration-lock.js';
import { createDatabaseFixture, DIALECTS } from '../support/databases.js';

const fixture = createDatabaseFixture();
afterEach(fixture.close);

async function migrated(dialect: 'sqlite' | 'postgres'): Promise<DatabaseSettings> {
  const settings = await fixture.settingsOf(dialect);
  await migrateUp(settings);
  return settings;
}

/** As another process would, which does not wait. */
async function another(settings: DatabaseSettings, statement: string): Promise<void> {
  if (settings.dialect === 'sqlite') {
    const file = new BetterSqlite3(settings.file ?? '', { timeout: 0 });
    try {
      file.exec(statement);
    } finally {
      file.close();
    }
    return;
  }
  const client = new pg.Client({ connectionString: settings.connectionString });
  await client.connect();
  await client.query(`SET lock_timeout = 1; ${statement}`).finally(() => client.end());
}

/** Copies, and before the first row is read does something else. */
async function copyWhile(from: DatabaseSettings, to: DatabaseSettings, meanwhile: () => Promise<void>) {
  const [source, target] = [await openSide(from, 'read'), await openSide(to, 'write')];
  let began: Promise<void> | undefined;
  const watched: CopySide = {
    ...source,
    async *rows(table, columns) {
      began ??= meanwhile();
      await began;
      yield* source.rows(table, columns);
    },
  };
  try {
    return await copyTables(watched, target, () => {});
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
}

const ROLE = `INSERT INTO roles (name, created_at) VALUES ('theirs', 1)`;

describe.each(DIALECTS)('a copy into %s', (dialect) => {
  test('nobody else writes to the target while it is filled', async () => {
    const [from, to] = [await migrated('sqlite'), await migrated(dialect)];
    const refusals: unknown[] = [];
    await copyWhile(from, to, () =>
      another(to, ROLE).catch((error: { code?: string }) => {
        refusals.push(error.code);
      }),
    );
    expect(refusals).toEqual([dialect === 'sqlite' ? 'SQLITE_BUSY' : '55P03']);
    await expect(another(to, ROLE)).resolves.toBeUndefined();
  });
});

describe('a PostgreSQL database that is being read', () => {
  const changes: Migration = {
    name: '0999-later',
    // Where it would have to wait, it fails.
    up: async (trx) => {
      await trx.raw('SET LOCAL lock_timeout = 1');
      await trx.schema.alterTable('roles', (table) => table.text('later'));
    },
    down: async () => {},
  };
  const list = [...migrations, changes];

  test.each(['idle_in_transaction_session_timeout', 'transaction_timeout'])(
    'its %s is for requests, not for copies',
    async (limit) => {
      const from = await migrated('postgres');
      const name = new URL(from.connectionString ?? '').pathname.slice(1);
      await another(from, `ALTER DATABASE ${name} SET ${limit} = 1000`);
      const [to, elsewhere] = [await migrated('sqlite'), await fixture.settingsOf('postgres')];
      // By the clock of the server, which would have ended the transaction by then.
      const late = () => another(elsewhere, 'SELECT pg_sleep(1.5)');
      await copyWhile(from, to, late);
    },
  );

  test('a writer that has one table and wants another does not end the copy that holds them', async () => {
    const settings = await migrated('postgres');
    const writer = new pg.Client({ connectionString: settings.connectionString });
    await writer.connect();
    const target = await openSide(settings, 'write');
    try {
      // So that the server gives up the copy, not the writer.
      await writer.query('SET deadlock_timeout = 60000; BEGIN; LOCK TABLE roles IN ROW EXCLUSIVE MODE');
      const held = target.hold(['audit_events', 'roles']);
      // It has the first by then, and waits for the other.
      const waiting = `SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted AND relation = 'roles'::regclass`;
      while ((await writer.query(waiting)).rows[0].n === 0);
      await writer.query('LOCK TABLE audit_events IN ROW EXCLUSIVE MODE');
      await writer.query('COMMIT');
      await expect(held).resolves.toBeUndefined();
      await expect(another(settings, ROLE)).rejects.toMatchObject({ code: '55P03' });
    } finally {
      await Promise.all([writer.end(), target.close()]);
    }
  });

  test('the lock of a migration does not stay with the connection of a pooler', async () => {
    const settings = await migrated('postgres');
    const server = new pg.Client({ connectionString: settings.connectionString });
    await server.connect();
    try {
      // As behind a pooler, the connection lives on when the client is gone.
      const migrator = {
        raw: async (text: string, values: readonly unknown[]) =>
          server.query(text.replace('?', '$1'), [...values]),
      } as unknown as Knex;
      await withPostgresLock(
        migrator,
        () => {},
        async () => {},
      );
      await (await openSide(settings, 'read')).close();
      const { rows } = await server.query(
        `SELECT count(*)::int AS n FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`,
      );
      expect(rows[0].n).toBe(0);
    } finally {
      await server.end();
    }
  });

  test('a migrator waits, and nobody waits behind it', async () => {
    const settings = await migrated('postgres');
    const source = await openSide(settings, 'read');
    for await (const _ of source.rows('roles', ['name'])) break;
    const lines: string[] = [];
    let reading: Promise<void> | undefined;
    const report = (line: string) => {
      lines.push(line);
      reading ??= another(settings, 'SELECT name FROM roles').finally(() => source.close());
    };
    await migrateUp(settings, report, { list });
    await expect(reading).resolves.toBeUndefined();
    expect(lines[0]).toMatch(/^Waiting for another process .* copying/);
  });
});
