/**
 * Limits on guessing, shared by every process through the database. rate-limiter-flexible decides
 * (window, block, when a block begins); the counters are ours: no connection and no table of its own,
 * and the time comes from our clock.
 */
import { RateLimiterRes } from 'rate-limiter-flexible';
import RateLimiterStore from 'rate-limiter-flexible/lib/RateLimiterStoreAbstract.js';
import type { Clock } from '../crypto/clock.js';
import { sha256 } from '../crypto/ids.js';
import { Unavailable } from '../errors/errors.js';

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
  /** Notes one attempt as under way, unless those and the points are `most` already. Whether it was noted. */
  hold(
    key: string,
    most: number,
    until: { readonly heldUntil: number; readonly expiresAt: number },
    now: number,
  ): Promise<boolean>;
  /** One that was under way becomes a point. */
  confirm(key: string, start: Points, now: number): Promise<void>;
  /** One that was under way is nothing. */
  release(key: string, now: number): Promise<void>;
  /** `add` for several keys, no two of them alike. Resolves to what they are then, by key. */
  addAll(
    starts: readonly (Points & { readonly key: string })[],
    now: number,
  ): Promise<ReadonlyMap<string, Points>>;
  set(key: string, value: Points): Promise<void>;
  /** One point off a live counter that holds 1 to `most`. */
  giveBack(key: string, most: number, now: number): Promise<void>;
  /** Whether it was there. */
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
  /**
   * Notes an attempt that is about to be judged, or guesses side by side would pass the limit; the seconds to
   * wait when it may not be made, else 0. What it lets pass ends in `confirm`, `release` or `clear`, and by itself
   * after half a minute where a process died over it.
   * @throws {Unavailable} while so many are under way that one more, if all are wrong, would be one too many
   */
  hold(key: string): Promise<number>;
  /** What `hold` let pass was wrong: it counts as `fail` does. Only such begin a block. */
  confirm(key: string): Promise<void>;
  /** What `hold` let pass was right, or could not be judged. */
  release(key: string): Promise<void>;
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

/** Longer than it takes to judge a password, however many wait. */
const HELD_MS = 30_000;

export function createThrottle(
  { store, clock }: { store: ThrottleTable; clock: Clock },
  rule: ThrottleRule,
): Throttle {
  const limiter = new StoredRateLimiter(store, clock, rule);
  const seconds = (res: RateLimiterRes): number => Math.max(1, Math.ceil(res.msBeforeNext / 1000));
  const counterOf = (key: string): string => limiter.getKey(sha256(key));
  const windowEnd = (now: number): number => now + rule.windowSeconds * 1000;

  async function check(key: string): Promise<number> {
    const res = await limiter.get(sha256(key));
    return res !== null && res.consumedPoints > rule.points ? seconds(res) : 0;
  }

  return {
    check,
    async hold(key) {
      const now = clock.now();
      const until = { heldUntil: now + HELD_MS, expiresAt: windowEnd(now) };
      if (await store.hold(counterOf(key), rule.points, until, now)) return 0;
      const wait = await check(key);
      if (wait > 0) return wait;
      const wrong = await store.find(counterOf(key), now);
      if ((wrong?.points ?? 0) < rule.points) throw new Unavailable('too many attempts are under way');
      await limiter.block(sha256(key), rule.blockSeconds);
      return rule.blockSeconds;
    },
    confirm(key) {
      const now = clock.now();
      return store.confirm(counterOf(key), { points: 1, expiresAt: windowEnd(now) }, now);
    },
    release: (key) => store.release(counterOf(key), clock.now()),
    async fail(key) {
      try {
        await limiter.consume(sha256(key));
        return 0;
      } catch (refusal) {
        if (refusal instanceof RateLimiterRes) return seconds(refusal);
        throw refusal;
      }
    },
    giveBack: (key) => store.giveBack(counterOf(key), rule.points, clock.now()),
    async clear(key) {
      await store.remove(counterOf(key));
    },
  };
}
