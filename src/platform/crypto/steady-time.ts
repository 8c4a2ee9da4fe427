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
  /** Of `passed`, while the clock is behind. */
  let last: number | undefined;
  let told = false;

  function whileBehind(clock: number): number {
    const at = passed();
    shown += (at - (last ?? at)) / 2;
    last = at;
    const noteworthy = shown - clock > NOTEWORTHY_MS;
    const news = noteworthy && !told;
    // Before it is told: whoever is told writes a line with the time in it, and would ask us again for ever.
    told = noteworthy;
    if (news) setBack(shown - clock);
    return shown;
  }

  return () => {
    const clock = wall();
    if (clock < shown) return Math.floor(whileBehind(clock));
    shown = clock;
    last = undefined;
    told = false;
    return Math.floor(clock);
  };
}

/** For the whole process, the libraries included: they read `Date.now` too. */
export function keepTimeSteady(setBack: (byMs: number) => void): void {
  const wall = Date.now.bind(Date);
  Date.now = createSteadyTime({ wall, passed: () => performance.now(), setBack });
}
