import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { noMetrics } from '../../../src/platform/observe/metrics.js';
import { createGathering, gatherThrough } from '../../../src/serve/gathering.js';
import type { FromWorker, ToWorker, WorkerProcess } from '../../../src/serve/worker-link.js';

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance', 'Date'] });
});
afterEach(() => {
  jest.useRealTimers();
});

const gone = (): never => {
  throw new Error('the channel is closed');
};

/** jest fails a test during which a rejection is handled by nobody. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 3; turns += 1) await turn();
}

test('a worker that cannot be told what it asked for does not take the primary with it', async () => {
  let say: (message: FromWorker) => void = () => {};
  const worker: WorkerProcess = {
    pid: 1,
    send: gone,
    kill: () => {},
    onMessage: (listener) => {
      say = listener;
    },
    onExit: () => {},
  };
  createGathering().watch(worker);
  say({ postern: 'ready', port: 1 });
  say({ postern: 'scrape', id: 1 });
  await settle();
});

test('figures that cannot be had leave the primary to its patience, and the worker alive', async () => {
  let say: (message: ToWorker) => void = () => {};
  const told: FromWorker[] = [];
  const link = {
    tell: (message: FromWorker) => void told.push(message),
    onMessage: (listener: (message: ToWorker) => void) => {
      say = listener;
    },
    signals: process,
    leave: () => {},
  };
  gatherThrough(link, { ...noMetrics, snapshot: () => Promise.reject(new Error('no figures')) });
  say({ postern: 'measure', id: 7 });
  await settle();
  expect(told).toEqual([]);
});
