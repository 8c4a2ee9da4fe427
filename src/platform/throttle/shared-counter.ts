/**
 * Ceilings on how often something may be asked, for addresses that ask thousands of times a minute: counted in
 * this process, without waiting, and told to the other processes through the database in shares. What is
 * blocked after a few failures is `throttle.ts`'s, which counts each one there at once; here that would be a
 * write, and a promise, for every request that is as it should be.
 */
import type { Clock } from '../crypto/clock.js';
import { sha256 } from '../crypto/ids.js';
import type { Points, ThrottleTable } from './throttle.js';

export interface Ceiling {
  /** Part of the stored key: counters of different names never meet. */
  readonly name: string;
  /** So many pass in a window. */
  readonly points: number;
  readonly windowSeconds: number;
}

export interface SharedCounter {
  /** Counts one for `key`; the seconds to wait when it is one too many, else 0. */
  take(key: string): number;
}

export interface SharedCounters {
  counter(ceiling: Ceiling): SharedCounter;
  /** No share is sent any more; answers when the last one has arrived. */
  close(): Promise<void>;
}

interface Deps {
  readonly store: Pick<ThrottleTable, 'addAll'>;
  readonly clock: Clock;
  readonly log: { warn(fields: object, message: string): void };
}

/** A share is a fiftieth of the ceiling: what stays below it is never written. */
const SHARES = 50;
/** How long a share waits for others to be sent along. */
const GATHERED_MS = 250;
const BATCH = 500;
/** Beyond so many counters of one ceiling the oldest goes. It is found again in the database. */
const MOST = 50_000;

/**
 * One key in one window. It begins with the first request of the key that this process sees, is told to the
 * database whenever a share has gathered, and takes the window's end that stands there. Once that has passed
 * it is never told any more: what it holds would be added to the window that came after. The next request of
 * the key begins another, so of two that have the same `stored` one has ended, and one at most is due.
 */
interface Count {
  /** What the database said last. */
  known: number;
  /** Counted here and not told yet, or not answered yet. */
  own: number;
  endsAt: number;
  readonly stored: string;
}

export function createSharedCounters({ store, clock, log }: Deps): SharedCounters {
  /** By `stored`: one statement may not name a row twice. */
  const due = new Map<string, Count>();
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> = Promise.resolve();
  let closed = false;

  function later(count: Count): void {
    due.set(count.stored, count);
    if (timer !== undefined || closed) return;
    timer = setTimeout(() => {
      sending = send();
    }, GATHERED_MS).unref();
  }

  function takeDue(): Count[] {
    const now = clock.now();
    const batch: Count[] = [];
    for (const [stored, count] of due) {
      if (batch.length === BATCH) break;
      due.delete(stored);
      if (count.endsAt > now) batch.push(count);
    }
    return batch;
  }

  async function send(): Promise<void> {
    const batch = takeDue().map((count) => ({ count, told: count.own }));
    try {
      await tell(batch);
    } catch (err) {
      // Each process goes on with what it counted itself, and tells it next time.
      for (const { count } of batch) if (!due.has(count.stored)) due.set(count.stored, count);
      log.warn({ err }, 'request counts could not be shared');
    }
    timer = undefined;
    const [next] = due.values();
    if (next) later(next);
  }

  async function tell(batch: readonly { count: Count; told: number }[]): Promise<void> {
    const entries = batch.map(({ count, told }) => ({
      key: count.stored,
      points: told,
      expiresAt: count.endsAt,
    }));
    const totals = await store.addAll(entries, clock.now());
    for (const { count, told } of batch) {
      const total: Points | undefined = totals.get(count.stored);
      count.own -= told;
      count.known = total?.points ?? count.known + told;
      count.endsAt = total?.expiresAt ?? count.endsAt;
    }
  }

  return {
    counter({ name, points, windowSeconds }) {
      const counts = new Map<string, Count>();
      const share = Math.max(1, Math.floor(points / SHARES));

      function begin(key: string, now: number): Count {
        // Two leave for each that comes, so what has ended does not pile up.
        let looked = 0;
        for (const [old, { endsAt }] of counts) {
          if (looked === 2 || (endsAt > now && counts.size < MOST)) break;
          counts.delete(old);
          looked += 1;
        }
        const stored = `${name}:${sha256(key)}`;
        const waiting = due.get(stored);
        const count =
          // One that had to make room, and was not told yet, goes on.
          waiting !== undefined && waiting.endsAt > now
            ? waiting
            : { known: 0, own: 0, endsAt: now + windowSeconds * 1000, stored };
        counts.delete(key);
        counts.set(key, count);
        return count;
      }

      return {
        take(key) {
          const now = clock.now();
          const kept = counts.get(key);
          const count = kept !== undefined && kept.endsAt > now ? kept : begin(key, now);
          if (count.known + count.own >= points) return Math.max(1, Math.ceil((count.endsAt - now) / 1000));
          count.own += 1;
          if (count.known + count.own === points) log.warn({ limit: name }, 'an address reached its limit');
          if (count.own >= share) later(count);
          return 0;
        },
      };
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await sending;
    },
  };
}
