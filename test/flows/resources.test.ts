import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { createBrowser } from '../support/browser.js';
import {
  answerOf,
  authorizeUrl,
  getCode,
  getWith,
  introspect,
  post,
  redeem,
  refresh,
  walk,
} from '../support/flow.js';
import { startServer, type TestClient, type TestServer } from '../support/server.js';
import { later, realTime } from '../support/time.js';

/** RFC 8707 and RFC 9068: access tokens for registered resources. */
const OPAQUE = 'https://opaque.example/api';
const SECOND = 'https://second.example/api';
const JWT = (alg: string) => `https://${alg.toLowerCase()}.example/api`;

let server: TestServer;
let client: TestClient;
let alice: { id: string };

beforeAll(async () => {
  server = await startServer();
  alice = await server.createAccount('alice');
  const { resources } = server.container;
  await resources.create({
    identifier: OPAQUE,
    scopes: ['read', 'write'],
    token_format: 'opaque',
    lifetime_seconds: 120,
  });
  await resources.create({ identifier: SECOND, scopes: ['read'], token_format: 'opaque' });
  for (const alg of ['RS256', 'ES256', 'PS256', 'EdDSA']) {
    await resources.create({
      identifier: JWT(alg),
      scopes: ['read', 'write', 'admin'],
      token_format: 'jwt',
      signing_alg: alg,
      ...(alg === 'RS256' ? { lifetime_seconds: 300 } : {}),
    });
  }
  client = await server.createClient({
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    scope: 'openid profile read write',
  });
});
afterEach(realTime);
afterAll(() => server.close());

const refusal = (error: string) => ({ status: 400, body: { error } });
const keys = () => createRemoteJWKSet(new URL(server.url('/oauth/jwks.json')));
const codeFor = (resource: string, scope = 'openid profile read write') =>
  getCode(server, client, { resource, scope });

