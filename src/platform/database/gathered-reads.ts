import { Unavailable } from '../errors/errors.js';

/** A read that waits to be sent. */
interface Asked<Key, Answer> {
  readonly key: Key;
  readonly answer: Promise<Answer>;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** Parameters that are lists, and an answer that is put together in one turn. */
const MOST_TOGETHER = 100;

/** A round trip that takes longer, or that will never end, keeps nobody. */
const LONGEST_WAIT_MS = 5;

/**
 * Reads of one kind that are asked for while others are under way are sent as one when those are answered. A query
 * costs this process more than all else a small request does, and the busier it is the more come together; who is
 * alone waits for nobody. No answer is older than it would have been: a query is sent after all of it was asked.
 * @param readAll answers in the order of the keys, of which no two are the same
 */
export function gatherReads<Key extends string | readonly unknown[], Answer>(
  readAll: (keys: readonly Key[]) => Promise<readonly Answer[]>,
): (key: Key) => Promise<Answer> {
  // A new map for each batch: one that is emptied and filled again and again would never be cleared away.
  let waiting = new Map<string, Asked<Key, Answer>>();
  let underWay = 0;
  let late: NodeJS.Timeout | undefined;

  /** Those of this turn of the event loop join. */
  function sendSoon(): void {
    setImmediate(() => {
      if (underWay === 0) send();
      else late ??= setTimeout(send, LONGEST_WAIT_MS);
    });
  }

  function send(): void {
    clearTimeout(late);
    late = undefined;
    if (waiting.size === 0) return;
    const batch = [...waiting.values()];
    waiting = new Map();
    underWay += 1;
    void answer(batch).finally(() => {
      underWay -= 1;
      if (waiting.size > 0) sendSoon();
    });
  }

  async function answer(batch: readonly Asked<Key, Answer>[]): Promise<void> {
    try {
      const answers = await readAll(batch.map(({ key }) => key));
      for (const [at, { resolve }] of batch.entries()) resolve(answers[at] as Answer);
    } catch (error) {
      // What the database cannot read, such as a text with a NUL, is not to be paid for by those beside it.
      if (batch.length > 1 && !(error instanceof Unavailable))
        await Promise.all(batch.map((one) => answer([one])));
      else for (const { reject } of batch) reject(error);
    }
  }

  return (key) => {
    const name = typeof key === 'string' ? key : JSON.stringify(key);
    const known = waiting.get(name);
    if (known) return known.answer;
    const fresh = asked<Key, Answer>(key);
    waiting.set(name, fresh);
    if (waiting.size === 1) sendSoon();
    else if (waiting.size >= MOST_TOGETHER) send();
    return fresh.answer;
  };
}

function asked<Key, Answer>(key: Key): Asked<Key, Answer> {
  let settle!: Pick<Asked<Key, Answer>, 'resolve' | 'reject'>;
  const answer = new Promise<Answer>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { key, answer, ...settle };
}
