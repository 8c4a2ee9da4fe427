/** What every server under test is given, Postern apart: a place, a client, a key. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exportJWK, generateKeyPair } from 'jose';
import { freePort } from './child.mjs';

export const serverFile = (name) => fileURLToPath(new URL(`./servers/${name}`, import.meta.url));

export const newClient = () => ({ id: 'bench', secret: randomBytes(32).toString('base64url') });

export async function newPlace() {
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  return { port, host, origin: `http://${host}` };
}

/** Writes a key set with one private key for RS256 and answers the file. */
export async function newKeys(folder) {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), use: 'sig', alg: 'RS256', kid: 'bench' };
  const file = join(folder, 'keys.json');
  writeFileSync(file, JSON.stringify({ keys: [jwk] }), { mode: 0o600 });
  return file;
}
