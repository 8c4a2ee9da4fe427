/** What cannot be seen, or changes how its neighbours are seen: controls, bidi marks, zero-width, tags. */
export const INVISIBLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029\u115f\u1160\u3164\uffa0]/u;

const EVERY_INVISIBLE = new RegExp(INVISIBLE.source, 'gu');

/** A refused value inside a message: visible characters only, and not many of them. */
export function quoted(value: string): string {
  const shown = value.replace(EVERY_INVISIBLE, '\ufffd');
  return `“${shown.length > 80 ? `${shown.slice(0, 79)}…` : shown}”`;
}
