/**
 * How long to wait before a worker that died is replaced, from how many died of late; whether there is still
 * a point in it.
 */
export interface Restarts {
  /** Notes a death. Milliseconds to wait before the next try, or `undefined`: give up. */
  died(now: number): number | undefined;
}

const WINDOW_MS = 60_000;
/** So many deaths in one window are no accident any more. */
const TOO_MANY = 10;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;

export function createRestarts(): Restarts {
  let deaths: number[] = [];
  return {
    died(now) {
      deaths = [...deaths.filter((at) => at > now - WINDOW_MS), now];
      if (deaths.length >= TOO_MANY) return undefined;
      return Math.min(FIRST_WAIT_MS * 2 ** (deaths.length - 1), LONGEST_WAIT_MS);
    },
  };
}
