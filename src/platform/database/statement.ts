import type { Query, Step } from './database.js';

/** A statement as the driver takes it. */
export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

export interface NativeStep extends Statement {
  readonly guard?: boolean;
}

/** Renders a query for the driver of its dialect. */
export function render(query: Query): Statement {
  const { sql, bindings } = query.toSQL().toNative();
  return { text: sql, values: bindings.map(bindable) };
}

export const renderStep = (step: Step): NativeStep => ({
  ...render(step.query),
  guard: step.guard === true,
});

/** Neither driver binds `undefined`; booleans are integers and times are milliseconds in every table. */
function bindable(value: unknown): unknown {
  if (value === undefined) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof Date) return value.getTime();
  return value;
}
