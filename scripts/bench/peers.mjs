/** Other servers are nobody's dependency here: they are measured where BENCH_PEERS says they are installed. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** The file a peer's package begins with, or undefined where it is not installed. */
export function peer(name) {
  const folder = process.env.BENCH_PEERS;
  if (folder === undefined) return undefined;
  try {
    return createRequire(join(folder, 'package.json')).resolve(name);
  } catch {
    return undefined;
  }
}

/** A program of the virtual environment of Python there, or undefined. */
export function peerProgram(name) {
  const folder = process.env.BENCH_PEERS;
  const file = folder === undefined ? undefined : join(folder, 'venv', 'bin', name);
  return file !== undefined && existsSync(file) ? file : undefined;
}
