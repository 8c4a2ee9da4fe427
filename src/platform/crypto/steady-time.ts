/**
 * Time that follows the clock of the machine forwards and never back: what has expired stays expired, and what
 * was used stays used for longer than it may be repeated, when somebody sets the clock back under a running
 * server. It then goes on from where it was, at half the pace until the clock has caught up: tokens of a server
 * that stayed ahead would be refused elsewhere as not valid yet.
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
  let shown = wall();
  let last = passed();
  let told = false;
  return () => {
    const at = passed();
    const clock = wall();
    shown = Math.max(clock, shown + (at - last) / 2);
    last = at;
    const noteworthy = shown - clock > NOTEWORTHY_MS;
    const news = noteworthy && !told;
    // Before it is told: whoever is told writes a line with the time in it, and would ask us again for ever.
    told = noteworthy;
    if (news) setBack(shown - clock);
    return Math.floor(shown);
  };
}

/** For the whole process, the libraries included: they read `Date.now` too. */
export function keepTimeSteady(setBack: (byMs: number) => void): void {
  const wall = Date.now.bind(Date);
  Date.now = createSteadyTime({ wall, passed: () => performance.now(), setBack });
}
