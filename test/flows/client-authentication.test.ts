import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { exportJWK } from 'jose';
import { post } from '../support/flow.js';
import { ASSERTION_TYPE, clientAssertion } from '../support/proofs.js';
import { startServer, type TestClient, type TestServer } from '../support/server.js';
import { realTime } from '../support/time.js';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterEach(realTime);
afterAll(() => server.close());

const METADATA = {
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
  scope: 'profile',
};
const FORM = { grant_type: 'client_credentials' };
const INVALID_CLIENT = { status: 401, body: { error: 'invalid_client' } };

const basic = (id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
});
const token = (form: Record<string, string>, headers: Record<string, string> = {}) =>
  post(server, '/oauth/token', { ...FORM, ...form }, undefined, headers);
const byBasic = (id: string, secret: string) => token({}, basic(id, secret));
const byPost = (id: string, secret: string) => token({ client_id: id, client_secret: secret });

describe('secrets', () => {
  let client: TestClient;
  beforeAll(async () => {
    client = await server.createClient(METADATA);
  });

  test('A40: variants of a secret are 401 invalid_client, with a challenge where the header was used', async () => {
    const { clientId, secret } = client;
    const other = await server.createClient(METADATA);
    const swapped = secret.replace(/[a-z]/i, (c) =>
      c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase(),
    );
    const variants = [
      'wrong',
      secret.slice(0, -1),
      secret.slice(1),
      `${secret}x`,
      ` ${secret}`,
      `${secret} `,
      swapped,
      other.secret,
      'null',
      'undefined',
      'postern:hashed',
      clientId,
      'x'.repeat(5000),
    ];
    for (const variant of variants) {
      const header = await byBasic(clientId, encodeURIComponent(variant));
      expect(header).toMatchObject(INVALID_CLIENT);
      expect(header.headers.get('www-authenticate')).toMatch(/^Basic realm=/);
      expect(header.headers.get('cache-control')).toBe('no-store');
      expect(await byPost(clientId, variant)).toMatchObject(INVALID_CLIENT);
    }
    for (const odd of ['', `${secret}%00`, '%00', '%zz']) {
      const header = await byBasic(clientId, odd);
      expect([400, 401]).toContain(header.status);
      expect(['invalid_client', 'invalid_request']).toContain(header.body.error);
    }
    for (const odd of ['', `${secret}\0`, '\0']) {
      const body = await byPost(clientId, odd);
      expect([400, 401]).toContain(body.status);
      expect(['invalid_client', 'invalid_request']).toContain(body.body.error);
    }
    expect((await byBasic(clientId, secret)).status).toBe(200);
  });

  test('A40: the stored form of a secret is no secret', async () => {
    const record = await server.container.clients.find(client.clientId);
    const hash = record?.secrets[0]?.hash ?? '';
    expect(hash).not.toBe('');
    expect(await byBasic(client.clientId, hash)).toMatchObject(INVALID_CLIENT);
    expect(await byPost(client.clientId, hash)).toMatchObject(INVALID_CLIENT);
  });

  test('A39: two ways at once are refused, even when both are right', async () => {
    const { clientId, secret } = client;
    const both = await token({ client_id: clientId, client_secret: secret }, basic(clientId, secret));
    expect(both).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    const assertion = await clientAssertion(clientId, server.issuer, Buffer.from(secret), { alg: 'HS256' });
    const three = { client_assertion: assertion, client_assertion_type: ASSERTION_TYPE };
    expect(await token(three, basic(clientId, secret))).toMatchObject({ status: 400 });
    expect(await token({ ...three, client_id: clientId, client_secret: secret })).toMatchObject({
      status: 400,
    });
    const other = await server.createClient(METADATA);
    const mismatch = await token({ client_id: other.clientId }, basic(clientId, secret));
    expect(mismatch).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  test('A41: an unknown client and a known one with a wrong secret are told apart by nothing', async () => {
    const unknown = await byBasic('A'.repeat(24), 'wrong');
    const known = await byBasic(client.clientId, 'wrong');
    expect(unknown.status).toBe(known.status);
    expect(unknown.body).toEqual(known.body);
    expect(unknown.headers.get('www-authenticate')).toBe(known.headers.get('www-authenticate'));
    const [a, b] = [await byPost('A'.repeat(24), 'wrong'), await byPost(client.clientId, 'wrong')];
    expect([a.status, a.body]).toEqual([b.status, b.body]);
  });

  test('A42: a confidential client by its client_id alone is nobody, at every endpoint', async () => {
    const asPublic = { client_id: client.clientId };
    expect(await token(asPublic)).toMatchObject(INVALID_CLIENT);
    for (const path of ['/oauth/introspect', '/oauth/revoke', '/oauth/par', '/oauth/device_authorization']) {
      const answer = await post(server, path, { ...asPublic, token: 'x', response_type: 'code' });
      expect([path, answer.status, answer.body.error]).toEqual([path, 401, 'invalid_client']);
    }
  });

  test('no client at all, a header that is not Basic, a broken header', async () => {
    expect(await token({})).toMatchObject(INVALID_CLIENT);
    for (const authorization of ['Bearer x', 'Basic', 'Basic !!!', 'Basic bm9jb2xvbg==', 'Digest a=b']) {
      const answer = await token({}, { authorization });
      expect([400, 401]).toContain(answer.status);
      expect(['invalid_client', 'invalid_request']).toContain(answer.body.error);
    }
  });

  test('a client_id that is no client_id is refused and not looked for', async () => {
    for (const id of ['__proto__', 'constructor', "' OR 1=1 --", '\u0000', '../../etc', 'é'.repeat(300)]) {
      const answer = await byPost(id, 'x');
      expect([400, 401]).toContain(answer.status);
    }
  });
});

describe('methods (seed row 70)', () => {
  test.each(['client_secret_basic', 'client_secret_post'])('%s', async (method) => {
    const client = await server.createClient({ ...METADATA, token_endpoint_auth_method: method });
    const { clientId, secret } = client;
    const [good, bad] = method === 'client_secret_basic' ? [byBasic, byPost] : [byPost, byBasic];
    expect((await good(clientId, secret)).status).toBe(200);
    expect(await good(clientId, 'wrong')).toMatchObject(INVALID_CLIENT);
    // RFC 6749 §2.3.1 lets a client with a password use either; nobody is served by refusing one.
    expect([200, 401]).toContain((await bad(clientId, secret)).status);
  });

  test('none: a public client is its client_id, and a secret from it is refused', async () => {
    const open = await server.createClient({ token_endpoint_auth_method: 'none' });
    expect(open.secret).toBe('');
    const form = { grant_type: 'refresh_token', refresh_token: 'x', client_id: open.clientId };
    expect(await token(form)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await token({ ...form, client_secret: 'anything' })).toMatchObject(INVALID_CLIENT);
    expect(await token(form, basic(open.clientId, 'postern:hashed'))).toMatchObject(INVALID_CLIENT);
  });

  test('credentials in the query string are not read', async () => {
    const { clientId, secret } = await server.createClient(METADATA);
    const query = new URLSearchParams({ client_id: clientId, client_secret: secret });
    const answer = await post(server, `/oauth/token?${query}`, FORM);
    expect([400, 401]).toContain(answer.status);
  });
});

describe('assertions (RFC 7523)', () => {
  const byAssertion = (client_assertion: string, more: Record<string, string> = {}) =>
    token({ client_assertion, client_assertion_type: ASSERTION_TYPE, ...more });
  const now = () => Math.floor(Date.now() / 1000);

  let keyClient: TestClient;
  let key: KeyObject;
  let secretClient: TestClient;

  beforeAll(async () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    key = pair.privateKey;
    keyClient = await server.createClient({
      ...METADATA,
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ ...(await exportJWK(pair.publicKey)), alg: 'ES256', use: 'sig', kid: 'one' }] },
    });
    secretClient = await server.createClient({
      ...METADATA,
      token_endpoint_auth_method: 'client_secret_jwt',
    });
  });

  test('private_key_jwt and client_secret_jwt, aimed at the issuer or the token endpoint', async () => {
    expect(keyClient.secret).toBe('');
    for (const aud of [server.issuer, server.url('/oauth/token')]) {
      expect((await byAssertion(await clientAssertion(keyClient.clientId, aud, key))).status).toBe(200);
      const secret = Buffer.from(secretClient.secret);
      const hmac = await clientAssertion(secretClient.clientId, aud, secret, { alg: 'HS256' });
      expect((await byAssertion(hmac)).status).toBe(200);
    }
  });

  const faults: [string, () => Record<string, unknown>][] = [
    ['a foreign audience', () => ({ aud: 'https://evil.example' })],
    ['no audience', () => ({ aud: undefined })],
    ['a time that is over', () => ({ exp: now() - 60, iat: now() - 120 })],
    ['no end', () => ({ exp: undefined })],
    ['no jti', () => ({ jti: undefined })],
    ['another issuer', () => ({ iss: 'somebody' })],
    ['no issuer', () => ({ iss: undefined })],
    ['another subject', () => ({ sub: 'somebody' })],
    ['no subject', () => ({ sub: undefined })],
    ['a beginning that is still to come', () => ({ nbf: now() + 600 })],
  ];
  test.each(faults)('A44: %s: invalid_client', async (_name, claims) => {
    const withKey = await clientAssertion(keyClient.clientId, server.issuer, key, { claims: claims() });
    expect(await byAssertion(withKey)).toMatchObject(INVALID_CLIENT);
    const secret = Buffer.from(secretClient.secret);
    const withSecret = await clientAssertion(secretClient.clientId, server.issuer, secret, {
      alg: 'HS256',
      claims: claims(),
    });
    expect(await byAssertion(withSecret)).toMatchObject(INVALID_CLIENT);
  });

  test('A44: a sub that is another client does not become that client', async () => {
    const claims = { sub: secretClient.clientId };
    const stolen = await clientAssertion(keyClient.clientId, server.issuer, key, { claims });
    expect(await byAssertion(stolen)).toMatchObject(INVALID_CLIENT);
  });

  test('an assertion is good once, at whatever endpoint', async () => {
    const assertion = await clientAssertion(keyClient.clientId, server.issuer, key);
    expect((await byAssertion(assertion)).status).toBe(200);
    expect(await byAssertion(assertion)).toMatchObject(INVALID_CLIENT);
    const elsewhere = await post(server, '/oauth/introspect', {
      token: 'x',
      client_assertion: assertion,
      client_assertion_type: ASSERTION_TYPE,
    });
    expect(elsewhere).toMatchObject(INVALID_CLIENT);
  });

  test('one jti of one client says nothing about the same jti of another', async () => {
    const claims = { jti: randomUUID() };
    expect(
      (await byAssertion(await clientAssertion(keyClient.clientId, server.issuer, key, { claims }))).status,
    ).toBe(200);
    const hmac = await clientAssertion(
      secretClient.clientId,
      server.issuer,
      Buffer.from(secretClient.secret),
      {
        alg: 'HS256',
        claims,
      },
    );
    expect((await byAssertion(hmac)).status).toBe(200);
  });

  test('a foreign key, no signature, HMAC with the public key, the stored placeholder as key', async () => {
    const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const { clientId } = keyClient;
    expect(await byAssertion(await clientAssertion(clientId, server.issuer, foreign))).toMatchObject(
      INVALID_CLIENT,
    );
    const good = await clientAssertion(clientId, server.issuer, key);
    const [, payload, signature] = good.split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    expect(await byAssertion(`${none}.${payload}.`)).toMatchObject({ body: { error: expect.any(String) } });
    expect((await byAssertion(`${none}.${payload}.${signature}`)).status).toBe(401);
    const jwk = JSON.stringify(keyClient.record.metadata.jwks?.keys[0]);
    const confused = await clientAssertion(clientId, server.issuer, Buffer.from(jwk), { alg: 'HS256' });
    expect(await byAssertion(confused)).toMatchObject(INVALID_CLIENT);
    const hashed = await server.createClient(METADATA);
    for (const known of ['postern:hashed', hashed.record.secrets[0]?.hash ?? 'x']) {
      const secret = Buffer.from(known.padEnd(32, '\0'));
      const forged = await clientAssertion(hashed.clientId, server.issuer, secret, { alg: 'HS256' });
      expect(await byAssertion(forged)).toMatchObject(INVALID_CLIENT);
    }
  });

  test('a secret sent in clear by a client that signs with it is refused', async () => {
    expect(await byBasic(secretClient.clientId, secretClient.secret)).toMatchObject(INVALID_CLIENT);
    expect(await byPost(secretClient.clientId, secretClient.secret)).toMatchObject(INVALID_CLIENT);
  });

  test('a client_id beside the assertion must be the same; the type must be said', async () => {
    const fresh = () => clientAssertion(keyClient.clientId, server.issuer, key);
    expect((await byAssertion(await fresh(), { client_id: keyClient.clientId })).status).toBe(200);
    const other = await byAssertion(await fresh(), { client_id: secretClient.clientId });
    expect(other).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    const untyped = await token({ client_assertion: await fresh() });
    expect(untyped).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });
});

