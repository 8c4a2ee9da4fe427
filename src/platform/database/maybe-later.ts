/**
 * What SQLite answers at once and PostgreSQL later. While the library keeps track of requests, each promise
 * costs more than the read it would stand for.
 */
export type MaybeLater<Value> = Value | Promise<Value>;

/** `use` of the value, now where it is there: then a fault of `use` is thrown, and no rejection. */
export function whenThere<Value, Used>(
  value: MaybeLater<Value>,
  use: (value: Value) => MaybeLater<Used>,
): MaybeLater<Used> {
  return value instanceof Promise ? value.then(use) : use(value);
}