/** Posts pairs, so that a parameter may repeat. */
async function postPairs(pairs: [string, string][]) {
  const response = await fetch(server.url('/oauth/token'), {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${client.clientId}:${client.secret}`).toString('base64')}`,
    },
    body: new URLSearchParams(pairs),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

describe('refused', () => {
  test.each([
    'https://unknown.example',
    'not a uri',
    '/relative',
    `${OPAQUE}#fragment`,
    'urn:x',
    `${OPAQUE}/`,
  ])(
    'resource=%s is invalid_target, at the authorization endpoint, at PAR and at the token endpoint',
    async (resource) => {
      const page = await createBrowser().get(authorizeUrl(server, client, { resource }));
      expect(answerOf(page).get('error')).toBe('invalid_target');
      const form = {
        client_id: client.clientId,
        response_type: 'code',
        redirect_uri: 'https://app.example/cb',
        resource,
      };
      expect(await post(server, '/oauth/par', form, client)).toMatchObject(refusal('invalid_target'));
      const machine = await post(
        server,
        '/oauth/token',
        { grant_type: 'client_credentials', resource },
        client,
      );
      expect(machine).toMatchObject(refusal('invalid_target'));
    },
  );

  test('another resource at the token endpoint than was granted is invalid_target (RFC 8707 §2.2)', async () => {
    const answer = await redeem(server, client, await codeFor(OPAQUE), { resource: SECOND });
    expect(answer).toMatchObject(refusal('invalid_target'));
    const plain = await getCode(server, client, { scope: 'openid read' });
    expect(await redeem(server, client, plain, { resource: OPAQUE })).toMatchObject(
      refusal('invalid_target'),
    );
  });

  test('more than was granted at the token endpoint is invalid_target', async () => {
    const { code, pkce } = await codeFor(OPAQUE);
    const answer = await postPairs([
      ['grant_type', 'authorization_code'],
      ['code', code],
      ['redirect_uri', 'https://app.example/cb'],
      ['code_verifier', pkce.verifier],
      ['resource', OPAQUE],
      ['resource', SECOND],
    ]);
    expect(answer).toMatchObject(refusal('invalid_target'));
  });

  test('a resource that was deleted gives no more tokens, not even by refresh', async () => {
    const identifier = 'https://gone.example/api';
    await server.container.resources.create({ identifier, scopes: ['read'], token_format: 'opaque' });
    const { body } = await redeem(server, client, await codeFor(identifier), { resource: identifier });
    await server.container.resources.remove(identifier);
    const answer = await refresh(server, client, body.refresh_token, { resource: identifier });
    expect(answer).toMatchObject(refusal('invalid_target'));
  });
});

describe('JWT access tokens (RFC 9068)', () => {
  test.each(['RS256', 'ES256', 'PS256', 'EdDSA'])(
    '%s: verified with the published keys alone',
    async (alg) => {
      const resource = JWT(alg);
      const { status, body } = await redeem(server, client, await codeFor(resource), { resource });
      expect(status).toBe(200);
      const lifetime = alg === 'RS256' ? 300 : 3600;
      expect(body).toMatchObject({ token_type: 'Bearer', expires_in: lifetime, scope: 'read write' });
      const { payload, protectedHeader } = await jwtVerify(body.access_token, keys(), {
        issuer: server.issuer,
        audience: resource,
        typ: 'at+jwt',
        algorithms: [alg],
      });
      expect(protectedHeader.kid).toBeTruthy();
      expect(payload).toMatchObject({
        sub: alice.id,
        client_id: client.clientId,
        scope: 'read write',
        jti: expect.any(String),
        iat: expect.any(Number),
      });
      expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(lifetime);
      // The ID Token is still for the client.
      expect(decodeJwt(body.id_token).aud).toBe(client.clientId);
    },
  );

  test('each has a jti of its own, and refreshing gives another one of the same kind', async () => {
    const resource = JWT('ES256');
    const first = (await redeem(server, client, await codeFor(resource), { resource })).body;
    const second = (await refresh(server, client, first.refresh_token, { resource })).body;
    const [a, b] = [decodeJwt(first.access_token), decodeJwt(second.access_token)];
    expect(a.jti).not.toBe(b.jti);
    expect(b).toMatchObject({ aud: resource, scope: 'read write', sub: alice.id });
  });

  test('scopes: of those the resource has, only what the client registered', async () => {
    const resource = JWT('RS256');
    const grant = await codeFor(resource, 'openid read admin email');
    const { body } = await redeem(server, client, grant, { resource });
    expect(body.scope).toBe('read');
    expect(decodeJwt(body.access_token).scope).toBe('read');
  });

  test('client credentials: sub is the client (RFC 9068 §2.2)', async () => {
    const form = { grant_type: 'client_credentials', resource: JWT('PS256'), scope: 'read admin' };
    const { body } = await post(server, '/oauth/token', form, client);
    const { payload } = await jwtVerify(body.access_token, keys(), { audience: JWT('PS256'), typ: 'at+jwt' });
    expect(payload).toMatchObject({ sub: client.clientId, client_id: client.clientId, scope: 'read' });
  });

  test('introspecting or revoking one answers unsupported_token_type (documented limit)', async () => {
    const resource = JWT('RS256');
    const { body } = await redeem(server, client, await codeFor(resource), { resource });
    for (const path of ['/oauth/introspect', '/oauth/revoke']) {
      const answer = await post(server, path, { token: body.access_token }, client);
      expect(answer).toMatchObject(refusal('unsupported_token_type'));
    }
  });

  test('at our own resources it is no token: UserInfo and /api/me are 401', async () => {
    const resource = JWT('RS256');
    const { body } = await redeem(server, client, await codeFor(resource), { resource });
    for (const path of ['/oauth/userinfo', '/api/me']) {
      const answer = await getWith(server, path, body.access_token);
      expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_token' } });
    }
  });
});

describe('opaque access tokens for a resource', () => {
  test('aud, scopes and lifetime are the resource’s; it opens nothing of ours', async () => {
    const { body } = await redeem(server, client, await codeFor(OPAQUE), { resource: OPAQUE });
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 120, scope: 'read write' });
    expect(body.access_token).toMatch(/^[\w-]{43,}$/);
    expect(await introspect(server, client, body.access_token)).toMatchObject({
      active: true,
      aud: OPAQUE,
      scope: 'read write',
      sub: alice.id,
    });
    expect((await getWith(server, '/oauth/userinfo', body.access_token)).status).toBe(403);
    expect((await getWith(server, '/api/me', body.access_token)).status).toBe(401);
    later(121);
    expect(await introspect(server, client, body.access_token)).toEqual({ active: false });
  });

  test('the consent page names the resource and what it is asked for', async () => {
    await server.createAccount('bob');
    const browser = createBrowser();
    const start = await browser.get(authorizeUrl(server, client, { resource: OPAQUE, scope: 'openid read' }));
    const login = await browser.follow(start, server.issuer);
    const signedIn = await browser.submit(login, '/login', {
      username: 'bob',
      password: 'correct horse battery staple',
    });
    const consent = await browser.follow(signedIn, server.issuer);
    expect(consent.text).toContain(OPAQUE);
    expect(consent.text).toContain('read');
    const done = await walk(server, browser, consent, 'bob');
    expect(answerOf(done).get('code')).toBeTruthy();
  });

  test('without resource at the token endpoint openid decides: a token for UserInfo, not for the resource', async () => {
    const { body } = await redeem(server, client, await codeFor(OPAQUE));
    expect(body.scope).toBe('openid profile');
    expect((await getWith(server, '/oauth/userinfo', body.access_token)).status).toBe(200);
    expect(await introspect(server, client, body.access_token)).not.toHaveProperty('aud');
  });

  test('two granted: one at a time at the token endpoint, the other by refresh', async () => {
    const browser = createBrowser();
    const url = `${authorizeUrl(server, client, { scope: 'openid read', resource: OPAQUE })}&resource=${encodeURIComponent(SECOND)}`;
    const code = answerOf(await walk(server, browser, await browser.get(url))).get('code') ?? '';
    const form = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: 'https://app.example/cb',
      resource: OPAQUE,
    };
    const first = await post(server, '/oauth/token', form, client);
    expect(first).toMatchObject({ status: 200, body: { scope: 'read' } });
    expect(await introspect(server, client, first.body.access_token)).toMatchObject({ aud: OPAQUE });
    const second = await refresh(server, client, first.body.refresh_token, { resource: SECOND });
    expect(second.status).toBe(200);
    expect(await introspect(server, client, second.body.access_token)).toMatchObject({ aud: SECOND });
    const third = await refresh(server, client, second.body.refresh_token, { resource: JWT('RS256') });
    expect(third).toMatchObject(refusal('invalid_target'));
  });

  test('a repeat of a refresh for another resource within grace is refused, and harms nobody', async () => {
    const browser = createBrowser();
    const url = `${authorizeUrl(server, client, { scope: 'openid read', resource: OPAQUE })}&resource=${encodeURIComponent(SECOND)}`;
    const code = answerOf(await walk(server, browser, await browser.get(url))).get('code') ?? '';
    const form = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: 'https://app.example/cb',
      resource: OPAQUE,
    };
    const first = (await post(server, '/oauth/token', form, client)).body;
    const winner = (await refresh(server, client, first.refresh_token, { resource: OPAQUE })).body;
    const other = await refresh(server, client, first.refresh_token, { resource: SECOND });
    expect(other).toMatchObject(refusal('invalid_grant'));
    expect(await introspect(server, client, winner.access_token)).toMatchObject({ active: true });
    expect((await refresh(server, client, winner.refresh_token, { resource: SECOND })).status).toBe(200);
  });
});
