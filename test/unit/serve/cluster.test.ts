/** What `node:cluster` does where the system lends no further process: it says so by an `error`, or throws. */
import cluster from 'node:cluster';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { forkWorker } from '../../../src/serve/cluster.js';

const NOTHING = { exec: '/dev/null', args: [], cwd: '/' };

test.each([
  ['told later, as EAGAIN is', { ...NOTHING, cwd: '/nowhere' }, 'ENOENT'],
  ['thrown, as ENOMEM is', { ...NOTHING, args: ['a'.repeat(3_000_000)] }, 'E2BIG'],
])('a worker that cannot be begun has ended: %s', async (_, settings, code) => {
  cluster.setupPrimary(settings);
  const errors: unknown[] = [];
  const log = { error: ({ err }: { err?: NodeJS.ErrnoException }) => void errors.push(err?.code) };
  const worker = forkWorker(log);
  const exits: unknown[] = [];
  worker.onExit((...exit) => void exits.push(exit));
  worker.onMessage(() => {});
  worker.send({ postern: 'stop', reason: 'test' });
  worker.kill();
  for (let turns = 0; turns < 10; turns += 1) await turn();
  expect(worker.pid).toBeUndefined();
  expect(exits).toEqual([[1, null]]);
  expect(errors).toEqual([code]);
});
