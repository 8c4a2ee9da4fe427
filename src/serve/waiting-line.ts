/** One who waits, `since` when (milliseconds of `performance.now`). */
export interface Waiting {
  readonly since: number;
}

/**
 * Two lines before one door, in turn: who has been served on their connection before, and who comes new. So a crowd
 * that arrives at once waits for itself, and a service that asks all the time goes on being answered beside it.
 */
export function createWaitingLine<One extends Waiting>() {
  const known: One[] = [];
  const newcomers: One[] = [];
  let knownNext = true;
  return {
    get length(): number {
      return known.length + newcomers.length;
    },
    /** When the one began to wait who has waited longest; infinity where nobody does. */
    get since(): number {
      return Math.min(known[0]?.since ?? Infinity, newcomers[0]?.since ?? Infinity);
    },
    join(one: One, isKnown: boolean): void {
      (isKnown ? known : newcomers).push(one);
    },
    nextKnown: (): One | undefined => known.shift(),
    next(): One | undefined {
      const [first, second] = knownNext ? [known, newcomers] : [newcomers, known];
      knownNext = !knownNext;
      return first.shift() ?? second.shift();
    },
  };
}
