import { Unavailable } from '../platform/errors/errors.js';

/** Runs tasks a few at a time; what cannot even wait is refused at once instead of piling up. */
export interface Queue {
  /**
   * Tasks of one `key` never run side by side.
   * @throws {Unavailable} when too many are waiting
   */
  run<Result>(task: () => Promise<Result>, key?: string): Promise<Result>;
}

interface Waiting {
  readonly key: string | undefined;
  readonly start: () => void;
}

/** A queue of this process. */
export function createQueue(limits: { readonly running: number; readonly waiting: number }): Queue {
  const waiting: Waiting[] = [];
  const busy = new Set<string>();
  let running = 0;

  const free = (key: string | undefined): boolean => key === undefined || !busy.has(key);

  function startNext(): void {
    if (running >= limits.running) return;
    const index = waiting.findIndex((entry) => free(entry.key));
    const next = index < 0 ? undefined : waiting.splice(index, 1)[0];
    if (next === undefined) return;
    take(next.key);
    next.start();
  }

  function take(key: string | undefined): void {
    running += 1;
    if (key !== undefined) busy.add(key);
  }

  function turn(key: string | undefined): Promise<void> {
    if (running < limits.running && free(key)) {
      take(key);
      return Promise.resolve();
    }
    if (waiting.length >= limits.waiting) return Promise.reject(new Unavailable('too many are waiting'));
    return new Promise((start) => waiting.push({ key, start }));
  }

  return {
    async run(task, key) {
      await turn(key);
      try {
        return await task();
      } finally {
        running -= 1;
        if (key !== undefined) busy.delete(key);
        startNext();
      }
    },
  };
}
