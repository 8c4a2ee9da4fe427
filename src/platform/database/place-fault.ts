/** Which of several databases a fault is of, where it is not that of `DATABASE_URL`. */
import type { CopySide } from './copy-side.js';

/** The cause is the fault itself. */
export class PlaceFault extends Error {
  /** As the person called it: an option, a setting, a file. */
  readonly place: string;

  constructor(place: string, cause: unknown) {
    super(`${place}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'PlaceFault';
    this.place = place;
  }
}

const named = (place: string | undefined, error: unknown): unknown =>
  place === undefined || error instanceof PlaceFault ? error : new PlaceFault(place, error);

/** @throws {PlaceFault} for whatever `work` throws, unless the place has no name of its own */
export async function naming<T>(place: string | undefined, work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw named(place, error);
  }
}

export function namedSide(side: CopySide, place: string): CopySide {
  return {
    tables: () => naming(place, () => side.tables()),
    columns: (table) => naming(place, () => side.columns(table)),
    async *rows(table, columns) {
      try {
        yield* side.rows(table, columns);
      } catch (error) {
        throw named(place, error);
      }
    },
    hold: (tables) => naming(place, () => side.hold(tables)),
    empty: (table) => naming(place, () => side.empty(table)),
    insert: (...given) => naming(place, () => side.insert(...given)),
    commit: () => naming(place, () => side.commit()),
    close: () => side.close(),
  };
}
