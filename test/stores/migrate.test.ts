import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import knex, { type Knex } from 'knex';
import { migrations } from '../../migrations/index.js';
import type { DatabaseSettings } from '../../src/platform/database/database.js';
import {
  MigrationsMoved,
  migrateDown,
  migrateUp,
  migrationStatus,
  requireCurrentSchema,
  requireMigrated,
  SchemaNewer,
  SchemaOlder,
} from '../../src/platform/database/migrate.js';
import { openDatabase } from '../../src/platform/database/open.js';
import { createDatabaseFixture, DIALECTS, quietLog, sqliteSettings } from '../support/databases.js';

const names = migrations.map(({ name }) => name);
const earlier = migrations.slice(0, 2);
const extra = { name: '0999-later', up: async () => {}, down: async () => {} };
const later = [...migrations, extra];

const clientFor = ({ dialect, file = '', connectionString = '' }: DatabaseSettings) =>
  dialect === 'sqlite'
    ? knex({ client: 'better-sqlite3', connection: { filename: file }, useNullAsDefault: true })
    : knex({ client: 'pg', connection: connectionString });

const KEEP_RECORDS = {
  sqlite: [`CREATE TRIGGER kept BEFORE DELETE ON knex_migrations BEGIN SELECT RAISE(ABORT, 'kept'); END`],
  postgres: [
    `CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'kept'; END $$`,
    'CREATE TRIGGER kept BEFORE DELETE ON knex_migrations EXECUTE FUNCTION keep()',
  ],
};

