/** Calls `fire` after so many milliseconds; what it answers takes that back. Passed in, so that tests need not wait. */
export type Timer = (milliseconds: number, fire: () => void) => () => void;

export const systemTimer: Timer = (milliseconds, fire) => {
  const timeout = setTimeout(fire, milliseconds);
  return () => clearTimeout(timeout);
};

/** Foreign code gets so long. Code that never gives the processor back cannot be stopped. */
export const EXTENSION_LIMIT_MS = 5_000;

export class TookTooLong extends Error {
  constructor(milliseconds: number) {
    super(`took longer than ${milliseconds} ms`);
    this.name = 'TookTooLong';
  }
}

/** What `work` answers, or throws where it takes too long; then its answer is not waited for any more. */
export async function within<T>(milliseconds: number, timer: Timer, work: () => Promise<T>): Promise<T> {
  let cancel = () => {};
  const late = new Promise<never>((_, reject) => {
    cancel = timer(milliseconds, () => reject(new TookTooLong(milliseconds)));
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    cancel();
  }
}
