/** How long to wait before a worker that died is replaced, from how many died of late. */
export interface Restarts {
  /** Notes a death. Milliseconds to wait before the next try; whether so many deaths are no accident any more. */
  died(now: number): { readonly waitMs: number; readonly tooMany: boolean };
}

const WINDOW_MS = 60_000;
/** In one window. */
const TOO_MANY = 10;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;

export function createRestarts(): Restarts {
  let deaths: number[] = [];
  return {
    died(now) {
      deaths = [...deaths.filter((at) => at > now - WINDOW_MS), now];
      const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (deaths.length - 1), LONGEST_WAIT_MS);
      return { waitMs, tooMany: deaths.length >= TOO_MANY };
    },
  };
}
