/** Columns under their titles, for a terminal. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = titles.map((title, column) => {
    return Math.max(title.length, ...rows.map((row) => [...(row[column] ?? '')].length));
  });
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - [...cell].length)))
      .join('  ')
      .trimEnd();
  return [line(titles), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)];
}

/** `label  value` lines; those without a value are left out. */
export function facts(pairs: readonly (readonly [string, string | undefined])[]): string[] {
  const said = pairs.filter(
    (pair): pair is readonly [string, string] => pair[1] !== undefined && pair[1] !== '',
  );
  const width = Math.max(0, ...said.map(([label]) => label.length));
  return said.map(([label, value]) => `${label.padEnd(width)}  ${value}`);
}

/** A time for people and machines alike. */
export const time = (at: number): string => new Date(at).toISOString();
