import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { ENDPOINT_CEILINGS } from '../../../src/platform/throttle/endpoint-ceilings.js';
import { createSharedCounters } from '../../../src/platform/throttle/shared-counter.js';
import { memoryTable, movingClock } from '../accounts/fakes.js';

const CEILING = { name: 'test', points: 100, windowSeconds: 60 };
const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
};

function world() {
  const clock = movingClock();
  const table = memoryTable();
  const warnings: string[] = [];
  const log = { warn: (_fields: object, message: string) => void warnings.push(message) };
  const counters = () => createSharedCounters({ store: table, clock, log });
  const passed = (counter: { take(key: string): number }, times: number) =>
    Array.from({ length: times }, () => counter.take('a')).filter((wait) => wait === 0).length;
  return { clock, table, warnings, log, counters, passed };
}

describe('a counter shared by processes', () => {
  test('so many pass in a window, the next waits for its end', () => {
    const { clock, counters, passed, warnings } = world();
    const counter = counters().counter(CEILING);
    expect(passed(counter, 150)).toBe(100);
    clock.forward(20);
    expect(counter.take('a')).toBe(40);
    expect(counter.take('b')).toBe(0);
    clock.forward(40);
    expect(passed(counter, 150)).toBe(100);
    expect(warnings).toEqual(['an address reached its limit', 'an address reached its limit']);
  });

  test('less than a share is never written, a share is, once for all that was counted', async () => {
    const { table, counters, passed } = world();
    const shared = counters();
    const counter = shared.counter({ ...CEILING, points: 500 });
    passed(counter, 9);
    expect(table.rows.size).toBe(0);
    passed(counter, 31);
    await until(() => table.rows.size > 0);
    expect([...table.rows.values()]).toMatchObject([{ points: 40 }]);
    await shared.close();
  });

  test('a database that is away stops nobody, and is told when it is back', async () => {
    const { table, clock, log, warnings, passed } = world();
    let away = true;
    const store = {
      addAll: (...args: Parameters<typeof table.addAll>) =>
        away ? Promise.reject(new Error('away')) : table.addAll(...args),
    };
    const counter = createSharedCounters({ store, clock, log }).counter(CEILING);
    expect(passed(counter, 50)).toBe(50);
    await until(() => warnings.length > 0);
    expect(passed(counter, 10)).toBe(10);
    away = false;
    await until(() => table.rows.size > 0);
    expect([...table.rows.values()]).toMatchObject([{ points: 60 }]);
    expect(passed(counter, 100)).toBe(40);
  });

  test('after an outage over the end of a window its points are told to no other, and no key twice', async () => {
    const { table, clock, log, warnings, passed } = world();
    const asked: string[][] = [];
    let away = true;
    const store = {
      addAll(starts: Parameters<typeof table.addAll>[0], now: number) {
        asked.push(starts.map(({ key }) => key));
        return away ? Promise.reject(new Error('away')) : table.addAll(starts, now);
      },
    };
    const counter = createSharedCounters({ store, clock, log }).counter(CEILING);
    expect(passed(counter, 50)).toBe(50);
    await until(() => warnings.length > 0);
    clock.forward(60);
    expect(passed(counter, 30)).toBe(30);
    away = false;
    await until(() => table.rows.size > 0);
    expect([...table.rows.values()]).toMatchObject([{ points: 30 }]);
    expect(asked.map((keys) => new Set(keys).size)).toEqual(asked.map((keys) => keys.length));
    expect(passed(counter, 100)).toBe(70);
  });

  test('what is left of a window that ended is not told at all', async () => {
    const { table, clock, log, warnings, passed } = world();
    let away = true;
    let asked = 0;
    const store = {
      addAll(...args: Parameters<typeof table.addAll>) {
        asked += 1;
        return away ? Promise.reject(new Error('away')) : table.addAll(...args);
      },
    };
    const shared = createSharedCounters({ store, clock, log });
    const counter = shared.counter(CEILING);
    passed(counter, 50);
    await until(() => warnings.length > 0);
    away = false;
    clock.forward(60);
    const before = asked;
    expect(counter.take('b')).toBe(0);
    expect(counter.take('b')).toBe(0);
    await until(() => asked > before);
    await shared.close();
    expect([...table.rows.values()]).toMatchObject([{ points: 2 }]);
  });

  test('one that had to make room for others before it was told loses nothing', async () => {
    const { table, counters, passed } = world();
    const shared = counters();
    const counter = shared.counter(CEILING);
    passed(counter, 50);
    for (let n = 0; n < 50_000; n += 1) counter.take(`other-${n}`);
    expect(passed(counter, 100)).toBe(50);
    await until(() => table.rows.size > 0);
    expect([...table.rows.values()]).toMatchObject([{ points: 100 }]);
    await shared.close();
  });

  test('a process that begins anew finds what was counted', async () => {
    const { table, counters, passed } = world();
    passed(counters().counter(CEILING), 100);
    await until(() => table.rows.size > 0);
    const again = counters().counter(CEILING);
    expect(passed(again, 2)).toBe(2);
    await until(() => again.take('a') > 0);
  });
});

test("README's table has the numbers of every endpoint", () => {
  const [, limits = ''] = readFileSync('README.md', 'utf8').split('\n## Limits\n');
  const rows = limits.split('\n## ')[0]?.split('\n') ?? [];
  const windows: Record<number, string> = { 60: 'a minute', 600: '10 minutes', 3600: 'an hour' };
  const missing = ENDPOINT_CEILINGS.filter(({ points, windowSeconds, paths }) => {
    const number = `| ${points.toLocaleString('en')} in ${windows[windowSeconds]} |`;
    const named = paths.filter((path) => typeof path === 'string');
    return !rows.some((row) =>
      [number, ...named.map((path) => `\`${path}\``)].every((part) => row.includes(part)),
    );
  });
  expect(missing).toEqual([]);
});
