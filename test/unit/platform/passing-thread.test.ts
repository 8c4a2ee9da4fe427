import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createPassingThread } from '../../../src/platform/threads/passing-thread.js';
import { until } from '../../support/figures.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-threads-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** @param answer what comes of `order` and `workerData` */
function threadOf(answer: string): string {
  const file = join(folder, `${Math.random()}.cjs`);
  const body = `parentPort.on('message', (order) => { parentPort.postMessage(${answer}); });`;
  writeFileSync(
    file,
    `const { parentPort, workerData, threadId } = require('node:worker_threads');\n${body}`,
  );
  return file;
}

type Told = [order: number, data: unknown, threadId: number];
const telling = () => threadOf('[order, workerData, threadId]');

test('it stays for a while', async () => {
  const causes: unknown[] = [];
  const thread = createPassingThread<number, Told>(telling(), {
    data: 'given',
    lost: (cause) => causes.push(cause),
  });
  const first = await thread.ask(1);
  expect(first?.slice(0, 2)).toEqual([1, 'given']);
  expect((await thread.ask(2))?.[2]).toBe(first?.[2]);
  await thread.end();
  // The end that is asked for is no loss.
  expect(causes).toEqual([]);
});

test('with nothing to do it goes, and another one comes when there is', async () => {
  const thread = createPassingThread<number, Told>(telling(), { goesAfter: 1 });
  const first = await thread.ask(1);
  await until('it went', async () => (await thread.ask(2))?.[2] !== first?.[2], 20_000);
  await thread.end();
});

test.each([
  ['is not there', () => join(folder, 'nowhere.cjs'), /Cannot find module/],
  ['dies of an order', () => threadOf(`(() => { throw new Error('gone'); })()`), /gone/],
  ['ends in the middle of one', () => threadOf('process.exit(7)'), /ended with 7/],
  ['cannot be started', () => 'no-path.js', /path/],
])('who asks one that %s is told so, and why it is lost is told once', async (_, file, why) => {
  const causes: string[] = [];
  const { ask } = createPassingThread(file(), { lost: (cause) => causes.push(String(cause)) });
  expect(await ask('anything')).toBeUndefined();
  expect(await ask('anything')).toBeUndefined();
  expect(causes).toEqual([expect.stringMatching(why)]);
});

test('one that ends after its answer is followed by another', async () => {
  const { ask } = createPassingThread<string, string>(threadOf(`'mine'); process.exit(`));
  const answers: unknown[] = [];
  for (let order = 0; order < 6; order += 1) answers.push(await ask('anything'));
  expect(answers[0]).toBe('mine');
  expect(answers.slice(1)).toContain('mine');
});

test('ending it answers who still waits', async () => {
  const thread = createPassingThread(threadOf('new Promise(() => {})'));
  const waiting = thread.ask('anything');
  await thread.end();
  expect(await waiting).toBeUndefined();
});
