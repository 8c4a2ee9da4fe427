import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootFolder } from '../platform/config/root-folder.js';

/** Postern's own version. */
export function version(): string {
  const about = JSON.parse(readFileSync(join(rootFolder(), 'package.json'), 'utf8')) as { version: string };
  return about.version;
}
