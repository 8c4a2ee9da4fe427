/** Former dserver keys: what they signed is verified until it expires, and nothing more. */
import { createHmac, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { decodeProtectedHeader, SignJWT } from 'jose';
import { createDserverKey, type DserverAlg } from '../../../src/keys/dserver-key.js';
import { EXACT } from '../../../src/keys/verify-by.js';
import { temporaryFolder } from '../../support/folder.js';

const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const;
const publicKeyEncoding = { type: 'spki', format: 'pem' } as const;
const pair = (modulusLength = 2048) =>
  generateKeyPairSync('rsa', { modulusLength, privateKeyEncoding, publicKeyEncoding });
const curvePair = () =>
  generateKeyPairSync('ec', { namedCurve: 'P-256', privateKeyEncoding, publicKeyEncoding });

const expected = { issuer: 'i', audience: 'a', now: 1_000_000_000_000, tolerance: EXACT };
const claims = { iss: 'i', aud: 'a', sub: 's' };

const [now, former, stranger] = [pair(), pair(), pair()];

let folder: string;
let publicFile: string;
let logs: string[];
beforeEach(() => {
  folder = temporaryFolder();
  publicFile = join(folder, 'jwt_key.pub');
  logs = [];
});

const log = { warn: (fields: object, message: string) => logs.push(`${message} ${JSON.stringify(fields)}`) };
const keyOf = (privateText: string, more: object = {}, alg: DserverAlg = 'RS256') =>
  createDserverKey({ privateText, keysDir: folder, ...more }, alg, log);
/** The key in use, with what stands in its public file. */
const withPublic = (text: string) => {
  writeFileSync(publicFile, text);
  return keyOf(now.privateKey, { publicFile });
};
const signed = (by: { readonly privateKey: string }) => keyOf(by.privateKey).sign(claims);
/** As by a program that names no key, or another one. */
const signedNaming = (by: { readonly privateKey: string }, header: object, more: object = {}) =>
  new SignJWT({ ...claims, ...more })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...header })
    .sign(createPrivateKey(by.privateKey));
const kidOf = async (by: { readonly privateKey: string }) => (await keyOf(by.privateKey).publicJwk()).kid;

