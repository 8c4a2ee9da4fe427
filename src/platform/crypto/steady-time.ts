/**
 * Time that follows the clock of the machine forwards and never back: what has expired stays expired, and what
 * was used stays used for longer than it may be repeated, when somebody sets the clock back under a running
 * server. It then goes on from where it was, by the time that passes.
 */
export interface TimeSources {
  /** The machine's clock, milliseconds since the epoch. */
  readonly wall: () => number;
  /** Milliseconds that have passed since whenever; nobody can set it. */
  readonly passed: () => number;
  /** Told once of each time the clock was set back by more than anybody would correct in passing. */
  readonly setBack: (byMs: number) => void;
}

const NOTEWORTHY_MS = 60_000;

/** Milliseconds since the epoch, whole, as `Date.now`. */
export function createSteadyTime({ wall, passed, setBack }: TimeSources): () => number {
  let start = wall() - passed();
  let told = false;
  return () => {
    const elapsed = passed();
    const behind = start - (wall() - elapsed);
    if (behind <= 0) start -= behind;
    const noteworthy = behind > NOTEWORTHY_MS;
    if (noteworthy && !told) {
      told = true;
      setBack(behind);
    }
    if (!noteworthy) told = false;
    return Math.floor(start + elapsed);
  };
}

/** For the whole process, the libraries included: they read `Date.now` too. */
export function keepTimeSteady(setBack: (byMs: number) => void): void {
  const wall = Date.now.bind(Date);
  Date.now = createSteadyTime({ wall, passed: () => performance.now(), setBack });
}
