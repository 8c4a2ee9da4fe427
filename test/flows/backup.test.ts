/**
 * `db copy`, `backup` and `restore` (issue 6 §4): what is promised before is kept after, on either kind of
 * database, and a copy that is not the same is refused whole.
 */
import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readdirSync,
  writeSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from 'jose';
import pg from 'pg';
import { migrations } from '../../migrations/index.js';
import { takeBackup } from '../../src/platform/database/backup.js';
import { migrateUp, migrationStatus } from '../../src/platform/database/migrate.js';
import { newPlace, type Place } from '../support/command-line.js';
import { sqliteSettings } from '../support/databases.js';
import { type CodeGrant, getCode, introspect, redeem, refresh } from '../support/flow.js';
import { freshPostgres } from '../support/postgres.js';
import { startServer, type TestClient, type TestServer } from '../support/server.js';

let place: Place;
let server: TestServer;
let client: TestClient;
let used: CodeGrant;
let access: string;
let live: string;
let idToken: string;

const inPlace = (name: string): string => join(place.folder, name);
const sqlite = (name: string): string => `sqlite:${inPlace(name)}`;

/** One statement past the program. */
async function run(url: string, statement: string): Promise<void> {
  if (url.startsWith('sqlite:')) {
    const file = new BetterSqlite3(url.slice('sqlite:'.length));
    try {
      file.exec(statement);
    } finally {
      file.close();
    }
    return;
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}

/** By a server over another database, with the same secrets. */
async function expectPromisesKept(url: string): Promise<void> {
  const there = await startServer({ ...place.env, DATABASE_URL: url });
  try {
    expect(await introspect(there, client, access)).toMatchObject({ active: true });
    expect((await refresh(there, client, live)).status).toBe(200);
    expect((await redeem(there, client, used)).body).toMatchObject({ error: 'invalid_grant' });
    const keys = (await (await fetch(there.url('/oauth/jwks.json'))).json()) as JSONWebKeySet;
    const currentDate = new Date((decodeJwt(idToken).iat ?? 0) * 1000);
    await jwtVerify(idToken, createLocalJWKSet(keys), { currentDate });
    // The replayed code has ended what came of it, there as here.
    expect(await introspect(there, client, access)).toMatchObject({ active: false });
  } finally {
    await there.close();
  }
}

beforeAll(async () => {
  place = newPlace();
  server = await startServer(place.env);
  await server.createAccount();
  client = await server.createClient();
  used = await getCode(server, client, { scope: 'openid profile offline_access' });
  const first = (await redeem(server, client, used)).body;
  idToken = first.id_token;
  const second = (await refresh(server, client, first.refresh_token)).body;
  access = second.access_token;
  live = second.refresh_token;
  await place.run(`backup ${inPlace('whole.backup')}`);
});

afterAll(async () => {
  await server.close();
  place.remove();
});

describe('backup and restore', () => {
  test('restored into both kinds, everything promised is kept', async () => {
    const file = inPlace('kept.backup');
    const taken = await place.run(`backup ${file} --json`);
    expect([taken.stderr, taken.code]).toEqual(['', 0]);
    expect(statSync(file).mode & 0o077).toBe(0);
    expect(existsSync(`${file}-wal`)).toBe(false);

    for (const url of [sqlite('restored.sqlite'), await freshPostgres()]) {
      const env = { ...place.env, DATABASE_URL: url };
      const restored = await place.run(`restore ${file} --json`, { env });
      expect([restored.stderr, restored.code]).toEqual(['', 0]);
      expect(restored.json().tables).toEqual(taken.json().tables);
      await expectPromisesKept(url);
    }
  });

  test('a file that exists is not written over', async () => {
    writeFileSync(inPlace('mine'), 'mine');
    const { code, stderr } = await place.run(`backup ${inPlace('mine')}`);
    expect([code, stderr]).toEqual([1, `${inPlace('mine')} exists; choose another name.\n`]);
    expect(readFileSync(inPlace('mine'), 'utf8')).toBe('mine');
  });

  test('nor one that comes into being meanwhile', async () => {
    const settings = sqliteSettings(place.env.DATABASE_URL?.slice('sqlite:'.length) ?? '');
    // Asked for the time when the draft is all but whole.
    const now = () => {
      writeFileSync(inPlace('meanwhile'), 'mine');
      return Date.now();
    };
    const taking = takeBackup(settings, inPlace('meanwhile'), { report: () => {}, clock: { now } });
    await expect(taking).rejects.toThrow(/meanwhile exists; choose another name/);
    expect(readFileSync(inPlace('meanwhile'), 'utf8')).toBe('mine');
    expect(readdirSync(place.folder).filter((name) => name.includes('.part'))).toEqual([]);
  });

  test('a backup that was put in the place of the database can be backed up', async () => {
    const env = { ...place.env, DATABASE_URL: sqlite('from-backup.sqlite') };
    copyFileSync(inPlace('whole.backup'), inPlace('from-backup.sqlite'));
    const taken = await place.run(`backup ${inPlace('second.backup')}`, { env });
    expect([taken.stderr, taken.code]).toEqual(['', 0]);
    const restored = { env: { ...env, DATABASE_URL: sqlite('from-second.sqlite') } };
    expect((await place.run(`restore ${inPlace('second.backup')}`, restored)).code).toBe(0);
  });

  test('one that is told to stop leaves nothing behind', async () => {
    const postgres = await freshPostgres();
    const env = { ...place.env, DATABASE_URL: postgres };
    await place.run('migrate up', { env });
    // So that it cannot come to its end before it is told.
    const client = new pg.Client({ connectionString: postgres });
    await client.connect();
    await client.query('BEGIN; LOCK TABLE upstream_tokens IN ACCESS EXCLUSIVE MODE');
    try {
      const ended = await place.spawn(`backup ${inPlace('stopped')}`, { env, stopAt: /^accounts: /m });
      expect([ended.code, ended.stdout]).toEqual([143, '']);
    } finally {
      await client.end();
    }
    expect(readdirSync(place.folder).filter((name) => name.startsWith('stopped'))).toEqual([]);
  });

  test('a restore into a database with rows is refused, and changes nothing', async () => {
    const { code, stderr } = await place.run(`restore ${inPlace('whole.backup')}`);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^The target is not empty: there are rows in accounts.* Name an empty database\.$/m,
    );
    expect(await introspect(server, client, access)).toMatchObject({ active: true });
  });

  test('a backup that was changed is refused whole', async () => {
    await place.run(`backup ${inPlace('damaged.backup')}`);
    const file = new BetterSqlite3(inPlace('damaged.backup'));
    file.exec(`UPDATE clients SET metadata = replace(metadata, 'app.example', 'evil.example')`);
    file.close();
    const env = { ...place.env, DATABASE_URL: sqlite('from-damaged.sqlite') };
    const { code, stderr } = await place.run(`restore ${inPlace('damaged.backup')}`, { env });
    expect([code, stderr]).toEqual([1, expect.stringContaining('The backup is damaged: clients')]);
    const target = new BetterSqlite3(inPlace('from-damaged.sqlite'));
    expect(target.prepare('SELECT count(*) FROM accounts').pluck().get()).toBe(0);
    target.close();
  });

  const kinds = { PostgreSQL: () => freshPostgres(), SQLite: async () => sqlite('shared.sqlite') };

  test.each(Object.entries(kinds))(
    'tables and columns that are not ours are named and left out, on %s',
    async (name, newDatabase) => {
      const shared = await newDatabase();
      const env = { ...place.env, DATABASE_URL: shared };
      await place.run('migrate up', { env });
      const theirs = 'CREATE TABLE _litestream_seq (id integer); INSERT INTO _litestream_seq VALUES (1)';
      await run(shared, `${theirs}; ALTER TABLE roles ADD COLUMN note text`);
      // What is beside ours makes a target neither full nor of another version …
      expect((await place.run(`restore ${inPlace('whole.backup')}`, { env })).code).toBe(0);
      const file = inPlace(`${name}-shared.backup`);
      const taken = await place.run(`backup ${file} --json`, { env });
      expect([taken.stderr, taken.code]).toEqual(['', 0]);
      // A file is taken whole, and what is not ours stays in it.
      const beside = ['_litestream_seq', 'roles.note'];
      const left = name === 'SQLite' ? { backup: [], restore: beside } : { backup: beside, restore: [] };
      expect(taken.json().not_copied).toEqual(left.backup);
      for (const target of [sqlite(`${name}-of-shared.sqlite`), await freshPostgres()]) {
        const there = { ...env, DATABASE_URL: target };
        const restored = await place.run(`restore ${file} --json`, { env: there });
        expect([restored.stderr, restored.code]).toEqual(['', 0]);
        expect(restored.json()).toMatchObject({
          tables: taken.json().tables,
          not_copied: left.restore,
        });
      }
      // … and is not emptied with them.
      const replaced = await place.run(`db copy --to ${shared} --replace --yes`);
      expect([replaced.code, replaced.stdout]).toEqual([0, expect.not.stringContaining('Not copied')]);
      const again = await place.run(`db copy --to ${sqlite(`${name}-copied.sqlite`)}`, { env });
      expect(again.stdout).toMatch(/^Not copied, .*: _litestream_seq, roles\.note$/m);
      await run(shared, 'CREATE UNIQUE INDEX of_a_test ON _litestream_seq (id)');
      await expect(run(shared, 'INSERT INTO _litestream_seq VALUES (1)')).rejects.toMatchObject({
        message: expect.stringMatching(/unique/i),
      });
    },
  );

  test.each(['nothing.backup', 'mine'])('%s is no backup: one line', async (name) => {
    const env = { ...place.env, DATABASE_URL: sqlite('from-nothing.sqlite') };
    writeFileSync(inPlace('mine'), 'mine');
    const { code, stderr } = await place.run(`restore ${inPlace(name)}`, { env });
    expect([code, stderr.split('\n')]).toEqual([1, [expect.stringContaining(inPlace(name)), '']]);
  });
});

