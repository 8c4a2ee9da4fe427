import { EventEmitter } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createSupervisor } from '../../../src/serve/supervisor.js';
import type { FromWorker, ToWorker, WorkerProcess } from '../../../src/serve/worker-link.js';

interface Fake extends WorkerProcess {
  readonly told: ToWorker[];
  ready(): void;
  exit(code: number | null, signal?: string | null): void;
  killed: boolean;
}

/** `obedient` workers serve at once and end when they are told to. */
function setUp({ workers = 2, obedient = true } = {}) {
  const forked: Fake[] = [];
  const errors: string[] = [];
  const settings = { workers, obedient };
  const log = { info: () => {}, warn: () => {}, error: (_: object, text: string) => void errors.push(text) };
  function fork(): Fake {
    const events = new EventEmitter();
    const fake: Fake = {
      pid: forked.length + 1,
      told: [],
      killed: false,
      send(message) {
        fake.told.push(message);
        if (settings.obedient && message.postern !== 'lead') setImmediate(() => fake.exit(0));
      },
      kill() {
        fake.killed = true;
        setImmediate(() => fake.exit(null, 'SIGKILL'));
      },
      onMessage: (listener: (message: FromWorker) => void) => void events.on('message', listener),
      onExit: (listener: (code: number | null, signal: string | null) => void) =>
        void events.once('exit', listener),
      ready: () => void events.emit('message', { postern: 'ready', port: 5000 }),
      exit: (code, signal = null) => void events.emit('exit', code, signal),
    };
    forked.push(fake);
    if (settings.obedient) setImmediate(() => fake.ready());
    return fake;
  }
  const signals = new EventEmitter();
  let now = 0;
  const supervisor = createSupervisor({
    fork,
    count: () => settings.workers,
    log,
    signals,
    now: () => {
      now += 1;
      return now;
    },
  });
  return { supervisor, forked, errors, signals, settings };
}

const leads = ({ told }: Fake) => told.some(({ postern }) => postern === 'lead');

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance', 'Date'] });
});
afterEach(() => {
  jest.useRealTimers();
});

describe('starting', () => {
  test('a first worker that cannot start ends it all, before a second has been tried', async () => {
    const { supervisor, forked } = setUp({ obedient: false });
    const started = supervisor.start();
    forked[0]?.exit(1);
    expect(await started).toBeUndefined();
    expect(await supervisor.ended).toBe(1);
    expect(forked).toHaveLength(1);
  });

  test('one that hangs while it starts is ended', async () => {
    const { supervisor, forked, errors, settings } = setUp();
    await supervisor.start();
    settings.obedient = false;
    forked[0]?.exit(null, 'SIGKILL');
    jest.advanceTimersByTime(100);
    jest.advanceTimersByTime(11 * 60_000);
    expect(forked.map(({ killed }) => killed)).toEqual([false, false, true]);
    expect(errors).toContain('a worker hung while it started');
    await turn();
    settings.obedient = true;
    await supervisor.stop('test');
  });

  test('told to stop while it starts is no failure', async () => {
    const { supervisor, forked, signals, settings } = setUp();
    settings.obedient = false;
    const started = supervisor.start();
    forked[0]?.ready();
    await turn();
    settings.obedient = true;
    signals.emit('SIGTERM', 'SIGTERM');
    expect([await started, await supervisor.ended]).toEqual([undefined, 0]);
    expect(forked[1]?.killed).toBe(true);
  });

  test('exactly one worker leads', async () => {
    const { supervisor, forked } = setUp({ workers: 3 });
    expect(await supervisor.start()).toBe(5000);
    expect(forked.map(leads)).toEqual([true, false, false]);
    await supervisor.stop('test');
  });
});

