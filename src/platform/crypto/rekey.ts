import type { SecretBox } from './secret-box.js';

/** A row with a sealed column, by the columns that name it. */
export interface SealedRow {
  readonly columns: Readonly<Record<string, string>>;
  readonly sealed: string;
}

/** `stores/sealed-rows.ts`. */
export interface SealedRows {
  /** In order of their names, beginning after `after`. */
  page(after: SealedRow | undefined, limit: number): Promise<SealedRow[]>;
  /** `false`: the row is not as it was read; whoever wrote it meanwhile sealed it anew. */
  replace(row: SealedRow, sealed: string): Promise<boolean>;
}

/** Something that stays sealed for longer than it takes to change `SECRET_KEY`. */
export interface SealedPlace {
  /** For people: `upstream tokens`. */
  readonly name: string;
  readonly rows: SealedRows;
  readonly box: SecretBox;
  /** What the seal of a row is bound to. */
  contextOf(columns: SealedRow['columns']): string;
}

export interface Rekeyed {
  readonly name: string;
  readonly resealed: number;
  /** Sealed by the first secret already. */
  readonly current: number;
  /** None of the configured secrets opens it. It is left as it is. */
  readonly unreadable: number;
}

const BATCH = 200;

/**
 * Seals everything in the place again under the first secret, row by row, so that the others can leave
 * `SECRET_KEY` afterwards. It can be broken off and run again, beside a server that works.
 */
export async function rekeyPlace(
  { name, rows, box, contextOf }: SealedPlace,
  report: (done: Rekeyed) => void = () => {},
): Promise<Rekeyed> {
  let done: Rekeyed = { name, resealed: 0, current: 0, unreadable: 0 };
  const count = (what: 'resealed' | 'current' | 'unreadable') => {
    done = { ...done, [what]: done[what] + 1 };
  };
  let last: SealedRow | undefined;
  for (;;) {
    const page = await rows.page(last, BATCH);
    for (const row of page) {
      const sealed = box.renew(row.sealed, contextOf(row.columns));
      if (sealed === undefined) count('unreadable');
      else if (sealed === row.sealed || !(await rows.replace(row, sealed))) count('current');
      else count('resealed');
    }
    last = page.at(-1);
    if (page.length < BATCH) return done;
    report(done);
  }
}
