/**
 * Limits on guessing, shared by every process through the database. rate-limiter-flexible decides
 * (window, block, when a block begins); the counters are ours: no connection and no table of its own,
 * and the time comes from our clock.
 */
import { RateLimiterRes } from 'rate-limiter-flexible';
import RateLimiterStore from 'rate-limiter-flexible/lib/RateLimiterStoreAbstract.js';
import type { Clock } from '../crypto/clock.js';
import { sha256 } from '../crypto/ids.js';

export interface Points {
  readonly points: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** `stores/throttle-store.ts`. Every method is one statement. */
export interface ThrottleTable {
  find(key: string, now: number): Promise<Points | undefined>;
  /** Adds to a live counter, or starts one; resolves to what it is then. */
  add(key: string, start: Points, now: number): Promise<Points>;
  /** `add` for several keys, no two of them alike. Resolves to what they are then, by key. */
  addAll(
    starts: readonly (Points & { readonly key: string })[],
    now: number,
  ): Promise<ReadonlyMap<string, Points>>;
  set(key: string, value: Points): Promise<void>;
  /** One point off a live counter that holds 1 to `most`. */
  giveBack(key: string, most: number, now: number): Promise<void>;
  remove(key: string): Promise<boolean>;
}

export interface ThrottleRule {
  /** Part of the stored key: counters of different names never meet. */
  readonly name: string;
  /** So many attempts pass in a window; the next one begins the block. */
  readonly points: number;
  readonly windowSeconds: number;
  readonly blockSeconds: number;
}

export interface Throttle {
  /** Seconds until the block ends, 0 without one. Counts nothing. */
  check(key: string): Promise<number>;
  /** Counts one attempt; the seconds to wait when it may not be made, else 0. */
  fail(key: string): Promise<number>;
  /** Takes back one attempt that `fail` let pass. A block stays. */
  giveBack(key: string): Promise<void>;
  /** Forgets the counter, and a block with it. */
  clear(key: string): Promise<void>;
}

class StoredRateLimiter extends RateLimiterStore<Points> {
  readonly #table: ThrottleTable;
  readonly #clock: Clock;

  constructor(table: ThrottleTable, clock: Clock, rule: ThrottleRule) {
    super({
      keyPrefix: rule.name,
      points: rule.points,
      duration: rule.windowSeconds,
      blockDuration: rule.blockSeconds,
    });
    this.#table = table;
    this.#clock = clock;
  }

  protected async _upsert(key: string, points: number, msDuration: number, force = false): Promise<Points> {
    const now = this.#clock.now();
    const value = { points, expiresAt: now + msDuration };
    if (!force) return this.#table.add(key, value, now);
    await this.#table.set(key, value);
    return value;
  }

  protected async _get(key: string): Promise<Points | null> {
    return (await this.#table.find(key, this.#clock.now())) ?? null;
  }

  protected _delete(key: string): Promise<boolean> {
    return this.#table.remove(key);
  }

  protected _getRateLimiterRes(_key: string, changed: number, { points, expiresAt }: Points): RateLimiterRes {
    const wait = Math.max(expiresAt - this.#clock.now(), 0);
    return new RateLimiterRes(Math.max(this.points - points, 0), wait, points, points === changed);
  }
}

export function createThrottle(
  { store, clock }: { store: ThrottleTable; clock: Clock },
  rule: ThrottleRule,
): Throttle {
  const limiter = new StoredRateLimiter(store, clock, rule);
  const seconds = (res: RateLimiterRes): number => Math.max(1, Math.ceil(res.msBeforeNext / 1000));
  return {
    async check(key) {
      const res = await limiter.get(sha256(key));
      return res !== null && res.consumedPoints > rule.points ? seconds(res) : 0;
    },
    async fail(key) {
      try {
        await limiter.consume(sha256(key));
        return 0;
      } catch (refusal) {
        if (refusal instanceof RateLimiterRes) return seconds(refusal);
        throw refusal;
      }
    },
    giveBack: (key) => store.giveBack(limiter.getKey(sha256(key)), rule.points, clock.now()),
    async clear(key) {
      await limiter.delete(sha256(key));
    },
  };
}
