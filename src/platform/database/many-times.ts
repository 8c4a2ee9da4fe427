import type { Statement } from './statement.js';

/** A row and whose it is: 1 for the first. */
export interface Numbered {
  readonly asked_number: number;
}

/** A read of PostgreSQL as one that is asked many times at once, its values as one list for each parameter. */
export interface ManyTimes {
  readonly text: string;
  values(asked: readonly (readonly unknown[])[]): unknown[][];
  /** The rows of each, in the order in which they were asked. */
  answers<Row>(asked: readonly unknown[], rows: readonly (Row & Numbered)[]): Row[][];
}

/**
 * @param once its values are examples, a text or a whole number. Its rows keep their order, since an ordered part is
 *   planned by itself and read once for each that asks.
 */
export function manyTimes(once: Statement): ManyTimes {
  const lists = once.values.map(
    (value, at) => `$${at + 1}::${typeof value === 'number' ? 'bigint' : 'text'}[]`,
  );
  const columns = once.values.map((_, at) => `value_${at + 1}`);
  const one = once.text.replace(/\$(\d+)/g, 'asked.value_$1');
  return {
    text: `SELECT asked.asked_number, found.*
      FROM unnest(${lists.join(', ')}) WITH ORDINALITY AS asked(${columns.join(', ')}, asked_number)
      CROSS JOIN LATERAL (${one}) AS found`,
    values: (asked) => columns.map((_, at) => asked.map((values) => values[at])),
    answers<Row>(asked: readonly unknown[], rows: readonly (Row & Numbered)[]) {
      const answers: Row[][] = asked.map(() => []);
      for (const row of rows) answers[row.asked_number - 1]?.push(row);
      return answers;
    },
  };
}