/** Two rows in every table, as the columns allow: one with much in everything, one with as little as may be. */
function fillEveryTable(path: string): string[] {
  const db = new BetterSqlite3(path);
  try {
    const named = `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB 'knex_*'`;
    const tables = db.prepare<[], string>(`${named} ORDER BY name`).pluck().all();
    for (const table of tables) {
      const columns = db.pragma(`table_info(${table})`) as Column[];
      const insert = db.prepare(`INSERT INTO ${table} VALUES (${columns.map(() => '?').join(', ')})`);
      insert.run(columns.map((column) => cellOf(column, 0, true)));
      insert.run(columns.map((column) => cellOf(column, 1, false)));
    }
    return tables;
  } finally {
    db.close();
  }
}

interface Column {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly pk: number;
}

function cellOf({ name, type, notnull, pk }: Column, row: number, full: boolean): string | number | null {
  if (!full && !notnull && !pk) return null;
  if (/text/i.test(type)) return pk > 0 ? `row ${row}` : `"é'\\ 😀\n\t${row}${'x'.repeat(20_000)}`;
  if (/bigint/i.test(type)) return full ? Number.MAX_SAFE_INTEGER - row : row;
  if (/integer/i.test(type)) return full ? 2 ** 31 - 1 : row;
  throw new Error(`${name} is ${type}: what could stand in it?`);
}

