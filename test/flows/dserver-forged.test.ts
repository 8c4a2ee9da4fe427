/** Forged and misused dserver tokens (A69 to A74) at every endpoint that takes one. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { getJson, postJson } from '../support/json-calls.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

let server: TestServer;
let good: string;
let pem: string;

beforeAll(async () => {
  server = await startServer();
  await server.createAccount('alice');
  good = (await postJson(server, '/token', { username: 'alice', password: PASSWORD })).body.token;
  pem = (await getJson(server, '/public_key')).body;
});
afterAll(() => server.close());

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

async function refusedEverywhere(token: unknown): Promise<void> {
  const [verified, refreshed] = await Promise.all([
    postJson(server, '/auth/verify', { token }),
    postJson(server, '/auth/refresh', { token }),
  ]);
  expect(verified).toMatchObject({ status: 401, body: { valid: false, error: 'Invalid or expired token' } });
  expect(refreshed).toMatchObject({ status: 401, body: { error: 'Invalid or expired token' } });
  expect(refreshed.body).not.toHaveProperty('token');
}

test('the token the forgeries are made from is good', async () => {
  expect((await postJson(server, '/auth/verify', { token: good })).status).toBe(200);
});

describe('A69: no signature', () => {
  test.each(['none', 'None', 'NONE', 'nOnE'])('alg %s', async (alg) => {
    const [, body, signature] = good.split('.');
    await refusedEverywhere(`${encode({ alg, typ: 'JWT' })}.${body}.`);
    await refusedEverywhere(`${encode({ alg, typ: 'JWT' })}.${body}.${signature}`);
  });

  test('an empty one, and none at all', async () => {
    const [head, body] = good.split('.');
    await refusedEverywhere(`${head}.${body}.`);
    await refusedEverywhere(`${head}.${body}`);
  });
});

describe('A70: HS256 keyed with what everybody has', () => {
  test.each([
    ['the PEM', () => pem],
    ['the PEM without its line end', () => pem.trim()],
    ['the PEM on one line', () => pem.replaceAll('\n', '')],
    ['nothing', () => ''],
  ])('%s', async (_what, secret) => {
    for (const alg of ['HS256', 'HS384', 'HS512']) {
      const signing = `${encode({ alg, typ: 'JWT' })}.${good.split('.')[1]}`;
      const mac = createHmac(alg.replace('HS', 'sha'), secret()).update(signing).digest('base64url');
      await refusedEverywhere(`${signing}.${mac}`);
    }
  });
});

describe('A71: keys the token brings itself', () => {
  test('jwk, jku, x5u, kid in the header', async () => {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
    const jwk = await exportJWK(publicKey);
    for (const more of [
      { jwk },
      { jku: 'https://evil.example/jwks' },
      { x5u: 'https://evil.example/x' },
      { kid: '../../dev/null' },
    ]) {
      const token = await new SignJWT(decodeJwt(good))
        .setProtectedHeader({ alg: 'RS256', ...more } as { alg: string })
        .sign(privateKey);
      await refusedEverywhere(token);
    }
  });

  test('the right key by another algorithm than the configured one', async () => {
    const { key } = server.container.dserver;
    expect(key.alg).toBe('RS256');
    const [, body, signature] = good.split('.');
    await refusedEverywhere(`${encode({ alg: 'PS256', typ: 'JWT' })}.${body}.${signature}`);
  });
});

describe('A72: the shape', () => {
  test('another payload under the same signature', async () => {
    const [head, , signature] = good.split('.');
    await refusedEverywhere(`${head}.${encode({ ...decodeJwt(good), sub: 'admin' })}.${signature}`);
  });

  test('four parts, five parts, blanks, JSON serialisation, other types', async () => {
    const [head, body, signature] = good.split('.');
    const json = { payload: body, protected: head, signature };
    for (const token of [
      `${good}.x`,
      `${good}.${head}.x`,
      ` ${good}`,
      `${good}\n`,
      `${head}.${body}.${signature}=`,
      JSON.stringify(json),
      json,
      { ...json, signatures: [{ protected: head, signature }] },
      [good],
      7,
      true,
      'x'.repeat(20_000),
      '..',
    ]) {
      await refusedEverywhere(token);
    }
  });

  test('a critical header nobody here understands', async () => {
    const [, body, signature] = good.split('.');
    await refusedEverywhere(`${encode({ alg: 'RS256', crit: ['exp'], exp: 1 })}.${body}.${signature}`);
  });
});

describe('A74: times, issuer, audience', () => {
  const resigned = (change: object) =>
    server.container.dserver.key.sign(JSON.parse(JSON.stringify({ ...decodeJwt(good), ...change })));
  const now = () => Math.floor(server.clock.now() / 1000);

  test.each([
    ['expired a minute ago', () => ({ exp: now() - 60 })],
    ['not valid for another minute', () => ({ nbf: now() + 60 })],
    ['of another issuer', () => ({ iss: 'somebody' })],
    ['of no issuer', () => ({ iss: undefined })],
    ['for another audience', () => ({ aud: 'lookup' })],
    ['for no audience', () => ({ aud: undefined })],
    ['with times that are no numbers', () => ({ exp: 'never' })],
  ])('%s', async (_what, change) => {
    await refusedEverywhere(await resigned(change()));
  });

  test('it ends on its own, and stays in the ledger long enough to be known', async () => {
    const own = await startServer();
    await own.createAccount('alice');
    const { token } = (await postJson(own, '/token', { username: 'alice', password: PASSWORD })).body;
    own.clock.advance(24 * 3600 - 30);
    expect((await postJson(own, '/auth/verify', { token })).status).toBe(200);
    own.clock.advance(60);
    expect((await postJson(own, '/auth/verify', { token })).status).toBe(401);
    await own.close();
  });
});
