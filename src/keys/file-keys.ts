import { link, mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../platform/crypto/clock.js';
import { newId } from '../platform/crypto/ids.js';
import { ignoring } from './ignoring.js';
import { makeKey, readKey, UnusableKey, writeKey } from './key-text.js';
import { type PrivateSigningKey, SIGNING_ALGS, type SigningAlg, type SigningKeys } from './signing-keys.js';

interface FileKeysDeps {
  /** `KEYS_DIR`; the keys lie in its folder `signing`, one file each, for the owner's eyes only. */
  readonly keysDir: string;
  readonly clock: Clock;
  readonly warn: (message: string) => void;
}

/** Signing keys in files. Several processes may start on one empty directory: they end with the same set. */
export function createFileKeys({ keysDir, clock, warn }: FileKeysDeps): SigningKeys {
  const folder = join(keysDir, 'signing');
  const fileOf = (key: PrivateSigningKey) => join(folder, `${key.alg}-${key.kid}.json`);

  async function list(): Promise<readonly PrivateSigningKey[]> {
    const keys = await Promise.all((await keyFilesIn(folder)).map(load));
    return keys.toSorted(inOrder);
  }

  async function writeTemporary(key: PrivateSigningKey): Promise<string> {
    const path = join(folder, `.${newId()}.tmp`);
    await writeExclusively(path, writeKey(key));
    return path;
  }

  async function generate(alg: SigningAlg): Promise<PrivateSigningKey> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const key = await makeKey(alg, clock.now());
    await rename(await writeTemporary(key), fileOf(key));
    return key;
  }

  const present = async (alg: SigningAlg) => (await list()).some((key) => key.alg === alg);

  /**
   * The first key of an algorithm. Whoever links the claim file first has chosen it; the others, and the
   * next start after a crash, put into place what the claim holds. The claim is read before the folder is
   * looked at: a claim that came later than a placed key is never taken.
   */
  async function makeFirst(alg: SigningAlg): Promise<PrivateSigningKey | undefined> {
    const claim = join(folder, `.first-${alg}`);
    const mine = await makeKey(alg, clock.now());
    const temporary = await writeTemporary(mine);
    await ignoring('EEXIST', link(temporary, claim));
    await unlink(temporary);
    const text = await ignoring('ENOENT', readFile(claim, 'utf8'));
    if (text === undefined || (await present(alg))) {
      if (text !== undefined && (await readKey(text, claim)).kid === mine.kid)
        await ignoring('ENOENT', unlink(claim));
      return undefined;
    }
    const chosen = await readKey(text, claim);
    await ignoring('EEXIST', ignoring('ENOENT', link(claim, fileOf(chosen))));
    await ignoring('ENOENT', unlink(claim));
    return chosen.kid === mine.kid ? mine : undefined;
  }

  return {
    list,
    generate,
    async ensure() {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await warnOfReaders(folder, warn);
      const existing = await list();
      const missing = SIGNING_ALGS.filter((alg) => !existing.some((key) => key.alg === alg));
      const made = await Promise.all(missing.map(makeFirst));
      return made.filter((key) => key !== undefined);
    },
  };
}

/** An absent folder holds no keys; any other trouble is one. */
const keyFilesIn = async (folder: string): Promise<string[]> =>
  ((await ignoring('ENOENT', readdir(folder))) ?? [])
    .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
    .map((name) => join(folder, name));

async function load(path: string): Promise<PrivateSigningKey> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new UnusableKey(path, 'cannot be read', cause);
  });
  return readKey(text, path);
}

async function writeExclusively(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function warnOfReaders(folder: string, warn: (message: string) => void): Promise<void> {
  for (const path of await keyFilesIn(folder)) {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) warn(`${path} can be read by others; run: chmod 600 ${path}`);
  }
}

const inOrder = (a: PrivateSigningKey, b: PrivateSigningKey): number =>
  SIGNING_ALGS.indexOf(a.alg) - SIGNING_ALGS.indexOf(b.alg) ||
  a.createdAt - b.createdAt ||
  (a.kid < b.kid ? -1 : 1);