describe('db copy', () => {
  test('every table comes along, whatever can stand in it, there and back', async () => {
    const full = { ...place.env, DATABASE_URL: sqlite('every-table.sqlite') };
    await place.run('migrate up', { env: full });
    const tables = fillEveryTable(inPlace('every-table.sqlite'));
    const postgres = await freshPostgres();
    const there = await place.run(`db copy --to ${postgres} --json`, { env: full });
    expect([there.stderr, there.code]).toEqual(['', 0]);
    const copied: { table: string; rows: number }[] = there.json().tables;
    expect(copied.map(({ table, rows }) => `${table} ${rows}`).sort()).toEqual(
      tables.map((table) => `${table} 2`),
    );
    const env = { ...place.env, DATABASE_URL: postgres };
    const back = await place.run(`db copy --to ${sqlite('every-table-back.sqlite')} --json`, { env });
    expect([back.stderr, back.code]).toEqual(['', 0]);
    expect(back.json().tables).toEqual(copied);
  });

  test('to PostgreSQL and back, with the same counts and hashes', async () => {
    const postgres = await freshPostgres();
    const there = await place.run(`db copy --to ${postgres} --json`);
    expect([there.stderr, there.code]).toEqual(['', 0]);
    const onPostgres = { ...place.env, DATABASE_URL: postgres };
    const back = await place.run(`db copy --to ${sqlite('back.sqlite')}`, { env: onPostgres });
    expect(back.code).toBe(0);
    expect(back.stderr).toMatch(/^accounts: 1 row$/m);
    expect(back.stdout).toMatch(/counts and hashes agree/);
    const onSqlite = { ...place.env, DATABASE_URL: sqlite('back.sqlite') };
    const again = await place.run(`db copy --to ${postgres} --replace --yes --json`, { env: onSqlite });
    expect([again.stderr, again.code]).toEqual(['', 0]);
    expect(again.json().tables).toEqual(there.json().tables);

    const backup = await place.run(`backup ${inPlace('of-postgres.backup')} --json`, { env: onPostgres });
    expect(backup.json().tables).toEqual(there.json().tables);
    await expectPromisesKept(postgres);
  });

  test('a target of an older version that has rows is refused, and is not even migrated', async () => {
    const older = sqlite('older.sqlite');
    const settings = sqliteSettings(inPlace('older.sqlite'));
    await migrateUp(settings, () => {}, { list: migrations.slice(0, 5) });
    await run(older, `INSERT INTO roles (name, created_at) VALUES ('theirs', 1)`);
    const before = await migrationStatus(settings);
    const done = await place.run(`db copy --to ${older}`);
    expect([done.code, done.stderr]).toEqual([1, expect.stringMatching(/not empty.* rows in roles/)]);
    expect(await migrationStatus(settings)).toEqual(before);
  });

  const elsewhere = { PostgreSQL: () => freshPostgres(), SQLite: async () => sqlite('foreign.sqlite') };

  test.each(Object.entries(elsewhere))(
    'a database of something else is refused before anything is made in it, on %s',
    async (_name, newTarget) => {
      const foreign = await newTarget();
      await run(foreign, 'CREATE TABLE invoices (id integer)');
      const replaced = await place.run(`db copy --to ${foreign} --replace --yes`);
      expect([replaced.code, replaced.stderr]).toEqual([
        1,
        expect.stringMatching(/^The target is not empty.* there is invoices/),
      ]);
      await run(foreign, 'INSERT INTO invoices VALUES (1)');
      const env = { ...place.env, DATABASE_URL: foreign };
      const restored = await place.run(`restore ${inPlace('whole.backup')}`, { env });
      for (const { code, stderr } of [await place.run(`db copy --to ${foreign}`), restored]) {
        expect([code, stderr]).toEqual([
          1,
          expect.stringMatching(/^The target is not empty.* rows in invoices/),
        ]);
      }
      // Nothing was made beside it, the table of the migrations neither.
      await run(foreign, 'CREATE TABLE knex_migrations (id integer)');
    },
  );

  test('--replace does not migrate what it is to replace', async () => {
    const older = sqlite('older-replaced.sqlite');
    const settings = sqliteSettings(inPlace('older-replaced.sqlite'));
    await migrateUp(settings, () => {}, { list: migrations.slice(0, 5) });
    const before = await migrationStatus(settings);
    const done = await place.run(`db copy --to ${older} --replace --yes`);
    expect([done.code, done.stderr]).toEqual([
      1,
      expect.stringMatching(/^The target is not empty, and not of this version/),
    ]);
    expect(await migrationStatus(settings)).toEqual(before);
  });

  test('--replace fills a target that is not there yet', async () => {
    const done = await place.run(`db copy --to ${sqlite('not-yet.sqlite')} --replace --yes --json`);
    expect([done.stderr, done.code]).toEqual(['', 0]);
  });

  test.each([
    ['no rows are lost unasked', () => sqlite('filled.sqlite'), 1, /not empty.*--replace/],
    ['an address that is none', () => 'mysql://x/y', 2, /--to names "mysql"/],
    ['memory', () => 'sqlite::memory:', 2, /--to memory/],
  ])('%s', async (_name, to, code, why) => {
    await place.run(`db copy --to ${sqlite('filled.sqlite')}`);
    const done = await place.run(`db copy --to ${to()}`);
    expect([done.code, done.stdout]).toEqual([code, '']);
    expect(done.stderr).toMatch(why);
  });

  test.each([
    ['PostgreSQL', () => freshPostgres(), () => sqlite('source.sqlite')],
    ['SQLite', async () => sqlite('target.sqlite'), () => freshPostgres()],
  ])('--replace that fails half way leaves what was there, on %s', async (name, target, source) => {
    const [from, to] = [await source(), await target()];
    const filled = await Promise.all([from, to].map((url) => place.run(`db copy --to ${url}`)));
    expect(filled.map(({ code }) => code)).toEqual([0, 0]);
    const env = { ...place.env, DATABASE_URL: from };
    await run(to, `UPDATE accounts SET display_name = 'Zoe'`);
    const before = await place.run(`backup ${inPlace(`${name}-before.backup`)} --json`, {
      env: { ...env, DATABASE_URL: to },
    });
    // A unique index of the target refuses a row of the source, long after the first tables were emptied and filled.
    await run(to, 'CREATE UNIQUE INDEX of_a_test ON signing_keys (revoked_at)');
    await run(from, 'UPDATE signing_keys SET revoked_at = 1');
    const failed = await place.run(`db copy --to ${to} --replace --yes`, { env });
    expect([failed.code, failed.stderr]).toEqual([1, expect.stringMatching(/^accounts: 1 row$/m)]);
    const after = await place.run(`backup ${inPlace(`${name}-after.backup`)} --json`, {
      env: { ...env, DATABASE_URL: to },
    });
    expect(after.json().tables).toEqual(before.json().tables);
    await run(to, 'DROP INDEX of_a_test');
    const copied = await place.run(`db copy --to ${to} --replace --yes --json`, { env });
    expect([copied.stderr, copied.code]).toEqual(['', 0]);
    const kept = await place.run('user list --json', { env: { ...env, DATABASE_URL: to } });
    expect(kept.stdout).not.toContain('Zoe');
    // The audit trail is append-only there as before. (SQLite's errors may be those of another test file's realm.)
    const message = expect.stringContaining('append-only');
    await expect(run(to, 'DELETE FROM audit_events')).rejects.toMatchObject({ message });
  });

  test('to the very database it comes from is refused, however it is written', async () => {
    const postgres = await freshPostgres();
    await place.run('migrate up', { env: { ...place.env, DATABASE_URL: postgres } });
    symlinkSync(place.folder, inPlace('.self'));
    const spelled = {
      [sqlite('data/postern.sqlite')]: [sqlite('data/postern.sqlite'), sqlite('.self/data/postern.sqlite')],
      [postgres]: [`${postgres}?application_name=copy`, postgres.replace('127.0.0.1', '0x7f000001')],
    };
    for (const [DATABASE_URL, targets] of Object.entries(spelled)) {
      for (const target of targets) {
        const done = await place.run(`db copy --to ${target} --replace --yes`, {
          env: { ...place.env, DATABASE_URL },
        });
        expect([done.code, done.stderr]).toEqual([2, '--to is DATABASE_URL itself.\n']);
      }
    }
  });

  test('another schema of the database it comes from is another place', async () => {
    const postgres = await freshPostgres();
    const env = { ...place.env, DATABASE_URL: postgres };
    await place.run('migrate up', { env });
    await run(postgres, 'CREATE SCHEMA second');
    const target = `${postgres}?options=-c%20search_path%3Dsecond`;
    const done = await place.run(`db copy --to ${target} --json`, { env });
    expect([done.stderr, done.code]).toEqual(['', 0]);
  });
});

