import { describe, expect, test } from '@jest/globals';
import { prune } from '../../../src/serve/prune.js';

type Deps = Parameters<typeof prune>[0];

function tableOf(rows: number) {
  const calls: { limit: number; at: number }[] = [];
  return {
    calls,
    left: () => rows,
    async prune(_before: number, limit: number) {
      calls.push({ limit, at: performance.now() });
      const removed = Math.min(rows, limit);
      rows -= removed;
      return removed;
    },
  };
}

const none = { prune: async () => 0 };

const depsOf = (dialect: 'sqlite' | 'postgres', payloads: Deps['payloads']): Deps => ({
  payloads,
  throttles: none,
  links: none,
  sessionFacts: none,
  redirectLeases: none,
  upstreamSide: { login: { expiring: [] }, access: { groupRoles: none } },
  dserver: { tokens: none },
  permissionService: none,
  clock: { now: () => 0 },
  database: { dialect },
});

describe('pruning', () => {
  test.each([
    ['sqlite', 50, 20, 3, 9],
    ['postgres', 3500, 1000, 4, 9],
  ] as const)(
    'on %s goes in small batches with a rest after each (R18)',
    async (dialect, rows, limit, times, rest) => {
      const table = tableOf(rows);
      expect(await prune(depsOf(dialect, table))).toBe(rows);
      expect(table.calls.map((call) => call.limit)).toEqual(Array(times).fill(limit));
      const gaps = table.calls.slice(1).map(({ at }, index) => at - (table.calls[index]?.at ?? 0));
      expect(Math.min(...gaps)).toBeGreaterThan(rest * 0.9);
    },
  );

  test('on SQLite who is behind takes larger ones', async () => {
    const table = tableOf(150);
    let minutes = 0;
    const clock = { now: () => (minutes++ < 3 ? 0 : 6 * 60_000) };
    expect(await prune({ ...depsOf('sqlite', table), clock })).toBe(150);
    expect(table.calls.map(({ limit }) => limit)).toEqual([20, 20, 100, 100]);
  });

  test('stops between two batches when the server stops, and tells how far it is', async () => {
    const halt = new AbortController();
    const table = tableOf(100_000);
    const told: number[] = [];
    const removed = await prune(depsOf('postgres', table), halt.signal, (total) => {
      told.push(total);
      if (told.length === 2) halt.abort();
    });
    expect([removed, told, table.left()]).toEqual([2000, [1000, 2000], 98_000]);
  });
});