describe('two live secrets', () => {
  test('both work until the old one ends at its time', async () => {
    const { clientId, secret: old } = await server.createClient(METADATA);
    const endOldAt = server.clock.now() + 3600_000;
    const fresh = await server.container.clients.rotateSecret(clientId, { endOldAt });
    expect((await byBasic(clientId, old)).status).toBe(200);
    expect((await byBasic(clientId, fresh)).status).toBe(200);
    server.clock.advance(3601);
    expect(await byBasic(clientId, old)).toMatchObject(INVALID_CLIENT);
    expect((await byBasic(clientId, fresh)).status).toBe(200);
  });

  test('without an overlap the old one ends at once', async () => {
    const { clientId, secret: old } = await server.createClient(METADATA);
    expect((await byBasic(clientId, old)).status).toBe(200);
    const fresh = await server.container.clients.rotateSecret(clientId);
    expect(await byBasic(clientId, old)).toMatchObject(INVALID_CLIENT);
    expect((await byBasic(clientId, fresh)).status).toBe(200);
  });

  test('client_secret_jwt: both sign, until the old one ends', async () => {
    const client = await server.createClient({
      ...METADATA,
      token_endpoint_auth_method: 'client_secret_jwt',
    });
    const signed = async (secret: string) =>
      token({
        client_assertion: await clientAssertion(client.clientId, server.issuer, Buffer.from(secret), {
          alg: 'HS256',
        }),
        client_assertion_type: ASSERTION_TYPE,
      });
    const endOldAt = server.clock.now() + 3600_000;
    const fresh = await server.container.clients.rotateSecret(client.clientId, { endOldAt });
    expect((await signed(client.secret)).status).toBe(200);
    expect((await signed(fresh)).status).toBe(200);
    server.clock.advance(3601);
    expect(await signed(client.secret)).toMatchObject(INVALID_CLIENT);
    expect((await signed(fresh)).status).toBe(200);
  });

  test('a client that was deleted is unknown at once', async () => {
    const { clientId, secret } = await server.createClient(METADATA);
    expect((await byBasic(clientId, secret)).status).toBe(200);
    await server.container.clients.remove(clientId);
    expect(await byBasic(clientId, secret)).toMatchObject(INVALID_CLIENT);
  });
});

