import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { calculateJwkThumbprint, importJWK } from 'jose';
import { createFileKeys } from '../../../src/keys/file-keys.js';
import { publicJwks } from '../../../src/keys/jwks.js';
import { makeKey } from '../../../src/keys/key-text.js';
import { SIGNING_ALGS } from '../../../src/keys/signing-keys.js';
import { temporaryFolder } from '../../support/folder.js';

let keysDir: string;
let warnings: string[];
let time = 1000;
const clock = { now: () => (time += 1) };
const open = () => createFileKeys({ keysDir, clock, warn: (message) => warnings.push(message) });
const files = async () => (await readdir(join(keysDir, 'signing'))).sort();

beforeEach(() => {
  keysDir = temporaryFolder();
  warnings = [];
});

describe('a damaged key file is named', () => {
  const damaged = async (change: (text: string) => string) => {
    const key = await open().generate('ES256');
    const path = join(keysDir, 'signing', `ES256-${key.kid}.json`);
    await writeFile(path, change(await readFile(path, 'utf8')));
    return path;
  };

  test.each<[string, (text: string) => string]>([
    ['empty', () => ''],
    ['half written', (text) => text.slice(0, 40)],
    ['without its private member', (text) => text.replace('"d"', '"e"')],
    ['of another kid', (text) => text.replace(/"kid": "./, '"kid": "_')],
    ['of another algorithm', (text) => text.replace('"ES256"', '"HS256"')],
    ['with a broken number', (text) => text.replace(/"x": "[^"]*"/, '"x": "AAAA"')],
  ])('%s', async (_name, change) => {
    const path = await damaged(change);
    await expect(open().list()).rejects.toThrow(path);
    await expect(open().ensure()).rejects.toThrow(/remove it to have a new one made/);
  });
});

test('a start makes one key of each algorithm, for its owner alone', async () => {
  const made = await open().ensure();
  const keys = await open().list();
  expect(keys.map((key) => key.alg)).toEqual([...SIGNING_ALGS]);
  expect(made.map((key) => key.kid)).toEqual(keys.map((key) => key.kid));
  expect(await files()).toEqual(keys.map((key) => `${key.alg}-${key.kid}.json`).sort());
  for (const name of await files()) {
    expect((await stat(join(keysDir, 'signing', name))).mode & 0o777).toBe(0o600);
  }
  for (const key of keys) {
    expect(key.kid).toBe(await calculateJwkThumbprint(key.jwk));
    expect(key.jwk).toMatchObject({ kid: key.kid, alg: key.alg, use: 'sig' });
    await importJWK(key.jwk, key.alg);
  }
  const rsa = keys.filter((key) => key.jwk.kty === 'RSA').map((key) => key.jwk.n ?? '');
  expect(rsa.map((n) => Buffer.from(n, 'base64url').length)).toEqual([256, 256]);

  expect(await open().ensure()).toEqual([]);
  expect(await open().list()).toEqual(keys);
  expect(warnings).toEqual([]);
});

test('an absent folder has no keys', async () => {
  expect(await open().list()).toEqual([]);
});

test('starts at the same moment end with one set', async () => {
  const made = (await Promise.all([open(), open(), open(), open()].map((keys) => keys.ensure()))).flat();
  const keys = await open().list();
  expect(keys.map((key) => key.alg)).toEqual([...SIGNING_ALGS]);
  expect(made.every((key) => keys.some((kept) => kept.kid === key.kid))).toBe(true);
  expect(await files()).toHaveLength(SIGNING_ALGS.length);
}, 30_000);

test('a start that crashed between choosing a key and placing it is finished by the next', async () => {
  await open().ensure();
  const keys = await open().list();
  const other = temporaryFolder();
  const chosen = keys.find((key) => key.alg === 'EdDSA');
  const text = await readFile(join(keysDir, 'signing', `EdDSA-${chosen?.kid}.json`), 'utf8');
  keysDir = other;
  await open().generate('RS256');
  await writeFile(join(other, 'signing', '.first-EdDSA'), text);
  await open().ensure();
  expect((await open().list()).find((key) => key.alg === 'EdDSA')?.kid).toBe(chosen?.kid);
  expect(await files()).toHaveLength(SIGNING_ALGS.length);
});

test('a second key of an algorithm comes after the first', async () => {
  const first = await open().generate('ES256');
  const second = await open().generate('ES256');
  expect((await open().list()).map((key) => key.kid)).toEqual([first.kid, second.kid]);
});

test('a key others can read is spoken of, and used', async () => {
  const key = await open().generate('EdDSA');
  await chmod(join(keysDir, 'signing', `EdDSA-${key.kid}.json`), 0o644);
  await open().ensure();
  expect(warnings).toEqual([expect.stringContaining('chmod 600')]);
  expect((await open().list()).some((kept) => kept.kid === key.kid)).toBe(true);
});

test.each(SIGNING_ALGS)('the published key of %s has public members only (A76)', async (alg) => {
  const key = await makeKey(alg, 1);
  const [jwk] = publicJwks([key]).keys;
  const allowed = { RSA: ['kty', 'n', 'e'], EC: ['kty', 'crv', 'x', 'y'], OKP: ['kty', 'crv', 'x'] };
  const members = allowed[key.jwk.kty as keyof typeof allowed];
  expect(Object.keys(jwk ?? {}).sort()).toEqual([...members, 'kid', 'alg', 'use'].sort());
  expect(jwk).toMatchObject({ kid: key.kid, alg, use: 'sig' });
});
