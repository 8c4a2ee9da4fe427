import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { readFileKeys } from '../../../src/keys/file-keys.js';
import { publicJwks } from '../../../src/keys/jwks.js';
import { makeKey, writeKey } from '../../../src/keys/key-text.js';
import type { SigningAlg } from '../../../src/keys/signing-keys.js';
import { temporaryFolder } from '../../support/folder.js';

let keysDir: string;

async function keep(alg: SigningAlg, createdAt: number, change = (text: string) => text) {
  const key = await makeKey(alg, createdAt);
  const path = join(keysDir, 'signing', `${alg}-${key.kid}.json`);
  await mkdir(join(keysDir, 'signing'), { recursive: true });
  await writeFile(path, change(writeKey(key)));
  return { key, path };
}

beforeEach(() => {
  keysDir = temporaryFolder();
});

describe('a damaged key file is named', () => {
  test.each<[string, (text: string) => string]>([
    ['empty', () => ''],
    ['half written', (text) => text.slice(0, 40)],
    ['without its private member', (text) => text.replace('"d"', '"e"')],
    ['of another kid', (text) => text.replace(/"kid": "./, '"kid": "_')],
    ['of another algorithm', (text) => text.replace('"ES256"', '"HS256"')],
    ['with a broken number', (text) => text.replace(/"x": "[^"]*"/, '"x": "AAAA"')],
  ])('%s', async (_name, change) => {
    const { path } = await keep('ES256', 1, change);
    await expect(readFileKeys(keysDir)).rejects.toThrow(path);
    await expect(readFileKeys(keysDir)).rejects.toThrow(/remove it to have a new one made/);
  });
});

test('keys come by algorithm, the one that signed first', async () => {
  const late = await keep('ES256', 2);
  const early = await keep('ES256', 1);
  const rsa = await keep('RS256', 3);
  await writeFile(join(keysDir, 'signing', '.first-ES256'), 'left over');
  const kids = (await readFileKeys(keysDir)).map(({ kid }) => kid);
  expect(kids).toEqual([rsa, early, late].map(({ key }) => key.kid));
});

test('no folder, no keys', async () => {
  expect(await readFileKeys(join(keysDir, 'nothing'))).toEqual([]);
});

test('what is published has no private member', async () => {
  await keep('RS256', 1);
  await keep('EdDSA', 1);
  for (const key of publicJwks(await readFileKeys(keysDir)).keys) {
    expect(Object.keys(key).filter((name) => /^(d|p|q|dp|dq|qi|k|oth)$/.test(name))).toEqual([]);
    expect(key).toMatchObject({ kid: expect.any(String), alg: expect.any(String), use: 'sig' });
  }
});