describe('dying', () => {
  test('a worker that dies is replaced after a wait, and another leads meanwhile', async () => {
    const { supervisor, forked } = setUp();
    await supervisor.start();
    forked[0]?.exit(null, 'SIGKILL');
    expect(leads(forked[1] as Fake)).toBe(true);
    expect(forked).toHaveLength(2);
    jest.advanceTimersByTime(100);
    expect(forked).toHaveLength(3);
    await turn();
    await supervisor.stop('test');
    expect(await supervisor.ended).toBe(0);
  });

  test('workers that keep dying until none serves end it with exit code 1', async () => {
    const { supervisor, forked, errors } = setUp({ workers: 1 });
    await supervisor.start();
    for (let death = 0; death < 10; death += 1) {
      forked.at(-1)?.exit(134);
      jest.advanceTimersByTime(5_000);
      await turn();
    }
    expect(await supervisor.ended).toBe(1);
    expect(errors).toContain('workers keep dying; giving up');
    expect(forked).toHaveLength(10);
  });

  test('while one serves, another that does not come up is tried again and again, and in the end serves', async () => {
    const { supervisor, forked, errors, settings } = setUp();
    await supervisor.start();
    settings.obedient = false;
    forked[1]?.exit(null, 'SIGKILL');
    for (let death = 0; death < 30; death += 1) {
      jest.advanceTimersByTime(5_000);
      forked.at(-1)?.exit(1);
    }
    expect(forked).toHaveLength(32);
    expect(errors).not.toContain('workers keep dying; giving up');
    expect(forked[0]?.told).toEqual([{ postern: 'lead' }]);
    settings.obedient = true;
    jest.advanceTimersByTime(5_000);
    // The last that serves dies while the other is about to.
    forked[0]?.exit(null, 'SIGKILL');
    await turn();
    expect(errors).not.toContain('workers keep dying; giving up');
    jest.advanceTimersByTime(5_000);
    await turn();
    expect(forked).toHaveLength(34);
    jest.advanceTimersByTime(60_000);
    expect(forked).toHaveLength(34);
    await supervisor.stop('test');
    expect(await supervisor.ended).toBe(0);
  });
});

