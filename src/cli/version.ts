import { readFileSync } from 'node:fs';

/** Postern's own version. */
export function version(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { version: string })
        .version;
    } catch {
      // Sources lie one folder nearer to it than the compiled program.
    }
  }
  return '';
}
