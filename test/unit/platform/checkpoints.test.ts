/** The log is brought into the file beside the commits, by the compiled thread; without one SQLite does it itself. */
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type BetterSqlite3 from 'better-sqlite3';
import { createCheckpoints } from '../../../src/platform/database/checkpoints.js';
import { createSqliteDatabase, openSqliteFile } from '../../../src/platform/database/sqlite.js';
import { ensureCompiled } from '../../support/command-line.js';
import { quietLog } from '../../support/databases.js';
import { until } from '../../support/figures.js';

let folder: string;
let file: string;

beforeAll(() => ensureCompiled());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-checkpoints-'));
  file = join(folder, 'db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const sizes = () => ({ file: statSync(file).size, log: statSync(`${file}-wal`).size });

/** So that no commit brings the log over by itself. */
function open() {
  const handle = openSqliteFile(file, 1000);
  handle.exec('CREATE TABLE things (text TEXT)');
  handle.pragma('wal_checkpoint(TRUNCATE)');
  handle.pragma('wal_autocheckpoint = 0');
  return handle;
}

const PAGES = 4096;
const put = (handle: BetterSqlite3.Database, rows: number) => {
  const insert = handle.prepare('INSERT INTO things VALUES (?)');
  for (let row = 0; row < rows; row += 1) insert.run('x'.repeat(PAGES));
};

test('after a hundred units the log is brought over, and begins anew with the next commit', async () => {
  const handle = open();
  const checkpoints = createCheckpoints(file);
  const before = sizes().file;
  put(handle, 99);
  checkpoints.committed(99);
  expect(sizes().file).toBe(before);
  checkpoints.committed(1);
  await until('it is brought over', () => sizes().file > before + 99 * PAGES, 20_000);
  const beginsAnew = () => {
    const { log } = sizes();
    put(handle, 1);
    // One that was written in the middle of it stays behind until the next time.
    checkpoints.committed(100);
    return sizes().log === log;
  };
  await until('it begins anew', beginsAnew, 20_000);
  await checkpoints.close();
  handle.close();
  expect(existsSync(`${file}-wal`)).toBe(false);
});

test('a database that is written to all the time keeps its log short', async () => {
  const handle = openSqliteFile(file, 1000);
  handle.exec('CREATE TABLE things (text TEXT)');
  const database = createSqliteDatabase(handle, { timeoutMs: 1000 });
  const text = 'x'.repeat(PAGES);
  for (let turn = 0; turn < 60; turn += 1) {
    const row = () => database.run(database.sql('things').insert({ text }));
    await Promise.all(Array.from({ length: 50 }, row));
  }
  // 3,000 rows and more are some 25 MB.
  expect(sizes().log).toBeLessThan(10_000_000);
  await database.close();
  expect(existsSync(`${file}-wal`)).toBe(false);
});

test('what the log grew to beside a reader that stood still is given back', () => {
  const handle = open();
  const reader = openSqliteFile(file, 1000);
  reader.exec('BEGIN');
  reader.prepare('SELECT * FROM things').all();
  handle.transaction(() => put(handle, 17_000))();
  const largest = sizes().log;
  expect(largest).toBeGreaterThan(64 * 1024 * 1024);
  reader.close();
  handle.pragma('wal_checkpoint(PASSIVE)');
  put(handle, 1);
  expect(sizes().log).toBe(64 * 1024 * 1024);
  handle.close();
});

test('without a thread SQLite does it with a commit', async () => {
  const handle = open();
  handle.pragma('wal_autocheckpoint = 20');
  const checkpoints = createCheckpoints(file, quietLog, join(folder, 'nowhere.js'));
  const before = sizes().file;
  checkpoints.committed(100);
  await checkpoints.close();
  put(handle, 30);
  expect(sizes().file).toBeGreaterThan(before + 20 * PAGES);
  checkpoints.committed(100);
  await checkpoints.close();
  handle.close();
});
