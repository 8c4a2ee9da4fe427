/** Argon2 in threads of its own: the compiled one, and what is left when there is none. */
import { readdirSync } from 'node:fs';
import { getPriority } from 'node:os';
import { beforeAll, expect, test } from '@jest/globals';
import { inHashingThreads } from '../../../src/accounts/hashing-threads.js';
import { ensureCompiled } from '../../support/command-line.js';
import { quietLog } from '../../support/databases.js';

beforeAll(() => ensureCompiled());

const lessUrgentThreads = (): number =>
  process.platform === 'linux'
    ? readdirSync('/proc/self/task').filter((thread) => getPriority(Number(thread)) > getPriority()).length
    : 0;

test('hashes and verifies as libuv’s threads do, two at once as well, and gives way to the event loop', async () => {
  const { hash, verify } = inHashingThreads(quietLog);
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
  const { hash, verify } = inHashingThreads(quietLog);
  await expect(verify('no hash', 'pine wood hut')).rejects.toThrow(/decoding/i);
  expect(await verify(await hash('pine wood hut'), 'pine wood hut')).toBe(true);
});

test('a thread that cannot be had is told of, and keeps nobody from signing in', async () => {
  const told: string[] = [];
  const log = { warn: (_fields: object, message: string) => void told.push(message) };
  const { hash, verify } = inHashingThreads(log, '/nowhere/thread.js');
  const kept = await hash('pine wood hut');
  expect(await verify(kept, 'pine wood hut')).toBe(true);
  expect(told).toEqual([expect.stringMatching(/hashing passwords is lost/)]);
});
