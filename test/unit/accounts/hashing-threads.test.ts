/** Argon2 in threads of its own: the compiled one, and what is left when there is none or it dies. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { inHashingThreads } from '../../../src/accounts/hashing-threads.js';
import { ensureCompiled } from '../../support/command-line.js';

let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-threads-'));
  await ensureCompiled();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function threadOf(code: string): string {
  const file = join(folder, `${Math.random()}.cjs`);
  writeFileSync(file, `const { parentPort } = require('node:worker_threads');\n${code}`);
  return file;
}

const lessUrgentThreads = (): number =>
  process.platform === 'linux'
    ? readdirSync('/proc/self/task').filter((thread) => getPriority(Number(thread)) > getPriority()).length
    : 0;

test('hashes and verifies as libuv’s threads do, two at once as well, and gives way to the event loop', async () => {
  const { hash, verify } = inHashingThreads();
  const before = lessUrgentThreads();
  const kept = await hash('pine wood hut');
  expect(kept).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect(await Promise.all([verify(kept, 'pine wood hut'), verify(kept, 'pine wood')])).toEqual([
    true,
    false,
  ]);
  if (process.platform === 'linux') expect(lessUrgentThreads() - before).toBe(2);
});

test('what is no hash is an error of the caller, and the thread goes on', async () => {
  const { hash, verify } = inHashingThreads();
  await expect(verify('no hash', 'pine wood hut')).rejects.toThrow(/decoding/i);
  expect(await verify(await hash('pine wood hut'), 'pine wood hut')).toBe(true);
});

test.each([
  ['is not there', () => join(folder, 'nowhere.cjs')],
  ['dies of a job', () => threadOf(`parentPort.on('message', () => { throw new Error('gone'); });`)],
  ['ends in the middle of one', () => threadOf(`parentPort.on('message', () => process.exit());`)],
])('a thread that %s keeps nobody from signing in', async (_, file) => {
  const { hash, verify } = inHashingThreads(file());
  const kept = await hash('pine wood hut');
  expect(await verify(kept, 'pine wood hut')).toBe(true);
});

test('one that ends after its answer is not asked for ever', async () => {
  const { hash } = inHashingThreads(
    threadOf(
      `parentPort.on('message', () => { parentPort.postMessage({ result: 'mine' }); process.exit(); });`,
    ),
  );
  const answers: string[] = [];
  for (let job = 0; job < 6; job += 1) answers.push(await hash('pine wood hut'));
  expect(answers.filter((answer) => answer !== 'mine' && !answer.startsWith('$argon2id$'))).toEqual([]);
  expect(answers[0]).toBe('mine');
  expect(answers.slice(1)).toContain('mine');
});
