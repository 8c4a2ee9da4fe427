/** The two sides of a copy, and what others may do meanwhile. */
import { afterEach, describe, expect, test } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import pg from 'pg';
import { type Migration, migrations } from '../../migrations/index.js';
import { copyTables, openSide } from '../../src/platform/database/copy.js';
import type { CopySide } from '../../src/platform/database/copy-side.js';
import type { DatabaseSettings } from '../../src/platform/database/database.js';
import { migrateUp } from '../../src/platform/database/migrate.js';
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
