/** Doubles for the account tests: argon2 that counts, counters in memory, a clock that is moved by hand. */
import type { Argon2 } from '../../../src/accounts/passwords.js';
import type { AuditEvent } from '../../../src/platform/audit/audit.js';
import { type Audit, createAudit } from '../../../src/platform/audit/audit.js';
import type { Points, ThrottleTable } from '../../../src/platform/throttle/throttle.js';

export interface CountingArgon2 extends Argon2 {
  readonly calls: { hashed: number; verified: number };
}

/** Not a hash at all, so that thousands of attempts take no time. */
export function countingArgon2(): CountingArgon2 {
  const calls = { hashed: 0, verified: 0 };
  return {
    calls,
    async hash(password) {
      calls.hashed += 1;
      return `hash of ${password}`;
    },
    async verify(stored, password) {
      calls.verified += 1;
      await new Promise((done) => setImmediate(done));
      return stored === `hash of ${password}`;
    },
  };
}

export interface MovingClock {
  now(): number;
  forward(seconds: number): void;
}

export function movingClock(): MovingClock {
  let now = 1_800_000_000_000;
  return {
    now: () => now,
    forward(seconds) {
      now += seconds * 1000;
    },
  };
}

interface MemoryTable extends ThrottleTable {
  readonly rows: Map<string, Points>;
  /** How many attempts are under way, by key. */
  underWay(): number[];
}

export function memoryTable(): MemoryTable {
  const rows = new Map<string, Points>();
  const held = new Map<string, { readonly count: number; readonly until: number }>();
  const heldAt = (key: string, now: number) => {
    const found = held.get(key);
    return found !== undefined && found.until > now ? found : { count: 0, until: 0 };
  };
  const live = (key: string, now: number): Points | undefined => {
    const row = rows.get(key);
    return row !== undefined && row.expiresAt > now ? row : undefined;
  };
  return {
    rows,
    underWay: () => [...held.values()].map(({ count }) => count),
    find: async (key, now) => live(key, now),
    async add(key, start, now) {
      const row = live(key, now);
      const next =
        row === undefined ? start : { points: row.points + start.points, expiresAt: row.expiresAt };
      rows.set(key, next);
      return next;
    },
    async hold(key, most, { heldUntil }, now) {
      const under = heldAt(key, now);
      if ((live(key, now)?.points ?? 0) + under.count >= most) return false;
      held.set(key, { count: under.count + 1, until: under.count > 0 ? under.until : heldUntil });
      return true;
    },
    async confirm(key, start, now) {
      await this.release(key, now);
      await this.add(key, start, now);
    },
    async release(key, now) {
      const { count, until } = heldAt(key, now);
      held.set(key, { count: Math.max(0, count - 1), until });
    },
    async addAll(starts, now) {
      const totals = new Map<string, Points>();
      for (const { key, ...start } of starts) totals.set(key, await this.add(key, start, now));
      return totals;
    },
    async set(key, value) {
      rows.set(key, value);
    },
    async giveBack(key, most, now) {
      const row = live(key, now);
      if (row && row.points >= 1 && row.points <= most) rows.set(key, { ...row, points: row.points - 1 });
    },
    async remove(key) {
      held.delete(key);
      return rows.delete(key);
    },
  };
}

/** An audit trail that keeps what it is told; its steps are never executed. */
export function listeningAudit(clock: { now(): number }): Audit & { readonly events: AuditEvent[] } {
  const events: AuditEvent[] = [];
  const audit = createAudit({
    clock,
    store: {
      step(record) {
        events.push(record);
        return { query: { toSQL: () => Promise.reject(new Error('not a database')) as never } };
      },
      async add(record) {
        events.push(record);
      },
    },
  });
  return { ...audit, events };
}