describe('which of the databases is at fault', () => {
  const wrong = async () => (await freshPostgres()).replace(/:[^:@/]+@/, ':wrong@');
  const onPostgres = async () => ({ ...place.env, DATABASE_URL: await freshPostgres() });

  test.each([
    [
      'the password of --to',
      async () => `db copy --to ${await wrong()}`,
      /^--to: the database refuses: .*28P01/,
    ],
    ['a folder as --to', async () => `db copy --to sqlite:${place.folder}`, /^\/.* cannot be used|^--to: /],
    [
      'a folder as a backup',
      async () => `restore ${place.folder}`,
      /^\/[^ ]*: the database refuses: .*SQLITE_/,
    ],
  ])('%s', async (_name, args, why) => {
    const done = await place.run(await args());
    expect([done.code, done.stderr]).toEqual([1, expect.stringMatching(why)]);
    expect(done.stderr).not.toContain('DATABASE_URL');
  });

  test('no server at --to', async () => {
    const done = await place.spawn('db copy --to postgres://127.0.0.1:1/x');
    expect([done.code, done.stderr]).toEqual([
      1,
      expect.stringMatching(/^--to does not answer: .*ECONNREFUSED/),
    ]);
  });

  test('--to, from PostgreSQL too', async () => {
    const env = await onPostgres();
    await place.run('migrate up', { env });
    const done = await place.run(`db copy --to ${await wrong()}`, { env });
    expect(done.stderr).toMatch(/^--to: the database refuses/);
  });

  test('DATABASE_DIRECT_URL', async () => {
    const env = { ...(await onPostgres()), DATABASE_DIRECT_URL: await wrong() };
    const { stderr } = await place.run('migrate status', { env });
    expect(stderr).toMatch(/^DATABASE_DIRECT_URL: the database refuses/);
  });

  test('the database itself, where a backup finds it damaged', async () => {
    const env = { ...place.env, DATABASE_URL: sqlite('damaged.sqlite') };
    await place.run('migrate up', { env });
    const db = new BetterSqlite3(inPlace('damaged.sqlite'));
    const root = db
      .prepare(`SELECT rootpage FROM sqlite_master WHERE name = 'roles'`)
      .pluck()
      .get() as number;
    const size = db.pragma('page_size', { simple: true }) as number;
    db.close();
    const file = openSync(inPlace('damaged.sqlite'), 'r+');
    writeSync(file, Buffer.alloc(size, 0xff), 0, size, (root - 1) * size);
    closeSync(file);
    const { code, stderr } = await place.run(`backup ${inPlace('of-damaged')}`, { env });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^DATABASE_URL: .*SQLITE_CORRUPT/)]);
    expect(readdirSync(place.folder).filter((name) => name.startsWith('of-damaged'))).toEqual([]);
  });

  test('a database that waits for migrations is not said to have MIGRATE off', async () => {
    const { code, stderr } = await place.run(`backup ${inPlace('early')}`, { env: await onPostgres() });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^The database waits for \d+ migrations/)]);
    expect(stderr).not.toContain('MIGRATE is off');
  });
});
