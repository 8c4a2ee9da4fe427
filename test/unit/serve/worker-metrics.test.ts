import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { createMetrics, noMetrics } from '../../../src/platform/observe/metrics.js';
import { createWorkerMetrics, gatherThrough } from '../../../src/serve/worker-metrics.js';
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
  createWorkerMetrics().watch(worker);
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

interface Actor extends WorkerProcess {
  say(message: FromWorker): void;
  exit(): void;
}

/** Answers with these metrics when it is asked; with none it is too busy. */
function actor(pid: number, metrics?: ReturnType<typeof createMetrics>): Actor {
  const listeners: ((message: FromWorker) => void)[] = [];
  const exits: (() => void)[] = [];
  const say = (message: FromWorker) => {
    for (const listener of listeners) listener(message);
  };
  return {
    pid,
    send(message) {
      if (message.postern !== 'measure' || metrics === undefined) return;
      const { id } = message;
      void metrics.snapshot().then((own) => say({ postern: 'measured', id, metrics: own }));
    },
    kill: () => {},
    onMessage: (listener) => void listeners.push(listener),
    onExit: (listener) => void exits.push(() => listener(0, null)),
    say,
    exit() {
      for (const exit of exits) exit();
    },
  };
}

const counting = (tokens: number) => {
  const metrics = createMetrics({ version: '1' });
  for (let token = 0; token < tokens; token += 1) {
    metrics.tokensIssued('client_credentials');
    metrics.request('/oauth/token', 200, 5);
  }
  return metrics;
};

/** Tokens and requests. */
const countsIn = (text: string) => [
  Number(/^postern_token_responses_total\{grant_type="client_credentials"\} (\d+)$/m.exec(text)?.[1]),
  Number(/^postern_http_request_duration_seconds_count\{.*\} (\d+)$/m.exec(text)?.[1]),
];

test('counts do not fall when workers are exchanged or crash, and what is of a moment goes with them', async () => {
  const workerMetrics = createWorkerMetrics();
  const [first, second, third] = [actor(1, counting(2)), actor(2, counting(3)), actor(3, counting(4))];
  for (const worker of [first, second]) {
    workerMetrics.watch(worker);
    worker.say({ postern: 'ready', port: 1 });
  }
  const before = await workerMetrics.scrape();
  expect(countsIn(before)).toEqual([5, 5]);
  // One says a last word, the other crashes after it was asked.
  first.say({ postern: 'measured', id: 0, metrics: await counting(7).snapshot() });
  first.exit();
  second.exit();
  workerMetrics.watch(third);
  third.say({ postern: 'ready', port: 1 });
  const after = await workerMetrics.scrape();
  expect(countsIn(after)).toEqual([14, 14]);
  // What says something of a process that is there.
  expect(after).toMatch(/^postern_build_info\{.*\} 1$/m);
  third.exit();
  expect(countsIn(await workerMetrics.scrape())).toEqual([14, 14]);
  expect(await workerMetrics.scrape()).not.toMatch(/^postern_build_info/m);
});

test('one that is too busy to answer stands with what it said before', async () => {
  const workerMetrics = createWorkerMetrics();
  const [busy, other] = [actor(1), actor(2, counting(1))];
  for (const worker of [busy, other]) {
    workerMetrics.watch(worker);
    worker.say({ postern: 'ready', port: 1 });
  }
  busy.say({ postern: 'measured', id: 0, metrics: await counting(5).snapshot() });
  const scraped = workerMetrics.scrape();
  await jest.advanceTimersByTimeAsync(2_000);
  expect(countsIn(await scraped)).toEqual([6, 6]);
});
