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

export function memoryTable(): ThrottleTable & { readonly rows: Map<string, Points> } {
  const rows = new Map<string, Points>();
  const live = (key: string, now: number): Points | undefined => {
    const row = rows.get(key);
    return row !== undefined && row.expiresAt > now ? row : undefined;
  };
  return {
    rows,
    find: async (key, now) => live(key, now),
    async add(key, start, now) {
      const row = live(key, now);
      const next =
        row === undefined ? start : { points: row.points + start.points, expiresAt: row.expiresAt };
      rows.set(key, next);
      return next;
    },
    async addBelow(key, most, start, now) {
      if ((live(key, now)?.points ?? 0) >= most) return false;
      await this.add(key, start, now);
      return true;
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
    remove: async (...keys) => keys.filter((key) => rows.delete(key)).length > 0,
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
