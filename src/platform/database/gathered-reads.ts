import { isUnreadable } from './postgres-errors.js';

/** A read that waits to be sent. */
interface Waiting<Key, Answer> {
  readonly key: Key;
  readonly promise: Promise<Answer>;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** With fewer under way one more is sent in the same turn. */
const FEW_UNDER_WAY = 2;

/** One that takes longer, as on a connection that hangs, no longer counts: it keeps nobody. */
const SOON_BACK_MS = 5;

/** Their answers are put together in one turn of the event loop; so many are sent however many are under way. */
const MOST_TOGETHER = 100;

/**
 * Reads of one kind that are asked for while others are under way are sent as one when those are answered. A query
 * costs this process more than all else a small request does, and the busier it is the more come together. No answer
 * is older than it would have been: a query is sent after all of it was asked. Those who ask for the same get the
 * same object.
 * @param readAll answers in the order of the keys, of which no two are the same
 */
export function gatherReads<Key extends string | readonly unknown[], Answer>(
  readAll: (keys: readonly Key[]) => Promise<readonly Answer[]>,
): (key: Key) => Promise<Answer> {
  // A new map for each batch: one that is emptied and filled again and again would never be cleared away.
  let waiting = new Map<string, Waiting<Key, Answer>>();
  let underWay = 0;

  function sendIfFew(): void {
    if (waiting.size > 0 && underWay < FEW_UNDER_WAY) send();
  }

  function send(): void {
    const batch = [...waiting.values()];
    waiting = new Map();
    underWay += 1;
    let counts = true;
    const back = (): void => {
      if (!counts) return;
      counts = false;
      underWay -= 1;
      // Those who ask again in this turn join.
      setImmediate(sendIfFew);
    };
    const late = setTimeout(back, SOON_BACK_MS);
    void settle(batch).finally(() => {
      clearTimeout(late);
      back();
    });
  }

  async function settle(batch: readonly Waiting<Key, Answer>[]): Promise<void> {
    try {
      const answers = await readAll(batch.map(({ key }) => key));
      for (const [at, { resolve }] of batch.entries()) resolve(answers[at] as Answer);
    } catch (error) {
      if (batch.length > 1 && isUnreadable(error)) await settleHalves(batch);
      else for (const { reject } of batch) reject(error);
    }
  }

  /** A text with a NUL, say, is not to be paid for by those beside it. */
  async function settleHalves(batch: readonly Waiting<Key, Answer>[]): Promise<void> {
    const middle = Math.ceil(batch.length / 2);
    await Promise.all([settle(batch.slice(0, middle)), settle(batch.slice(middle))]);
  }

  return (key) => {
    const name = typeof key === 'string' ? key : JSON.stringify(key);
    const known = waiting.get(name);
    if (known) return known.promise;
    const fresh = newlyWaiting<Key, Answer>(key);
    waiting.set(name, fresh);
    if (waiting.size === 1) setImmediate(sendIfFew);
    else if (waiting.size >= MOST_TOGETHER) send();
    return fresh.promise;
  };
}

function newlyWaiting<Key, Answer>(key: Key): Waiting<Key, Answer> {
  let settle!: Pick<Waiting<Key, Answer>, 'resolve' | 'reject'>;
  const promise = new Promise<Answer>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { key, promise, ...settle };
}
