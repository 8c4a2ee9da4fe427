import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import {
  createSqliteDatabase,
  openSqliteFile,
  type SqliteDatabase,
} from '../../../src/platform/database/sqlite.js';

/** Two executors over one file, as two processes have them. */
let folder: string;
let ours: SqliteDatabase;
let theirs: SqliteDatabase;

const open = () => createSqliteDatabase(openSqliteFile(join(folder, 'db'), 1000), { timeoutMs: 1000 });
const add = (db: SqliteDatabase, name: string) => db.run(db.sql('things').insert({ name }));
const names = async (db: SqliteDatabase) =>
  (await db.all<{ name: string }>(db.sql('things').select('name').orderBy('name'))).map(({ name }) => name);
const turn = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-turn-'));
  ours = open();
  await ours.submit((db) => db.exec('CREATE TABLE things (name TEXT PRIMARY KEY)'));
  theirs = open();
});
afterEach(async () => {
  await ours.close();
  await theirs.close();
  rmSync(folder, { recursive: true, force: true });
});

test('what is asked twice in a turn is read once, and anew once something was written', async () => {
  const count = ours.reader<{ many: number }>(ours.sql('things').count({ many: '*' }).where('name', ''));
  const [first, again] = await Promise.all([count('a'), count('a')]);
  expect(first).toBe(again);
  expect(await count('b')).not.toBe(first);
  const adding = add(ours, 'a');
  const before = await count('a');
  await adding;
  expect([before, await count('a')]).toEqual([[{ many: 0 }], [{ many: 1 }]]);
  await add(theirs, 'b');
  await turn();
  expect(await count('b')).toEqual([{ many: 1 }]);
});

test('what others committed is seen in the next turn at the latest', async () => {
  expect(await names(ours)).toEqual([]);
  await add(theirs, 'a');
  await turn();
  expect(await names(ours)).toEqual(['a']);
});

/**
 * Somebody reads here; another process commits and answers; whoever was answered comes here and asks. To him
 * nothing may be unknown that he was told, or his revocation would be taken for one of a token that never was.
 */
test.each([
  ['a timer', (work: () => void) => void setTimeout(work)],
  ['an immediate', (work: () => void) => void setImmediate(work)],
])('who comes in the next turn sees what was committed since a read of %s', async (_phase, inPhase) => {
  const other = openSqliteFile(join(folder, 'db'), 1000);
  const { port1, port2 } = new MessageChannel();
  const before = new Promise<string[]>((resolve) => {
    inPhase(() => {
      resolve(names(ours));
      other.exec("INSERT INTO things VALUES ('told')");
      port1.postMessage('you may ask');
    });
  });
  const after = new Promise<string[]>((resolve) => {
    port2.once('message', () => resolve(names(ours)));
  });
  expect([await before, await after]).toEqual([[], ['told']]);
  port1.close();
  other.close();
});

test('a unit asked for after a read is written, and sees what was committed in between', async () => {
  const seen = await names(ours);
  const written = Promise.all([add(ours, 'b'), add(theirs, 'c')]);
  expect(seen).toEqual([]);
  expect(await names(ours)).toEqual([]);
  await written;
  await turn();
  expect(await names(ours)).toEqual(['b', 'c']);
  const found = await ours.submit((db) => db.prepare('SELECT count(*) FROM things').pluck().get());
  expect(found).toBe(2);
});

test('a reader that is asked over and over sees each change', async () => {
  const read = ours.reader<{ name: string }>(ours.sql('things').select('name').where('name', ''));
  expect(await read('d')).toEqual([]);
  await add(ours, 'd');
  expect(await read('d')).toEqual([{ name: 'd' }]);
  await add(theirs, 'e');
  await turn();
  expect(await read('e')).toEqual([{ name: 'e' }]);
});

test('closing in the turn of a read leaves nothing open', async () => {
  const last = open();
  await names(last);
  await last.close();
  await add(ours, 'f');
  expect(await names(theirs)).toEqual(['f']);
});
