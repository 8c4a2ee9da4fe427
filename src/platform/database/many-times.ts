import type { Statement } from './statement.js';

/** A read of PostgreSQL as one that is asked many times at once, its values as one list for each parameter. */
export interface ManyTimes {
  /** Answers one column more, the last: who asked for the row, 1 for the first. */
  readonly text: string;
  values(asked: readonly (readonly unknown[])[]): unknown[][];
}

const ASKED = 'asked_number';

/**
 * `OFFSET 0` keeps the part that is read for each who asks from being planned together with the list: by a guess at
 * its length whole tables would be read, and the rows of one would lose their order.
 * @param once its values are examples, each a text or a whole number
 */
export function manyTimes(once: Statement): ManyTimes {
  const lists = once.values.map((example, at) => `$${at + 1}::${typeOf(example)}[]`);
  const columns = once.values.map((_, at) => `value_${at + 1}`);
  const one = once.text.replace(/\$(\d+)/g, 'asked.value_$1');
  return {
    text: `SELECT found.*, asked.${ASKED}
      FROM unnest(${lists.join(', ')}) WITH ORDINALITY AS asked(${[...columns, ASKED].join(', ')})
      CROSS JOIN LATERAL (${one} OFFSET 0) AS found`,
    values: (asked) => columns.map((_, at) => asked.map((values) => values[at])),
  };
}

function typeOf(example: unknown): 'bigint' | 'text' {
  if (typeof example === 'number') return 'bigint';
  if (typeof example === 'string') return 'text';
  throw new TypeError(`a reader's example is neither a text nor a number: ${String(example)}`);
}

/** A row of `manyTimes` and whose it is. */
export interface Found<Row> {
  readonly asker: number;
  readonly row: Row;
}

export function splitObject<Row>(found: unknown): Found<Row> {
  const { [ASKED]: asker, ...row } = found as Row & { readonly [ASKED]: number };
  return { asker, row: row as unknown as Row };
}

export function splitArray<Row>(found: unknown): Found<Row> {
  const columns = found as unknown[];
  return { asker: columns.pop() as number, row: columns as Row };
}
