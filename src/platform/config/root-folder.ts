import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Postern's own folder, which has `views/` and package.json: above the sources and above what is compiled of them. */
export function rootFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

/** What runs in a thread is loaded by its path, whichever way this file itself was loaded. */
export const compiledFile = (name: string): string => join(rootFolder(), 'dist', 'src', name);