describe('reloading', () => {
  test('a new worker serves before an old one retires, one after the other', async () => {
    const { supervisor, forked, signals } = setUp();
    await supervisor.start();
    signals.emit('SIGHUP');
    expect(forked).toHaveLength(3);
    expect(forked[0]?.told).not.toContainEqual({ postern: 'retire' });
    forked[2]?.ready();
    await null;
    await null;
    expect(forked[0]?.told).toContainEqual({ postern: 'retire' });
    expect(leads(forked[1] as Fake)).toBe(true);
    while (!leads(forked[2] as Fake)) await turn();
    expect(forked).toHaveLength(4);
    expect(forked[1]?.told).toContainEqual({ postern: 'retire' });
    jest.advanceTimersByTime(60_000);
    // The retired are not replaced.
    expect(forked).toHaveLength(4);
    await supervisor.stop('test');
  });

  test('asked for during a reload, it is done once more', async () => {
    const { supervisor, forked } = setUp();
    await supervisor.start();
    void supervisor.reload();
    void supervisor.reload();
    expect(await supervisor.reload()).toBe(true);
    expect(forked).toHaveLength(6);
    await supervisor.stop('test');
  });

  test('with another number of workers', async () => {
    const { supervisor, forked, settings } = setUp();
    await supervisor.start();
    settings.workers = 1;
    expect(await supervisor.reload()).toBe(true);
    expect(forked).toHaveLength(3);
    await supervisor.stop('test');
  });

  test('a new worker that does not start leaves the old ones serving', async () => {
    const { supervisor, forked, settings, errors } = setUp();
    await supervisor.start();
    settings.obedient = false;
    const reloaded = supervisor.reload();
    forked[2]?.exit(1);
    expect(await reloaded).toBe(false);
    expect(errors).toHaveLength(1);
    expect(forked.slice(0, 2).flatMap(({ told }) => told)).toEqual([{ postern: 'lead' }]);
    settings.obedient = true;
    await supervisor.stop('test');
  });

  test('a worker that was still starting with the old settings is exchanged as well', async () => {
    const { supervisor, forked, settings, errors } = setUp();
    await supervisor.start();
    settings.obedient = false;
    forked[0]?.exit(null, 'SIGKILL');
    jest.advanceTimersByTime(100);
    expect(forked).toHaveLength(3);
    settings.obedient = true;
    expect(await supervisor.reload()).toBe(true);
    expect(forked).toHaveLength(5);
    expect(forked.map(({ killed }) => killed)).toEqual([false, false, true, false, false]);
    while (errors.length < 1) await turn();
    jest.advanceTimersByTime(60_000);
    // It was meant to go: nobody replaces it, and nothing is said of it.
    expect(forked).toHaveLength(5);
    expect(errors).toEqual(['a worker ended unexpectedly']);
    expect(await supervisor.stop('test')).toBe(0);
  });

  test.each([
    ['that goes well', true],
    ['that is given up', false],
  ])('a new worker that dies during an exchange %s is missing for no longer', async (_, goesWell) => {
    const { supervisor, forked, settings } = setUp();
    await supervisor.start();
    settings.obedient = false;
    const reloaded = supervisor.reload();
    forked[2]?.ready();
    while (forked.length < 4) await turn();
    forked[2]?.exit(null, 'SIGKILL');
    // The old one and the one that starts are two.
    jest.advanceTimersByTime(60_000);
    expect(forked).toHaveLength(4);
    settings.obedient = true;
    if (goesWell) forked[3]?.ready();
    else forked[3]?.exit(1);
    expect(await reloaded).toBe(goesWell);
    jest.advanceTimersByTime(60_000);
    expect(forked).toHaveLength(5);
    await turn();
    await supervisor.stop('test');
  });

  test('one that replaced a dead worker meanwhile is not one too many', async () => {
    const { supervisor, forked, settings } = setUp();
    await supervisor.start();
    Object.assign(settings, { workers: 4, obedient: false });
    const reloaded = supervisor.reload();
    forked[0]?.exit(null, 'SIGKILL');
    // One old and one new are fewer than the four that are wanted now.
    jest.advanceTimersByTime(100);
    expect(forked).toHaveLength(4);
    settings.obedient = true;
    forked[3]?.ready();
    forked[2]?.ready();
    expect(await reloaded).toBe(true);
    const goes = ({ told, killed }: Fake) => killed || told.some(({ postern }) => postern === 'retire');
    expect(forked.slice(1).filter((one) => !goes(one))).toHaveLength(4);
    expect(forked.filter((one) => leads(one) && !goes(one) && one !== forked[0])).toHaveLength(1);
    await supervisor.stop('test');
  });

  test('given up, new ones that go on dying do not end those that serve, and are tried on', async () => {
    const { supervisor, forked, settings, errors } = setUp();
    await supervisor.start();
    settings.obedient = false;
    const reloaded = supervisor.reload();
    forked[0]?.exit(null, 'SIGKILL');
    jest.advanceTimersByTime(100);
    forked[2]?.exit(1);
    expect(await reloaded).toBe(false);
    for (let at = 3; at < 20; at += 1) {
      forked[at]?.exit(1);
      jest.advanceTimersByTime(5_000);
    }
    expect(forked).toHaveLength(21);
    expect(errors).not.toContain('workers keep dying; giving up');
    expect(forked[1]?.told).toEqual([{ postern: 'lead' }]);
    settings.obedient = true;
    await supervisor.stop('test');
  });

  test('asked for during the start, it follows it', async () => {
    const { supervisor, forked } = setUp();
    const started = supervisor.start();
    const reloaded = supervisor.reload();
    expect(forked).toHaveLength(1);
    expect(await started).toBe(5000);
    expect(await reloaded).toBe(true);
    expect(forked).toHaveLength(4);
    expect(forked.map(({ killed }) => killed)).toEqual([false, false, false, false]);
    await supervisor.stop('test');
  });

  test('given up, it leaves the number of workers as it was', async () => {
    const { supervisor, forked, settings } = setUp();
    await supervisor.start();
    settings.workers = 1;
    settings.obedient = false;
    const reloaded = supervisor.reload();
    forked[2]?.exit(1);
    expect(await reloaded).toBe(false);
    settings.obedient = true;
    forked[0]?.exit(null, 'SIGKILL');
    jest.advanceTimersByTime(100);
    expect(forked).toHaveLength(4);
    await turn();
    await supervisor.stop('test');
  });
});

describe('stopping', () => {
  test('a worker that still starts is ended at once, one that hangs after ten seconds', async () => {
    const { supervisor, forked, settings } = setUp();
    await supervisor.start();
    settings.obedient = false;
    void supervisor.reload();
    const stopped = supervisor.stop('test');
    expect(forked.map(({ killed }) => killed)).toEqual([false, false, true]);
    jest.advanceTimersByTime(9_500);
    expect(forked.map(({ killed }) => killed)).toEqual([true, true, true]);
    expect(await stopped).toBe(1);
  });

  test.each(['SIGTERM', 'SIGINT'])('%s ends all, once', async (name) => {
    const { supervisor, forked, signals } = setUp();
    await supervisor.start();
    signals.emit(name, name);
    signals.emit(name, name);
    expect(await supervisor.ended).toBe(0);
    expect(forked[1]?.told).toEqual([{ postern: 'stop', reason: name }]);
    expect(signals.listenerCount(name)).toBe(0);
  });
});