describe('refused beside a former key', () => {
  test('what a key signed that is in neither, whichever it names', async () => {
    const key = withPublic(now.publicKey + former.publicKey);
    await expect(key.verify(await signed(stranger), expected)).rejects.toThrow('no applicable key');
    for (const kid of [await kidOf(now), await kidOf(former), undefined]) {
      const token = await signedNaming(stranger, kid === undefined ? {} : { kid });
      await expect(key.verify(token, expected)).rejects.toThrow('signature verification failed');
    }
  });

  test('what names another key than the one that signed it', async () => {
    const key = withPublic(now.publicKey + former.publicKey);
    for (const [by, kid] of [
      [now, await kidOf(former)],
      [former, await kidOf(now)],
      [former, 'no-such-key'],
      [now, ''],
      [former, null],
      [former, 7],
    ] as const) {
      await expect(key.verify(await signedNaming(by, { kid }), expected)).rejects.toThrow();
    }
  });

  test('a public half, or the whole file, as the secret of an HMAC', async () => {
    const file = now.publicKey + former.publicKey;
    const key = withPublic(file);
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    for (const secret of [now.publicKey, former.publicKey, file, former.publicKey.trim()]) {
      for (const kid of [undefined, await kidOf(now), await kidOf(former)]) {
        const text = `${encode({ alg: 'HS256', typ: 'JWT', kid })}.${encode(claims)}`;
        const token = `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
        await expect(key.verify(token, expected)).rejects.toThrow('"alg"');
      }
    }
  });

  test('another algorithm, another type, an end that has come', async () => {
    const key = withPublic(now.publicKey + former.publicKey);
    const ps = await keyOf(former.privateKey, {}, 'PS256').sign(claims);
    await expect(key.verify(ps, expected)).rejects.toThrow('"alg"');
    const typed = await keyOf(former.privateKey).sign(claims, 'at+jwt');
    await expect(key.verify(typed, expected)).rejects.toThrow('"typ"');
    for (const kid of [undefined, await kidOf(former)]) {
      const token = await signedNaming(former, kid === undefined ? {} : { kid }, { exp: 999_999_999 });
      await expect(key.verify(token, expected)).rejects.toThrow('"exp"');
    }
  });

  test('everything it signed, where the public file does not hold the half of the key in use', async () => {
    const key = withPublic(former.publicKey);
    await expect(key.verify(await signed(former), expected)).rejects.toThrow();
    expect(await key.verify(await signed(now), expected)).toEqual(claims);
    expect(await key.published()).toHaveLength(1);
    expect(logs).toHaveLength(1);
    expect(logs[0]).toContain('not among its public keys');
  });
});

describe('left out and told once, while the others go on', () => {
  test.each<[string, () => string, string]>([
    ['one that is broken off', () => stranger.publicKey.slice(0, 200), 'key 2 cannot be read'],
    [
      'no key at all',
      () => '-----BEGIN PUBLIC KEY-----\nbm8=\n-----END PUBLIC KEY-----\n',
      'key 2 cannot be',
    ],
    ['a private key', () => stranger.privateKey, 'key 2 is a private key'],
    ['one of another kind', () => curvePair().publicKey, 'key 2 is no RSA key'],
    ['one that is short', () => pair(1024).publicKey, 'key 2 has 1024 bits'],
  ])('%s', async (_what, bad, message) => {
    const key = withPublic(`${now.publicKey}${bad().trimEnd()}\n${former.publicKey}`);
    expect(await key.verify(await signed(former), expected)).toEqual(claims);
    await expect(key.verify(await signed(stranger), expected)).rejects.toThrow();
    expect(await key.published()).toHaveLength(2);
    expect(JSON.stringify(await key.published())).not.toContain('"d"');
    expect(logs).toHaveLength(1);
    expect(logs[0]).toContain(message);
  });

  test('all of them, while the file cannot be read; the key in use needs none', async () => {
    const key = withPublic(now.publicKey + former.publicKey);
    const token = await signed(former);
    expect(await key.verify(token, expected)).toEqual(claims);
    unlinkSync(publicFile);
    await expect(key.verify(token, expected)).rejects.toThrow('no applicable key');
    expect(await key.verify(await key.sign(claims), expected)).toEqual(claims);
    expect(await key.published()).toHaveLength(1);
    expect(logs).toHaveLength(1);
    writeFileSync(publicFile, now.publicKey + former.publicKey);
    expect(await key.verify(token, expected)).toEqual(claims);
  });
});

describe('a former key', () => {
  test.each([
    ['after the one in use', now.publicKey + former.publicKey],
    ['before it', former.publicKey + now.publicKey],
    ['with words between', `${now.publicKey}# former, until May\n${former.publicKey}`],
    ['twice', former.publicKey + now.publicKey + former.publicKey],
  ])('%s verifies, is published, and never signs', async (_where, text) => {
    const key = withPublic(text);
    expect(await key.verify(await signed(former), expected)).toEqual(claims);
    expect(await key.verify(await signedNaming(former, {}), expected)).toEqual(claims);
    expect(await key.verify(await signedNaming(now, {}), expected)).toEqual(claims);
    expect((await key.published()).map(({ kid, alg, use }) => [kid, alg, use])).toEqual([
      [await kidOf(now), 'RS256', 'sig'],
      [await kidOf(former), 'RS256', 'sig'],
    ]);
    expect(decodeProtectedHeader(await key.sign(claims)).kid).toBe(await kidOf(now));
    expect(await key.publicPem()).toBe(now.publicKey);
    expect(logs).toEqual([]);
  });

  test('may be named as text, which goes before a file', async () => {
    writeFileSync(publicFile, now.publicKey + stranger.publicKey);
    const key = keyOf(now.privateKey, { publicText: now.publicKey + former.publicKey, publicFile });
    expect(await key.verify(await signed(former), expected)).toEqual(claims);
    await expect(key.verify(await signed(stranger), expected)).rejects.toThrow();
  });

  test('the warning names the file only where it is the file that was read', async () => {
    writeFileSync(publicFile, now.publicKey + former.publicKey);
    const beside = keyOf(now.privateKey, { publicText: stranger.publicKey, publicFile });
    await expect(beside.verify(await signed(former), expected)).rejects.toThrow();
    expect(logs).toEqual([expect.stringContaining('not among its public keys')]);
    expect(logs[0]).not.toContain(publicFile);
    await expect(withPublic(stranger.publicKey).verify(await signed(former), expected)).rejects.toThrow();
    expect(logs[1]).toContain(publicFile);
  });

  test('taken from the file is void at once, and put there is good at once', async () => {
    const key = withPublic(now.publicKey);
    const token = await signed(former);
    await expect(key.verify(token, expected)).rejects.toThrow();
    writeFileSync(publicFile, now.publicKey + former.publicKey);
    expect(await key.verify(token, expected)).toEqual(claims);
    writeFileSync(publicFile, now.publicKey);
    await expect(key.verify(token, expected)).rejects.toThrow();
  });

  test('becomes one when the private file is exchanged', async () => {
    const privateFile = join(folder, 'jwt_key');
    writeFileSync(privateFile, former.privateKey);
    writeFileSync(publicFile, now.publicKey + former.publicKey);
    const key = createDserverKey({ privateFile, publicFile, keysDir: folder }, 'RS256', log);
    const token = await key.sign(claims);
    writeFileSync(privateFile, now.privateKey);
    expect(decodeProtectedHeader(await key.sign(claims)).kid).not.toBe(decodeProtectedHeader(token).kid);
    expect(await key.verify(token, expected)).toEqual(claims);
    expect(logs).toEqual([]);
  });

  test('of a key that nobody named stands in its public file in KEYS_DIR', async () => {
    const key = createDserverKey({ keysDir: folder }, 'RS256', log);
    const file = join(folder, 'dserver', 'rsa.pub.pem');
    const token = await signed(former);
    await expect(key.verify(token, expected)).rejects.toThrow();
    writeFileSync(file, readFileSync(file, 'utf8') + former.publicKey);
    expect(await key.verify(token, expected)).toEqual(claims);
    // That of KEYS_DIR is not looked at where a key was named.
    const named = createDserverKey(
      { privateText: readFileSync(join(folder, 'dserver', 'rsa.pem'), 'utf8'), keysDir: folder },
      'RS256',
    );
    await expect(named.verify(token, expected)).rejects.toThrow();
  });
});
