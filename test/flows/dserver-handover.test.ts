/** The dserver key is handed over: what the former one signed goes on until it expires, or ends at once. */
import { createHmac, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import { temporaryFolder } from '../support/folder.js';
import { getJson, postJson } from '../support/json-calls.js';
import { newUser } from '../support/permission-login.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

const pair = () =>
  generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
const [former, next, stranger] = [pair(), pair(), pair()];

const folder = temporaryFolder();
const [privateFile, publicFile] = [join(folder, 'jwt_key'), join(folder, 'jwt_key.pub')];

let server: TestServer;
let old: string;
let oldUserToken: string;

const mint = async (): Promise<string> =>
  (await postJson(server, '/token', { username: 'alice', password: PASSWORD })).body.token;
const verify = async (token: string) => (await postJson(server, '/auth/verify', { token })).status;
const refresh = (token: string) => postJson(server, '/auth/refresh', { token });
const isAuthenticated = async (jwt: string): Promise<boolean> =>
  (await getJson(server, `/auth/check?${new URLSearchParams({ jwt })}`)).body.authenticated;
const kidOf = (token: string) => decodeProtectedHeader(token).kid;

async function publishedKids(): Promise<string[]> {
  // Past the time for which the document is kept.
  server.clock.advance(60);
  return (await getJson(server, '/oauth/jwks.json')).body.keys.map(({ kid }: { kid: string }) => kid);
}

beforeAll(async () => {
  writeFileSync(privateFile, former.privateKey);
  writeFileSync(publicFile, former.publicKey);
  server = await startServer({ JWT_PRIVATE_KEY_FILE: privateFile, JWT_PUBLIC_KEY_FILE: publicFile });
  await server.createAccount('alice');
  old = await mint();
  oldUserToken = (await newUser(server, 'bob')).token;
});
afterAll(() => server.close());

test('before: both tokens are good, and nobody knows the next key', async () => {
  expect([await verify(old), await isAuthenticated(oldUserToken)]).toEqual([200, true]);
  expect(await publishedKids()).toContain(kidOf(old));
});

describe('after the exchange, with the former half in the public file', () => {
  beforeAll(() => {
    writeFileSync(publicFile, next.publicKey + former.publicKey);
    writeFileSync(privateFile, next.privateKey);
  });

  test('new tokens are signed by the new key, which alone is given out as PEM', async () => {
    const token = await mint();
    expect(kidOf(token)).not.toBe(kidOf(old));
    expect(await verify(token)).toBe(200);
    for (const path of ['/public_key', '/auth/public-key']) {
      expect((await getJson(server, path)).body).toBe(next.publicKey);
    }
    expect(await publishedKids()).toEqual(expect.arrayContaining([kidOf(old), kidOf(token)]));
  });

  test('a former token is verified, and refreshed into one of the new key', async () => {
    expect(await verify(old)).toBe(200);
    const { status, body } = await refresh(old);
    expect(status).toBe(200);
    expect(kidOf(body.token)).toBe(kidOf(await mint()));
    expect(decodeJwt(body.token).sub).toBe('alice');
    expect(await verify(body.token)).toBe(200);
  });

  test('a former user token still says who somebody is', async () => {
    expect(await isAuthenticated(oldUserToken)).toBe(true);
  });

  test('a token that a key in neither file has signed is refused, whatever it names', async () => {
    const named = [kidOf(old), kidOf(await mint()), 'another'].map((kid) => ({ kid: String(kid) }));
    for (const kid of [...named, {}]) {
      const forge = (from: string) => {
        const header = { typ: String(decodeProtectedHeader(from).typ), ...kid, alg: 'RS256' };
        return new SignJWT(decodeJwt(from))
          .setProtectedHeader(header)
          .sign(createPrivateKey(stranger.privateKey));
      };
      const forged = await forge(old);
      expect([await verify(forged), (await refresh(forged)).status]).toEqual([401, 401]);
      expect(await isAuthenticated(await forge(oldUserToken))).toBe(false);
    }
  });

  test('a public half is no secret of an HMAC', async () => {
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    for (const secret of [former.publicKey, next.publicKey, next.publicKey + former.publicKey]) {
      for (const header of [decodeProtectedHeader(old), { typ: 'JWT' }]) {
        const text = `${encode({ ...header, alg: 'HS256' })}.${old.split('.')[1]}`;
        const token = `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
        expect([await verify(token), (await refresh(token)).status]).toEqual([401, 401]);
      }
    }
  });

  test('a former token ends when it says', async () => {
    const own = await startServer({ JWT_PRIVATE_KEY_FILE: privateFile, JWT_PUBLIC_KEY_FILE: publicFile });
    try {
      await own.createAccount('alice');
      writeFileSync(privateFile, former.privateKey);
      const { token } = (await postJson(own, '/token', { username: 'alice', password: PASSWORD })).body;
      writeFileSync(privateFile, next.privateKey);
      const status = async () => (await postJson(own, '/auth/verify', { token })).status;
      expect([kidOf(token), await status()]).toEqual([kidOf(old), 200]);
      own.clock.advance(24 * 3600 + 30);
      expect(await status()).toBe(401);
    } finally {
      await own.close();
    }
  });
});

describe('with a public file that somebody spoiled', () => {
  test.each([
    [
      'a broken key between',
      () => `${next.publicKey}${stranger.publicKey.slice(0, 99)}\n${former.publicKey}`,
      200,
    ],
    ['nothing that is a key', () => 'gone\n', 401],
    ['nothing at all', () => '', 401],
    ['the former half alone', () => former.publicKey, 401],
  ])('%s: no fault of ours, and the new key goes on', async (_what, text, status) => {
    writeFileSync(publicFile, text());
    expect(await verify(old)).toBe(status);
    expect(await verify(await mint())).toBe(200);
    expect((await getJson(server, '/oauth/jwks.json')).status).toBe(200);
  });
});

test('without its half in the file what the former key signed is refused at once', async () => {
  writeFileSync(publicFile, next.publicKey + former.publicKey);
  expect([await verify(old), await isAuthenticated(oldUserToken)]).toEqual([200, true]);
  writeFileSync(publicFile, next.publicKey);
  expect([await verify(old), (await refresh(old)).status]).toEqual([401, 401]);
  expect(await isAuthenticated(oldUserToken)).toBe(false);
  const token = await mint();
  expect(await verify(token)).toBe(200);
  const kids = await publishedKids();
  expect(kids).toContain(kidOf(token));
  expect(kids).not.toContain(kidOf(old));
});
