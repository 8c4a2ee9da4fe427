import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { createGroupCommit, type GroupCommit } from '../../../src/platform/database/group-commit.js';

/** How many units each commit had. */
let commits: number[];
let group: GroupCommit;
let handle: BetterSqlite3.Database;

const add = () => void group.submit((db) => db.prepare('INSERT INTO things VALUES (1)').run());
const pass = (ms: number) => jest.advanceTimersByTime(ms);

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
  pass(1000);
  commits = [];
  handle = new BetterSqlite3(':memory:');
  handle.exec('CREATE TABLE things (name TEXT)');
  const watch = { committed: (_ms: number, units: number) => void commits.push(units) };
  group = createGroupCommit(handle, 1000, () => {}, watch);
});
afterEach(() => {
  jest.useRealTimers();
  handle.close();
});

test('what comes soon after a commit waits for company, and they are one commit', () => {
  add();
  pass(0);
  expect(commits).toEqual([1]);
  add();
  pass(2);
  add();
  pass(2);
  expect(commits).toEqual([1]);
  pass(2);
  expect(commits).toEqual([1, 2]);
});

test('who waited and stayed alone does not wait the next time, nor for a while', () => {
  add();
  pass(0);
  add();
  pass(6);
  expect(commits).toEqual([1, 1]);
  add();
  pass(0);
  pass(1);
  add();
  pass(0);
  expect(commits).toEqual([1, 1, 1, 1]);
});

test('what comes long after a commit is committed at once', () => {
  add();
  pass(7);
  add();
  pass(0);
  expect(commits).toEqual([1, 1]);
});

test('what still waits when it is closed is committed first', async () => {
  add();
  pass(0);
  add();
  const closed = group.close();
  pass(6);
  await closed;
  expect(commits).toEqual([1, 1]);
});

test('what a power cut may undo does not wait for the disk alone, and does in company', () => {
  const waits = () => Number(handle.pragma('synchronous', { simple: true }));
  const seen: number[] = [];
  handle.pragma('synchronous = FULL');
  const look = () => void seen.push(waits());
  void group.tidy(look);
  pass(0);
  expect([seen, waits()]).toEqual([[1], 2]);
  void group.tidy(look);
  void group.submit(look);
  pass(10);
  expect([seen, waits()]).toEqual([[1, 2, 2], 2]);
});

test('after tidying that failed commits wait for the disk as before', async () => {
  handle.pragma('synchronous = FULL');
  const failing = group.tidy(() => {
    throw new Error('no');
  });
  pass(0);
  await expect(failing).rejects.toThrow('no');
  expect(handle.pragma('synchronous', { simple: true })).toBe(2);
});
