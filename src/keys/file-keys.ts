import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readKey, UnusableKey } from './key-text.js';
import { type PrivateSigningKey, SIGNING_ALGS } from './signing-keys.js';

/**
 * The signing keys of an earlier version, which kept them in `KEYS_DIR/signing`, one file each: by algorithm,
 * the one that signed first. They are taken over into the database and not written any more.
 */
export async function readFileKeys(keysDir: string): Promise<readonly PrivateSigningKey[]> {
  const keys = await Promise.all((await keyFilesIn(join(keysDir, 'signing'))).map(load));
  return keys.toSorted(inOrder);
}

/** An absent folder holds no keys; any other trouble is one. */
async function keyFilesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names
    .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
    .map((name) => join(folder, name));
}

async function load(path: string): Promise<PrivateSigningKey> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new UnusableKey(path, 'cannot be read', cause);
  });
  return readKey(text, path);
}

const inOrder = (a: PrivateSigningKey, b: PrivateSigningKey): number =>
  SIGNING_ALGS.indexOf(a.alg) - SIGNING_ALGS.indexOf(b.alg) ||
  a.createdAt - b.createdAt ||
  (a.kid < b.kid ? -1 : 1);
