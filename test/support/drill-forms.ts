/** How large a drill is: short in `npm test`, as written in `npm run drill`, at full length with `--full`. */

const form = process.env.DRILL === '1' ? (process.env.DRILL_FULL === '1' ? 'full' : 'drill') : 'short';

export const isShort = form === 'short';
export const isFull = form === 'full';

/** The one for this run. */
export const sized = <Value>(sizes: { short: Value; drill: Value; full: Value }): Value => sizes[form];

/** One line with what was measured; past jest's own reporter, which prints only when a file has ended. */
export const say = (line: string): void => void process.stderr.write(`  ${line}\n`);

export const percentile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
};

export const whole = (value: number): number => Math.round(value);

/** Polls until it holds. @throws {Error} after `withinMs` */
export async function until(holds: () => boolean | Promise<boolean>, withinMs: number): Promise<number> {
  const began = performance.now();
  while (!(await holds())) {
    if (performance.now() - began > withinMs) throw new Error(`not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return performance.now() - began;
}
