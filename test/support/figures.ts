/** What a drill measured: one line at once, and again in the table at the end of `npm run drill`. */
import { appendFileSync } from 'node:fs';

/** `npm run drill -- --full`. */
export const FULL = process.env.DRILL_FULL === '1';

/** `npm test`: seconds only. */
export const SHORT = !process.env.DRILL;

/** Three sizes: seconds in `npm test`, a minute or two in `npm run drill`, all of the row with `--full`. */
export const size = <T>(test: T, drill: T, full: T): T => (FULL ? full : process.env.DRILL ? drill : test);

/** @param name the row, like `R10` */
export function measured(name: string, figures: string): void {
  // Past jest's own reporter, which prints only when a file has ended, and with a stack trace.
  process.stderr.write(`${name}  ${figures}\n`);
  const file = process.env.DRILL_FIGURES;
  if (file) appendFileSync(file, `${JSON.stringify({ name, figures })}\n`);
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Milliseconds since `performance.now()` was `began`, whole. */
export const since = (began: number): number => Math.round(performance.now() - began);

/** Asks until it holds. @throws after `limitMs` */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs: number,
): Promise<number> {
  const began = performance.now();
  while (!(await holds())) {
    if (performance.now() - began > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return since(began);
}
