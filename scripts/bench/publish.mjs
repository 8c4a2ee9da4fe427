/** Puts a run into the README: the table between its marks, the plot beside these scripts. */
import { readFileSync, writeFileSync } from 'node:fs';
import { OneLine } from '../lib/one-line.mjs';
import { inRoot } from '../lib/paths.mjs';

const BEGIN = '<!-- bench: written by `npm run bench -- --publish` -->';
const END = '<!-- /bench -->';
const PLOT = inRoot('scripts', 'bench', 'plot.svg');

export function publish(markdown, plot) {
  const file = inRoot('README.md');
  const readme = readFileSync(file, 'utf8');
  const from = readme.indexOf(BEGIN);
  const to = readme.indexOf(END);
  if (from === -1 || to < from) throw new OneLine('README.md has no place for the benchmark any more.');
  writeFileSync(file, `${readme.slice(0, from)}${BEGIN}\n\n${markdown.trim()}\n\n${readme.slice(to)}`);
  writeFileSync(PLOT, plot);
}
