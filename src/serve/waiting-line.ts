/** Who stands in a line: those whose connection was served before, and those who come new. */
export type Kind = 'known' | 'new';

/** One who waits, `since` when (milliseconds of `performance.now`). */
export interface Waiting {
  readonly kind: Kind;
  readonly since: number;
}

/**
 * Two lines before one door. So a crowd that arrives at once waits for itself, and a service that asks all the time
 * goes on being answered beside it.
 */
export function createWaitingLine<One extends Waiting>() {
  const lines: Record<Kind, One[]> = { known: [], new: [] };
  let turn: Kind = 'known';
  return {
    get length(): number {
      return lines.known.length + lines.new.length;
    },
    join: (one: One): void => void lines[one.kind].push(one),
    lengthOf: (kind: Kind): number => lines[kind].length,
    /** When the first of them began to wait; infinity where nobody does. */
    sinceOf: (kind: Kind): number => lines[kind][0]?.since ?? Infinity,
    /** The first of either line in turn, as far as such a one may go. */
    next(may: (kind: Kind) => boolean = () => true): One | undefined {
      const [first, second]: [Kind, Kind] = turn === 'known' ? ['known', 'new'] : ['new', 'known'];
      const chosen = [first, second].find((kind) => lines[kind].length > 0 && may(kind));
      if (chosen === undefined) return undefined;
      turn = second;
      return lines[chosen].shift();
    },
  };
}
