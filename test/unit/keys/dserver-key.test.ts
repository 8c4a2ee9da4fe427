import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeProtectedHeader } from 'jose';
import { createDserverKey } from '../../../src/keys/dserver-key.js';
import { AMONG_NODES, EXACT } from '../../../src/keys/verify-by.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-dserver-key-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const pemOf = (bits = 2048) =>
  generateKeyPairSync('rsa', {
    modulusLength: bits,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
const expected = { issuer: 'i', audience: 'a', now: 1_000_000_000_000, tolerance: EXACT };
const claims = { iss: 'i', aud: 'a', sub: 's' };

describe('a key that nobody named', () => {
  test('is made once, however many ask at the same moment', async () => {
    const source = { keysDir: folder };
    const keys = Array.from({ length: 6 }, () => createDserverKey(source, 'RS256'));
    const kids = await Promise.all(keys.map(async (key) => (await key.publicJwk()).kid));
    expect(new Set(kids).size).toBe(1);
    expect(readdirSync(join(folder, 'dserver')).sort()).toEqual(['rsa.pem', 'rsa.pub.pem']);
    expect(statSync(join(folder, 'dserver', 'rsa.pem')).mode & 0o777).toBe(0o600);
    const [first, second] = keys as [(typeof keys)[0], (typeof keys)[0]];
    expect(await second.verify(await first.sign(claims), expected)).toEqual(claims);
    expect(readFileSync(join(folder, 'dserver', 'rsa.pub.pem'), 'utf8')).toBe(await first.publicPem());
  });

  test.each(['RS512', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const)(
    'fits %s, and publishes no private member',
    async (alg) => {
      const key = createDserverKey({ keysDir: folder }, alg);
      const token = await key.sign(claims);
      expect(decodeProtectedHeader(token)).toEqual({ alg, typ: 'JWT', kid: (await key.publicJwk()).kid });
      expect(await key.verify(token, expected)).toEqual(claims);
      expect(Object.keys(await key.publicJwk())).not.toContain('d');
    },
  );
});

test('a public half that is missing is written again beside its key, and one that is there stays', async () => {
  await createDserverKey({ keysDir: folder }, 'ES256').publicPem();
  const file = join(folder, 'dserver', 'p-256.pub.pem');
  const half = readFileSync(file, 'utf8');
  unlinkSync(file);
  await createDserverKey({ keysDir: folder }, 'ES256').publicPem();
  expect(readFileSync(file, 'utf8')).toBe(half);
  writeFileSync(file, `${half}# with former ones\n`);
  await createDserverKey({ keysDir: folder }, 'ES256').publicPem();
  expect(readFileSync(file, 'utf8')).toMatch(/former ones/);
});

describe('among nodes whose clocks differ', () => {
  const now = expected.now / 1000;

  test.each([
    ['begins in 50 s', { nbf: now + 50 }, true],
    ['begins in 51 s', { nbf: now + 51 }, false],
    ['ended 9 s ago', { exp: now - 9 }, true],
    ['ended 10 s ago', { exp: now - 10 }, false],
  ])('R15: a token that %s', async (_what, times, taken) => {
    const key = createDserverKey({ keysDir: folder }, 'ES256');
    const token = await key.sign({ ...claims, ...times });
    const verified = key.verify(token, { ...expected, tolerance: AMONG_NODES });
    if (taken) expect(await verified).toEqual({ ...claims, ...times });
    else await expect(verified).rejects.toThrow(/claim timestamp check failed/);
  });
});

describe('a key that was named', () => {
  test('as PKCS#1 text signs, and the file in KEYS_DIR is not made', async () => {
    const { privateKey, publicKey } = pemOf();
    const key = createDserverKey({ privateText: privateKey, keysDir: folder }, 'RS256');
    expect(await key.publicPem()).toBe(publicKey);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('row 29: a file that vanishes signs nothing any more, and works again once it is back', async () => {
    const path = join(folder, 'jwt_key');
    const { privateKey, publicKey } = pemOf();
    writeFileSync(path, privateKey);
    const key = createDserverKey({ privateFile: path, keysDir: folder }, 'RS256');
    await key.sign(claims);
    unlinkSync(path);
    await expect(key.sign(claims)).rejects.toMatchObject({ status: 503, code: 'key_unavailable' });
    await expect(key.publicPem()).rejects.toMatchObject({ code: 'key_unavailable' });
    writeFileSync(path, privateKey);
    expect(await key.publicPem()).toBe(publicKey);
  });

  test('takes no token of another algorithm, though the same key made it', async () => {
    const { privateKey } = pemOf();
    const source = { privateText: privateKey, keysDir: folder };
    const [one, other] = [createDserverKey(source, 'RS256'), createDserverKey(source, 'RS512')];
    await expect(one.verify(await other.sign(claims), expected)).rejects.toThrow('"alg"');
  });

  test('a file that is exchanged is the key from then on', async () => {
    const path = join(folder, 'jwt_key');
    const [old, fresh] = [pemOf(), pemOf()];
    writeFileSync(path, old.privateKey);
    const key = createDserverKey({ privateFile: path, keysDir: folder }, 'RS256');
    const token = await key.sign(claims);
    unlinkSync(path);
    writeFileSync(path, fresh.privateKey);
    expect(await key.publicPem()).toBe(fresh.publicKey);
    await expect(key.verify(token, expected)).rejects.toThrow();
  });

  test('by its public half alone signs nothing, and no other key is made for it', async () => {
    const key = createDserverKey({ publicText: pemOf().publicKey, keysDir: folder }, 'RS256');
    await expect(key.sign(claims)).rejects.toMatchObject({ code: 'key_unavailable' });
    expect(readdirSync(folder)).toEqual([]);
  });
});
