import { afterEach, describe, expect, test } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import pg from 'pg';
import { type Database, UniqueViolation } from '../../src/platform/database/database.js';
import { migrateUp } from '../../src/platform/database/migrate.js';
import { createPostgresDatabase } from '../../src/platform/database/postgres.js';
import type { SqliteDatabase } from '../../src/platform/database/sqlite.js';
import { Unavailable } from '../../src/platform/errors/errors.js';
import {
  createDatabaseFixture,
  describeOnBothDatabases,
  postgresSettings,
  quietLog,
} from '../support/databases.js';

const role = (db: Database, name: string, more: object = {}) =>
  db.sql('roles').insert({ name, created_at: 1, ...more });

const rename = (db: Database, from: string, to: string) =>
  db.sql('roles').where({ name: from }).update({ name: to });

async function roles(db: Database): Promise<string[]> {
  const rows = await db.all<{ name: string }>(db.sql('roles').select('name').orderBy('name'));
  return rows.map(({ name }) => name);
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

const constraintOf = (write: Promise<unknown>): Promise<string> =>
  write.then(
    () => 'nothing was thrown',
    (error: unknown) => (error instanceof UniqueViolation ? error.constraint : String(error)),
  );

describeOnBothDatabases('database', (open) => {
  test('a unit that breaks a rule fails alone and whole', async () => {
    const db = await open();
    await db.run(role(db, 'taken'));
    const results = await Promise.allSettled([
      db.write([{ query: role(db, 'a') }]),
      db.write([{ query: role(db, 'half') }, { query: role(db, 'taken') }]),
      db.write([{ query: role(db, 'b') }, { query: role(db, 'c') }]),
      db.run(db.sql('no_such_table').insert({ a: 1 })),
      db.run(role(db, 'd')),
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(await roles(db)).toEqual(['a', 'b', 'c', 'd', 'taken']);
  });

  test('a reader that many ask at once answers each, in the order of its query', async () => {
    const db = await open();
    for (const [name, created_at] of [
      ['b', 5],
      ['a', 5],
      ['c', 5],
      ['old', 1],
    ] as const) {
      await db.run(role(db, name, { created_at }));
    }
    const named = db.reader<{ name: string }>(
      db.sql('roles').select('name').where({ name: '' }).where('created_at', '>', 0),
    );
    const since = db.reader<{ name: string; created_at: number }>(
      db.sql('roles').select('name', 'created_at').where('created_at', 0).orderBy('name', 'desc'),
    );
    const names = (rows: { name: string }[]) => rows.map(({ name }) => name).join();
    const odd = ['', 'null', '{a,b}', '"', '\\', 'a\nb', '💥'];
    const [all, ...found] = await Promise.all([
      Promise.all([5, 1, 7].map(async (at) => names(await since(at)))),
      ...['a', 'old', 'c', ...odd].map(async (name) => names(await named(name, 2))),
    ]);
    expect(all).toEqual(['c,b,a', 'old', '']);
    expect(found).toEqual(['a', '', 'c', ...odd.map(() => '')]);
    for (const name of odd) await db.run(role(db, name));
    expect(await Promise.all(odd.map(async (name) => names(await named(name, 0))))).toEqual(odd);
  });

  test('a guard that holds nothing leaves nothing, wherever it stands', async () => {
    const db = await open();
    await db.run(role(db, 'a'));
    const nobody = { query: rename(db, 'nobody', 'x'), guard: true };
    const results = await Promise.all([
      db.write([nobody]),
      db.write([nobody, { query: role(db, 'b') }]),
      db.write([{ query: rename(db, 'a', 'renamed'), guard: true }, nobody, { query: role(db, 'c') }]),
      db.write([{ query: role(db, 'd') }, nobody]),
      db.write([{ query: role(db, 'neighbour') }]),
    ]);
    expect(results).toEqual([false, false, false, false, true]);
    expect(await roles(db)).toEqual(['a', 'neighbour']);
  });

  test('a guard that holds lets the unit through', async () => {
    const db = await open();
    await db.run(role(db, 'a'));
    const steps = [{ query: rename(db, 'a', 'b'), guard: true }, { query: role(db, 'c') }];
    expect(await db.write(steps)).toBe(true);
    expect(await roles(db)).toEqual(['b', 'c']);
  });

  test('a unique violation names the index alike on both', async () => {
    const db = await open();
    const account = (id: string, key: string) =>
      db.sql('accounts').insert({ id, username: key, username_key: key, created_at: 1, updated_at: 1 });
    const member = () => db.sql('account_roles').insert({ account_id: '1', role: 'a', created_at: 1 });
    await db.run(account('1', 'alice'));
    await db.run(member());
    expect(await constraintOf(db.run(account('2', 'alice')))).toBe('accounts_username_key_unique');
    expect(await constraintOf(db.run(account('1', 'bob')))).toBe('accounts_pkey');
    expect(await constraintOf(db.write([{ query: member() }]))).toBe('account_roles_pkey');
  });

  test('flags, times and big numbers go in and come out as numbers', async () => {
    const db = await open();
    const time = new Date(1_800_000_000_123);
    const flags = {
      id: '1',
      username: 'a',
      username_key: 'a',
      must_change_password: true,
      email_verified: false,
    };
    await db.run(db.sql('accounts').insert({ ...flags, created_at: time, updated_at: time.getTime() }));
    expect(await db.first(db.sql('accounts').where({ must_change_password: true }))).toMatchObject({
      must_change_password: 1,
      email_verified: 0,
      created_at: time.getTime(),
      updated_at: time.getTime(),
      disabled_at: null,
    });
    expect(await db.first(db.sql('accounts').count('* as n'))).toEqual({ n: 1 });
  });

  test('run counts the rows it changed; RETURNING answers them', async () => {
    const db = await open();
    const insert = () =>
      db.sql('roles').insert([
        { name: 'a', created_at: 1 },
        { name: 'b', created_at: 2 },
      ]);
    expect(await db.all(insert().returning(['name', 'created_at']))).toHaveLength(2);
    expect(await db.run(db.sql('roles').where('created_at', '>', 5).delete())).toBe(0);
    expect(await db.run(db.sql('roles').update({ description: 'x' }))).toBe(2);
    expect(await db.run(db.sql('roles').delete().returning('name'))).toBe(2);
    expect(await db.first(db.sql('roles'))).toBeUndefined();
    await db.ping();
  });

  test('the audit trail can be added to, not changed', async () => {
    const db = await open();
    const trail = () => db.sql('audit_events');
    await db.run(trail().insert({ id: '1', at: 1, event: 'x' }));
    await expect(db.run(trail().update({ event: 'y' }))).rejects.toMatchObject({
      message: expect.stringContaining('append-only'),
    });
    await expect(db.run(trail().delete())).rejects.toMatchObject({
      message: expect.stringContaining('append-only'),
    });
    const over =
      db.dialect === 'sqlite'
        ? `REPLACE INTO audit_events (id, at, event) VALUES ('1', 2, 'y')`
        : 'TRUNCATE audit_events';
    await expect(db.run(db.sql.raw(over))).rejects.toMatchObject({
      message: expect.stringContaining('append-only'),
    });
    expect(await db.all(trail().select('id', 'at', 'event'))).toEqual([{ id: '1', at: 1, event: 'x' }]);
  });
});

describe('SQLite', () => {
  const fixture = createDatabaseFixture();
  afterEach(fixture.close);

  async function openBeside(
    timeoutMs = 3000,
  ): Promise<{ db: SqliteDatabase; other: BetterSqlite3.Database }> {
    const settings = { ...(await fixture.settingsOf('sqlite')), timeoutMs };
    await migrateUp(settings);
    const db = (await fixture.open(settings)) as SqliteDatabase;
    return { db, other: new BetterSqlite3(settings.file ?? '') };
  }

  test('a commit is on the disk before it is told of: synchronous=FULL, in WAL mode', async () => {
    const { db, other } = await openBeside();
    expect(db.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 });
    expect(db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    other.close();
  });

  test('a lock that stays ends in Unavailable; reads go on, and so do writes afterwards', async () => {
    const { db, other } = await openBeside(60);
    other.exec('BEGIN IMMEDIATE');
    const write = db.run(role(db, 'a'));
    expect(await roles(db)).toEqual([]);
    await expect(write).rejects.toBeInstanceOf(Unavailable);
    other.exec('ROLLBACK');
    other.close();
    expect(await roles(db)).toEqual([]);
    await db.run(role(db, 'b'));
    expect(await roles(db)).toEqual(['b']);
  });

  test.each([1, 3])(
    'a lock that passes is waited for by a batch of %i, not by the event loop',
    async (size) => {
      const { db, other } = await openBeside();
      other.exec('BEGIN IMMEDIATE');
      const writes = Promise.all(Array.from({ length: size }, (_, index) => db.run(role(db, `r${index}`))));
      // Two turns on, the first attempt has met the lock, and this test is still being run.
      await turn();
      await turn();
      other.exec('ROLLBACK');
      other.close();
      await writes;
      expect(await roles(db)).toHaveLength(size);
    },
  );

  test('a full disk is Unavailable for all in the batch and passes', async () => {
    const { db, other } = await openBeside();
    other.close();
    const limit = (pages: number) => db.prepare(`PRAGMA max_page_count = ${pages}`).get();
    limit(1);
    const big = { description: 'x'.repeat(200_000) };
    const results = await Promise.allSettled([db.run(role(db, 'a')), db.run(role(db, 'big', big))]);
    expect(results.map((result) => result.status === 'rejected' && result.reason)).toEqual([
      expect.any(Unavailable),
      expect.any(Unavailable),
    ]);
    limit(1_000_000);
    await db.run(role(db, 'big', big));
    expect(await roles(db)).toEqual(['big']);
  });

  test('units of one turn share a commit, and nobody hears of success before it', async () => {
    const { db, other } = await openBeside();
    const version = () => other.pragma('data_version', { simple: true }) as number;
    const before = version();
    const seen = await Promise.all(
      Array.from({ length: 10 }, (_, index) => db.run(role(db, `r${index}`)).then(version)),
    );
    expect(new Set(seen).size).toBe(1);
    expect(seen[0]).not.toBe(before);
    expect(other.prepare('SELECT count(*) FROM roles').pluck().get()).toBe(10);
    other.close();
  });

  test('close finishes what was handed over and refuses what comes after', async () => {
    const { db, other } = await openBeside();
    const write = db.run(role(db, 'a'));
    await db.close();
    expect(await write).toBe(1);
    await expect(db.run(role(db, 'b'))).rejects.toBeInstanceOf(Unavailable);
    expect(other.prepare('SELECT name FROM roles').pluck().all()).toEqual(['a']);
    other.close();
  });
});

describe('PostgreSQL', () => {
  const fixture = createDatabaseFixture();
  afterEach(fixture.close);

  async function openBeside(more: object = {}) {
    const settings = { ...(await fixture.settingsOf('postgres')), ...more };
    await migrateUp(settings);
    const db = await fixture.open(settings);
    const other = new pg.Client({ connectionString: settings.connectionString });
    await other.connect();
    return { db, other };
  }

  test('a server that is away is Unavailable', async () => {
    const db = createPostgresDatabase(postgresSettings('postgres://nobody@127.0.0.1:1/none'), quietLog);
    await expect(db.ping()).rejects.toBeInstanceOf(Unavailable);
    await expect(db.write([{ query: role(db, 'a') }])).rejects.toBeInstanceOf(Unavailable);
    await db.close();
  });

  test('a row lock that stays is Unavailable, in a unit and alone, and the connection stays clean', async () => {
    const { db, other } = await openBeside({ timeoutMs: 600, poolMax: 1 });
    await db.run(role(db, 'a'));
    await other.query(`BEGIN; UPDATE roles SET description = 'held'`);
    await expect(db.run(rename(db, 'a', 'b'))).rejects.toBeInstanceOf(Unavailable);
    const steps = [{ query: role(db, 'half') }, { query: rename(db, 'a', 'b') }];
    await expect(db.write(steps)).rejects.toBeInstanceOf(Unavailable);
    await other.query('ROLLBACK');
    await other.end();
    expect(await roles(db)).toEqual(['a']);
    expect(await db.run(rename(db, 'a', 'b'))).toBe(1);
  });

  test('a text that cannot be stored is refused to who asked with it, and not to those beside', async () => {
    const { db, other } = await openBeside();
    await other.end();
    await db.run(role(db, 'a'));
    const named = db.reader<{ name: string }>(db.sql('roles').select('name').where({ name: '' }));
    const [a, nul, b] = await Promise.allSettled([named('a'), named('a\u0000'), named('b')]);
    expect([a, nul.status, b]).toEqual([
      { status: 'fulfilled', value: [{ name: 'a' }] },
      'rejected',
      { status: 'fulfilled', value: [] },
    ]);
  });

  test('what is only read is asked once more where their connection is killed', async () => {
    const { db, other } = await openBeside({ timeoutMs: 30_000 });
    await db.run(role(db, 'a'));
    const named = db.reader<{ name: string }>(db.sql('roles').select('name').where({ name: '' }));
    // Prepared before, since it would wait for the lock, too.
    await Promise.all([named('a'), named('b')]);
    await other.query('BEGIN; LOCK TABLE roles IN ACCESS EXCLUSIVE MODE');
    const both = Promise.all([named('a'), named('b')]);
    const kill = `SELECT count(pg_terminate_backend(pid))::int AS n FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND wait_event_type = 'Lock'`;
    while ((await other.query(kill)).rows[0].n === 0) await turn();
    await other.query('ROLLBACK');
    await other.end();
    expect(await both).toEqual([[{ name: 'a' }], []]);
  });

  test('a reader says what its examples may be', async () => {
    const { db, other } = await openBeside();
    await other.end();
    const read = () => db.reader(db.sql('roles').where('description', Buffer.from('')));
    expect(read).toThrow('neither a text nor a number');
  });

  test('a connection killed at work does not take the process along', async () => {
    const { db, other } = await openBeside();
    const working = db.all(db.sql.raw('SELECT pg_sleep(2)'));
    const refused = expect(working).rejects.toBeInstanceOf(Unavailable);
    const kill = `SELECT count(pg_terminate_backend(pid))::int AS n FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'SELECT pg_sleep%'`;
    while ((await other.query(kill)).rows[0].n === 0) await turn();
    await refused;
    await other.end();
    expect(await db.run(role(db, 'a'))).toBe(1);
  });

  test('a connection that may only read is given up: the next one leads to where writes are taken', async () => {
    const { db, other } = await openBeside({ poolMax: 1 });
    await other.end();
    const demoted = () => db.run(db.sql.raw('SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY'));
    await demoted();
    await expect(db.run(role(db, 'a'))).rejects.toBeInstanceOf(Unavailable);
    expect(await db.run(role(db, 'a'))).toBe(1);
    await demoted();
    const unit = () => db.write([{ query: role(db, 'b') }, { query: role(db, 'c') }]);
    await expect(unit()).rejects.toBeInstanceOf(Unavailable);
    expect(await unit()).toBe(true);
  });

  test('a standby answers, and is not the database all the same', async () => {
    const settings = await fixture.settingsOf('postgres');
    const other = await fixture.open(settings);
    const tell = (text: string) => other.run(other.sql.raw(text));
    // Found before the server's own.
    await tell(`CREATE FUNCTION public.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true'`);
    const path = `options=${encodeURIComponent('-c search_path=public,pg_catalog')}`;
    const connectionString = `${settings.connectionString}?${path}`;
    const db = await fixture.open({ ...settings, poolMax: 1, connectionString });
    const serving = () => db.all(db.sql.raw('SELECT pg_backend_pid() AS pid'));
    const before = await serving();
    await expect(db.ping()).rejects.toBeInstanceOf(Unavailable);
    expect(await serving()).not.toEqual(before);
    await tell('DROP FUNCTION public.pg_is_in_recovery');
    await db.ping();
  });

  test('a connection killed while idle is logged and replaced', async () => {
    const settings = await fixture.settingsOf('postgres');
    let told: (line: string) => void = () => {};
    const line = new Promise<string>((resolve) => {
      told = resolve;
    });
    const db = createPostgresDatabase(settings, { warn: (_, message) => told(message) });
    const { pid } = (await db.first<{ pid: number }>(db.sql.raw('SELECT pg_backend_pid() AS pid'))) ?? {
      pid: 0,
    };
    const other = new pg.Client({ connectionString: settings.connectionString });
    await other.connect();
    await other.query('SELECT pg_terminate_backend($1)', [pid]);
    await other.end();
    expect(await line).toBe('an idle database connection was lost');
    await db.ping();
    await db.close();
  });

  test('units that deadlock are tried again and both succeed', async () => {
    const { db, other } = await openBeside();
    await other.end();
    await db.run(
      db.sql('roles').insert([
        { name: 'a', created_at: 0 },
        { name: 'b', created_at: 0 },
      ]),
    );
    const touch = (name: string) => ({ query: db.sql('roles').where({ name }).increment('created_at', 1) });
    const pause = { query: db.sql.raw('SELECT pg_sleep(0.05)') };
    const results = await Promise.all([
      db.write([touch('a'), pause, touch('b')]),
      db.write([touch('b'), pause, touch('a')]),
    ]);
    expect(results).toEqual([true, true]);
    expect(await db.all(db.sql('roles').select('created_at'))).toEqual([
      { created_at: 2 },
      { created_at: 2 },
    ]);
  });

  test.each([
    ['40001', 3, 'written once'],
    ['40P01', 3, 'written once'],
    ['40001', 4, 'refused'],
    ['40P01', 4, 'refused'],
  ])('R13: a unit that meets %s %i times is %s', async (code, times, outcome) => {
    const { db, other } = await openBeside();
    // A sequence counts the attempts: it does not go back with what is rolled back.
    await other.query(`CREATE SEQUENCE attempts;
      CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('attempts') <= ${times} THEN RAISE EXCEPTION USING ERRCODE = '${code}'; END IF;
        RETURN NEW; END $$;
      CREATE TRIGGER conflict BEFORE UPDATE ON roles FOR EACH ROW EXECUTE FUNCTION conflict()`);
    await other.end();
    await db.run(role(db, 'a'));
    const again = () =>
      db.write([
        {
          query: db
            .sql('roles')
            .where({ name: 'a' })
            .update({ created_at: db.sql.raw('created_at + 1') }),
          guard: true,
        },
        { query: role(db, 'b') },
      ]);
    if (outcome === 'refused') await expect(again()).rejects.toBeInstanceOf(Unavailable);
    else expect(await again()).toBe(true);
    const [first, ...rest] = await db.all<{ created_at: number }>(db.sql('roles').orderBy('name'));
    const before = (await db.all(db.sql.raw('SELECT last_value AS n FROM attempts'))) as { n: number }[];
    expect(before).toEqual([{ n: 4 }]);
    expect([first?.created_at, rest.length]).toEqual(outcome === 'refused' ? [1, 0] : [2, 1]);
  });

  test('R13: one that meets a conflict late does not wait for a connection as well', async () => {
    const { db, other } = await openBeside({ poolMax: 1 });
    await other.query(`CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_sleep(1.2);
        RAISE EXCEPTION USING ERRCODE = '40001'; END $$;
      CREATE TRIGGER conflict BEFORE INSERT ON roles FOR EACH ROW EXECUTE FUNCTION conflict()`);
    await other.end();
    const settled: string[] = [];
    const unit = db.run(role(db, 'a')).catch((error) => {
      settled.push('unit');
      return error;
    });
    // It gets the only connection as soon as the unit has let it go.
    const next = db.all(db.sql.raw('SELECT pg_sleep(1)')).then(() => settled.push('next'));
    expect(await unit).toBeInstanceOf(Unavailable);
    await next;
    expect(settled).toEqual(['unit', 'next']);
  });

  test.each([
    ['on', 1],
    ['auto', 1],
    ['off', 0],
  ])('prepared %s', async (prepared, count) => {
    const { db, other } = await openBeside({ prepared, poolMax: 1 });
    await other.end();
    const names = db.sql.raw(`SELECT count(*) AS n FROM pg_prepared_statements WHERE name LIKE 'postern%'`);
    expect(await db.all(names)).toEqual([{ n: count }]);
    expect(await db.all(names)).toEqual([{ n: count }]);
  });

  test('R08: a table that changes under statements prepared on many connections fails nobody', async () => {
    const connections = 8;
    const { db, other } = await openBeside({ poolMax: connections });
    await db.run(role(db, 'a'));
    // Each keeps its connection for so long that the next needs another.
    const held = () => db.sql('roles').select('*').whereRaw('pg_sleep(0.2) IS NOT NULL');
    const onEach = () => Promise.all(Array.from({ length: connections }, () => db.all(held())));
    await onEach();
    await other.query('ALTER TABLE roles ADD COLUMN more text');
    await other.end();
    expect(await db.all(held())).toEqual([expect.objectContaining({ more: null })]);
    expect(await onEach()).toEqual(Array(connections).fill([expect.objectContaining({ more: null })]));
  });

  test('a prepared statement whose table changed is prepared again', async () => {
    const { db, other } = await openBeside({ poolMax: 1 });
    await db.run(role(db, 'a'));
    expect(await db.all(db.sql('roles').select('*'))).toHaveLength(1);
    await other.query('ALTER TABLE roles ADD COLUMN more text');
    await other.end();
    expect(await db.all(db.sql('roles').select('*'))).toEqual([expect.objectContaining({ more: null })]);
  });
});