function deferred() {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

test('a memory database is born migrated: nothing pends, nothing is undone', async () => {
  const settings = { ...sqliteSettings('unused'), file: ':memory:' };
  await expect(requireCurrentSchema(settings)).resolves.toBeUndefined();
  expect((await migrationStatus(settings)).pending).toEqual([]);
  const database = await openDatabase(settings, quietLog);
  await expect(requireMigrated(database)).resolves.toBeUndefined();
  await database.close();
  expect(await migrateDown(settings, () => {}, { all: true })).toEqual({ ran: [] });
  expect(existsSync(':memory:.migrate-lock')).toBe(false);
});

describe.each(DIALECTS)('migrations on %s', (dialect) => {
  const fixture = createDatabaseFixture();
  afterEach(fixture.close);

  test('readiness asks the open database itself what was applied to it', async () => {
    const settings = await fixture.settingsOf(dialect);
    const database = await fixture.open(settings);
    // SQLite's error may be of another realm than jest's.
    await expect(requireMigrated(database)).rejects.toMatchObject({
      message: expect.stringContaining('knex_migrations'),
    });
    await migrateUp(settings, () => {}, { list: earlier });
    const pending = names.slice(earlier.length).join(', ');
    await expect(requireMigrated(database)).rejects.toThrow(`pending migrations: ${pending}`);
    await migrateUp(settings, () => {}, { list: later });
    // Within one turn SQLite reads what it has read.
    await new Promise((resolve) => setImmediate(resolve));
    await expect(requireMigrated(database)).resolves.toBeUndefined();
  });

  test('a newer schema is refused, up and down, and stays as it is', async () => {
    const settings = await fixture.settingsOf(dialect);
    await migrateUp(settings, () => {}, { list: later });
    await expect(migrateUp(settings)).rejects.toThrow(SchemaNewer);
    await expect(migrateDown(settings)).rejects.toThrow(/newer Postern \(unknown here: 0999-later\)/);
    expect(await migrationStatus(settings)).toEqual({
      applied: [...names, '0999-later'],
      pending: [],
      unknown: ['0999-later'],
    });
  });

  test('a program that may not migrate refuses an older and a newer schema', async () => {
    const settings = await fixture.settingsOf(dialect);
    await expect(requireCurrentSchema(settings)).rejects.toThrow(SchemaOlder);
    await migrateUp(settings, () => {}, { list: earlier });
    await expect(requireCurrentSchema(settings)).rejects.toThrow(names[2] as string);
    await migrateUp(settings);
    await expect(requireCurrentSchema(settings)).resolves.toBeUndefined();
    await migrateUp(settings, () => {}, { list: later });
    await expect(requireCurrentSchema(settings)).rejects.toThrow(SchemaNewer);
  });

  test('a migration that fails leaves nothing of the run behind, and the next run succeeds', async () => {
    const settings = await fixture.settingsOf(dialect);
    const broken = { ...extra, up: () => Promise.reject(new Error('broken')) };
    await expect(migrateUp(settings, () => {}, { list: [...migrations, broken] })).rejects.toMatchObject({
      message: expect.any(String),
    });
    expect((await migrationStatus(settings)).applied).toEqual([]);
    expect((await migrateUp(settings)).ran).toEqual(names);
  });

  test('up, down and up again', async () => {
    const settings = await fixture.settingsOf(dialect);
    expect((await migrationStatus(settings)).pending).toEqual(names);
    expect((await migrateUp(settings)).ran).toEqual(names);
    expect((await migrateUp(settings)).ran).toEqual([]);
    expect((await migrateDown(settings)).ran).toEqual(names.slice(-1));
    expect((await migrateDown(settings, () => {}, { all: true })).ran).toEqual(names.slice(0, -1).reverse());
    expect((await migrateDown(settings)).ran).toEqual([]);
    expect((await migrateUp(settings)).ran).toEqual(names);
    expect(await migrationStatus(settings)).toEqual({ applied: names, pending: [], unknown: [] });
  });

  test('what is undone is forgotten in the same transaction', async () => {
    const settings = await fixture.settingsOf(dialect);
    const list = [
      ...migrations,
      {
        name: '0999-later',
        up: (trx: Knex) => trx.schema.createTable('later', (table) => table.text('id')),
        down: (trx: Knex) => trx.schema.dropTable('later'),
      },
    ];
    await migrateUp(settings, () => {}, { list });
    const client = clientFor(settings);
    // Whatever keeps the record, the death of the process too, keeps the table.
    for (const statement of KEEP_RECORDS[dialect]) await client.raw(statement);
    await expect(migrateDown(settings, () => {}, { list })).rejects.toMatchObject({
      message: expect.stringContaining('kept'),
    });
    expect(await client.schema.hasTable('later')).toBe(true);
    await client.destroy();
    expect((await migrationStatus(settings, { list })).pending).toEqual([]);
  });

  test('only what was confirmed is undone', async () => {
    const settings = await fixture.settingsOf(dialect);
    await migrateUp(settings);
    const confirmed = names.slice(-1);
    expect((await migrateDown(settings, () => {}, { confirmed })).ran).toEqual(confirmed);
    await expect(migrateDown(settings, () => {}, { confirmed })).rejects.toThrow(MigrationsMoved);
    const all = { all: true, confirmed: [...names].reverse() };
    await expect(migrateDown(settings, () => {}, all)).rejects.toThrow(MigrationsMoved);
    expect((await migrationStatus(settings)).applied).toEqual(names.slice(0, -1));
  });

  test('two that start together migrate once and both succeed', async () => {
    const settings = await fixture.settingsOf(dialect);
    const results = await Promise.all([migrateUp(settings), migrateUp(settings), migrateUp(settings)]);
    expect(results.map(({ ran }) => ran.length).sort()).toEqual([0, 0, names.length]);
    expect((await migrationStatus(settings)).applied).toEqual(names);
  });

  test('a lock row left by a killed migrator is no obstacle', async () => {
    const settings = await fixture.settingsOf(dialect);
    await migrateUp(settings, () => {}, { list: earlier });
    const client = clientFor(settings);
    await client('knex_migrations_lock').update({ is_locked: 1 });
    await client.destroy();
    expect((await migrateUp(settings)).ran).toEqual(names.slice(2));
  });

  test('whoever comes second waits until the first has finished', async () => {
    const settings = await fixture.settingsOf(dialect);
    const started = deferred();
    const finished = deferred();
    const up = () => {
      started.resolve();
      return finished.promise;
    };
    const slow = { ...extra, up };
    const list = [...migrations, slow];
    const first = migrateUp(settings, () => {}, { list });
    await started.promise;
    const lines: string[] = [];
    const second = (line: string) => {
      lines.push(line);
      finished.resolve();
    };
    expect((await migrateUp(settings, second, { list })).ran).toEqual([]);
    expect((await first).ran).toEqual([...names, slow.name]);
    expect(lines).toEqual(['Waiting for another process that is migrating or copying the database']);
  });

  test('each step is reported', async () => {
    const lines: string[] = [];
    await migrateUp(await fixture.settingsOf(dialect), (line) => lines.push(line));
    expect(lines).toEqual(names.map((name) => `Applying migration ${name}`));
  });
});

describe('migrations of a SQLite file', () => {
  const fixture = createDatabaseFixture();
  afterEach(fixture.close);

  const NOW = Date.UTC(2030, 0, 2, 3, 4, 5, 678);
  const clock = { now: () => NOW };

  const newFile = (): DatabaseSettings =>
    sqliteSettings(join(fixture.temporaryFolder(), 'data', 'main.sqlite'));

  test('a migrator that is killed lets the next one in', async () => {
    const settings = newFile();
    await migrateUp(settings, () => {}, { list: earlier });
    const hold = `const db = require('better-sqlite3')(process.argv[1]); db.exec('BEGIN EXCLUSIVE');
      console.log('held'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['-e', hold, `${settings.file}.migrate-lock`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const report = (line: string) => line.startsWith('Waiting') && child.kill('SIGKILL');
    expect((await migrateUp(settings, report)).ran).toEqual(names.slice(2));
    expect(child.killed).toBe(true);
  });

  test('a copy that cannot be made stops the migration', async () => {
    const settings = newFile();
    await migrateUp(settings, () => {}, { list: earlier });
    await migrateUp(settings, () => {}, { list: migrations.slice(0, 3), clock });
    await expect(migrateUp(settings, () => {}, { clock })).rejects.toThrow('is there already');
    expect((await migrationStatus(settings)).applied).toHaveLength(3);
  });

  test('a file that was there is copied first, for the owner alone, with its rows', async () => {
    const settings = newFile();
    await migrateUp(settings, () => {}, { list: earlier });
    const db = await openDatabase(settings, quietLog);
    await db.run(db.sql('roles').insert({ name: 'kept', created_at: 1 }));
    // The row is still in the WAL: the program that was killed never closed its handle.
    const { copy = '', ran } = await migrateUp(settings, () => {}, { clock });
    await db.close();
    expect(ran).toEqual(names.slice(2));
    expect(copy).toBe(join(dirname(settings.file ?? ''), 'backups', 'main-20300102T030405678Z.sqlite'));
    expect(statSync(copy).mode & 0o777).toBe(0o600);
    const copied = new BetterSqlite3(copy, { readonly: true });
    expect(copied.prepare('SELECT name FROM roles').pluck().all()).toEqual(['kept']);
    expect(copied.prepare('SELECT count(*) FROM knex_migrations').pluck().get()).toBe(earlier.length);
    copied.close();
    expect((await migrateDown(settings)).copy).toMatch(/backups/);
  });

  test('what a process left that was killed while it copied goes with the next copy', async () => {
    const settings = newFile();
    const folder = join(dirname(settings.file ?? ''), 'backups');
    await migrateUp(settings, () => {}, { list: earlier });
    mkdirSync(folder);
    // The last may be under way: of a file of the same name with another ending.
    const others = [
      'main-2-20300101T000000000Z.sqlite.part',
      'main.part',
      'main-20300102T000000000Z.sqlite.part',
    ];
    for (const name of ['main-20300101T000000000Z.sqlite.part', ...others]) {
      writeFileSync(join(folder, name), '');
      const hours = name === others.at(-1) ? 1 : 25;
      const then = new Date(clock.now() - hours * 3_600_000);
      utimesSync(join(folder, name), then, then);
    }
    await migrateUp(settings, () => {}, { clock });
    expect(readdirSync(folder).sort()).toEqual([...others, 'main-20300102T030405678Z.sqlite'].sort());
  });

  test('a new file, or one with nothing to do, is not copied', async () => {
    const settings = newFile();
    expect((await migrateUp(settings)).copy).toBeUndefined();
    expect((await migrateUp(settings)).copy).toBeUndefined();
    expect(existsSync(join(dirname(settings.file ?? ''), 'backups'))).toBe(false);
  });

  test('the file and its folder are for the owner alone, beside the WAL too', async () => {
    const settings = newFile();
    const file = settings.file ?? '';
    await migrateUp(settings);
    const db = await fixture.open(settings);
    await db.run(db.sql('roles').insert({ name: 'a', created_at: 1 }));
    expect(statSync(dirname(file)).mode & 0o777).toBe(0o700);
    for (const path of [file, `${file}-wal`, `${file}-shm`]) expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('asking for the status makes no file', async () => {
    const settings = newFile();
    expect(await migrationStatus(settings)).toEqual({ applied: [], pending: names, unknown: [] });
    expect(existsSync(settings.file ?? '')).toBe(false);
  });

  test('a memory database is born migrated', async () => {
    const settings = sqliteSettings(':memory:');
    expect((await migrateUp(settings)).ran).toEqual([]);
    const db = await fixture.open(settings);
    await db.run(db.sql('roles').insert({ name: 'a', created_at: 1 }));
    expect(await db.all(db.sql('roles').select('name'))).toEqual([{ name: 'a' }]);
    expect(existsSync(':memory:')).toBe(false);
  });
});
