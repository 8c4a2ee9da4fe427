import { afterEach, beforeEach, expect, test } from '@jest/globals';
import {
  createSqliteDatabase,
  openSqliteFile,
  type SqliteDatabase,
} from '../../../src/platform/database/sqlite.js';

/** How many units each commit had. */
let commits: number[];
let database: SqliteDatabase;

const add = (name: string) => database.run(database.sql('things').insert({ name }));
const turn = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(async () => {
  commits = [];
  const watch = {
    committed: (_ms: number, units: number) => void commits.push(units),
    waited: () => {},
    roundTrip: () => {},
  };
  database = createSqliteDatabase(openSqliteFile(':memory:', 1000), { timeoutMs: 1000 }, watch);
  await database.submit((db) => db.exec('CREATE TABLE things (name TEXT)'));
  commits = [];
});
afterEach(() => database.close());

test('what comes soon after a commit, turn after turn, is the next commit together', async () => {
  await add('a');
  const [second] = [add('b'), await turn(), add('c'), await turn()];
  const third = add('d');
  await Promise.all([second, third]);
  // The first may have had to wait for the one that made the table.
  expect(commits).toEqual([1, 3]);
});

test('nothing waits for a close', async () => {
  await add('a');
  const last = add('b');
  await Promise.all([database.close(), last]);
  expect(commits).toEqual([1, 1]);
  database = createSqliteDatabase(openSqliteFile(':memory:', 1000), { timeoutMs: 1000 });
});