test('secrets are hashed or sealed in the database, never text, and in no log line', async () => {
  const hashed = await server.createClient(METADATA);
  const sealed = await server.createClient({ ...METADATA, token_endpoint_auth_method: 'client_secret_jwt' });
  await byBasic(hashed.clientId, hashed.secret);
  const { database } = server.container;
  const tables = ['clients', 'client_secrets', 'oidc_payloads', 'audit_events'];
  const rows = await Promise.all(tables.map((table) => database.all(database.sql.select('*').from(table))));
  const kept = JSON.stringify(rows) + server.logs.join('\n');
  expect(kept).toContain(hashed.clientId);
  for (const { secret } of [hashed, sealed]) {
    expect(kept).not.toContain(secret);
    expect(kept).not.toContain(Buffer.from(secret).toString('base64').slice(0, 40));
  }
  const byClient = await database.all<{ client_id: string; hash: string | null; sealed: string | null }>(
    database.sql.select('*').from('client_secrets').whereIn('client_id', [hashed.clientId, sealed.clientId]),
  );
  const found = byClient.map((row) => [row.client_id, row.hash !== null, row.sealed !== null]).sort();
  expect(found).toEqual(
    [
      [hashed.clientId, true, false],
      [sealed.clientId, false, true],
    ].sort(),
  );
});
