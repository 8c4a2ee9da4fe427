/**
 * A document of somebody else's that is kept: discovery, a key set. Asked for again when it is old or when
 * something new is looked for, never more than once in a while, and by one request for all who wait; while
 * it cannot be had, the old one goes on serving (R20).
 */
import type { Clock } from '../../platform/crypto/clock.js';

export interface CachedDocument<T> {
  /** @throws what `load` threw, where nothing usable is kept */
  get(): Promise<T>;
  /** For something that is not in what `get` gave: asks again first, if the last such call was long enough ago. */
  newest(): Promise<T>;
}

export interface CachedDocumentRules {
  /** Not asked for again so long. */
  readonly freshMs: number;
  /** Between two attempts, and between two searches for something new, whatever comes of them. */
  readonly pauseMs: number;
  /** … and while there is nothing to go on with. */
  readonly emptyPauseMs: number;
  /** Served so long while it cannot be had anew. */
  readonly keepMs: number;
}

export function createCachedDocument<T>(
  load: () => Promise<T>,
  clock: Clock,
  rules: CachedDocumentRules,
): CachedDocument<T> {
  let kept: { readonly value: T; readonly at: number } | undefined;
  let lastAttempt = Number.NEGATIVE_INFINITY;
  let lastSearch = Number.NEGATIVE_INFINITY;
  let lastError: unknown;
  let running: Promise<void> | undefined;

  const age = (): number => (kept === undefined ? Number.POSITIVE_INFINITY : clock.now() - kept.at);

  async function attempt(): Promise<void> {
    lastAttempt = clock.now();
    try {
      kept = { value: await load(), at: clock.now() };
    } catch (error) {
      lastError = error;
    }
  }

  async function renew(): Promise<void> {
    running ??= attempt().finally(() => {
      running = undefined;
    });
    await running;
  }

  async function get(): Promise<T> {
    const pause = kept === undefined ? rules.emptyPauseMs : rules.pauseMs;
    const due = age() > rules.freshMs && clock.now() - lastAttempt >= pause;
    if (due || (kept === undefined && running !== undefined)) await renew();
    if (kept === undefined || age() > rules.keepMs) throw lastError;
    return kept.value;
  }

  return {
    get,
    async newest() {
      // Counted apart from the other attempts, so that a change is seen even right after one of them.
      if (clock.now() - lastSearch >= rules.pauseMs) {
        lastSearch = clock.now();
        await renew();
      } else {
        await running;
      }
      return get();
    },
  };
}
