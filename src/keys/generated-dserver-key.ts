import { createPublicKey, generateKeyPair } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { newId } from '../platform/crypto/ids.js';
import type { DserverAlg } from './dserver-key.js';
import { ignoring } from './ignoring.js';

const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };
const RSA_BITS = 2048;

const generate = promisify(generateKeyPair);

const kindOf = (alg: DserverAlg): string =>
  alg === 'EdDSA' ? 'ed25519' : (CURVES[alg]?.toLowerCase() ?? 'rsa');

async function makePem(alg: DserverAlg): Promise<string> {
  const namedCurve = CURVES[alg];
  const { privateKey } =
    alg === 'EdDSA'
      ? await generate('ed25519', {})
      : namedCurve === undefined
        ? await generate('rsa', { modulusLength: RSA_BITS })
        : await generate('ec', { namedCurve });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

async function writeTemporary(folder: string, text: string, mode: number): Promise<string> {
  const path = join(folder, `.${newId()}.tmp`);
  const file = await open(path, 'wx', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  return path;
}

export const generatedPrivateFile = (keysDir: string, alg: DserverAlg): string =>
  join(keysDir, 'dserver', `${kindOf(alg)}.pem`);

export const generatedPublicFile = (keysDir: string, alg: DserverAlg): string =>
  join(keysDir, 'dserver', `${kindOf(alg)}.pub.pem`);

/**
 * The key that nobody named: made once, as `dserver/rsa.pem` in `KEYS_DIR`, with `rsa.pub.pem` beside it for
 * dserver's `JWT_PUBLIC_KEY_FILE`. Whoever links the file first has made it; the others read theirs.
 * From then on the two files are the operator's, who may put former public halves after this one.
 */
export async function generatedDserverKey(keysDir: string, alg: DserverAlg): Promise<string> {
  const path = generatedPrivateFile(keysDir, alg);
  const folder = dirname(path);
  const there = await ignoring('ENOENT', readFile(path, 'utf8'));
  if (there !== undefined) {
    // Whoever made the key may have been killed before the other half was there. Nothing here needs it, so a folder
    // that cannot be written to is no hindrance.
    if (!existsSync(generatedPublicFile(keysDir, alg)))
      await writePublicHalf(there, keysDir, alg).catch(() => {});
    return there;
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = await writeTemporary(folder, await makePem(alg), 0o600);
  await ignoring('EEXIST', link(temporary, path));
  await unlink(temporary);
  const pem = await readFile(path, 'utf8');
  await writePublicHalf(pem, keysDir, alg);
  return pem;
}

async function writePublicHalf(pem: string, keysDir: string, alg: DserverAlg): Promise<void> {
  const path = generatedPublicFile(keysDir, alg);
  const half = createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString();
  await rename(await writeTemporary(dirname(path), half, 0o644), path);
}
