import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { createBrowser } from '../support/browser.js';
import {
  answerOf,
  authorizeUrl,
  getCode,
  getWith,
  introspect,
  newPkce,
  post,
  redeem,
  refresh,
  walk,
} from '../support/flow.js';
import { REDIRECT_URI, startServer, type TestClient, type TestServer } from '../support/server.js';
import { later, realTime } from '../support/time.js';

let server: TestServer;
let client: TestClient;
let publicClient: TestClient;

beforeAll(async () => {
  server = await startServer();
  await server.createAccount('alice', { email: 'alice@example.org', emailVerified: true });
  client = await server.createClient();
  publicClient = await server.createClient({ token_endpoint_auth_method: 'none' });
});
afterEach(realTime);
afterAll(() => server.close());

const INVALID_GRANT = { status: 400, body: { error: 'invalid_grant' } };

const halfHash = (value: string, hash = 'sha256') => {
  const digest = createHash(hash).update(value).digest();
  return digest.subarray(0, digest.length / 2).toString('base64url');
};

describe('authorization codes at the token endpoint', () => {
  test('A29: a code redeemed twice is invalid_grant, and kills what it gave', async () => {
    const grant = await getCode(server, client);
    const first = await redeem(server, client, grant);
    expect(await redeem(server, client, grant)).toMatchObject(INVALID_GRANT);
    expect((await getWith(server, '/oauth/userinfo', first.body.access_token)).status).toBe(401);
    expect((await getWith(server, '/api/me', first.body.access_token)).status).toBe(401);
    expect(await introspect(server, client, first.body.refresh_token)).toEqual({ active: false });
    expect(await refresh(server, client, first.body.refresh_token)).toMatchObject(INVALID_GRANT);
  });

  test('A30: a code of client A is nothing to client B, and A can still redeem it', async () => {
    const other = await server.createClient();
    const grant = await getCode(server, client);
    expect(await redeem(server, other, grant)).toMatchObject(INVALID_GRANT);
    expect(await redeem(server, publicClient, grant)).toMatchObject(INVALID_GRANT);
    expect((await redeem(server, client, grant)).status).toBe(200);
  });

  test('A31: another redirect_uri than was asked with, or none, is refused', async () => {
    const two = await server.createClient({ redirect_uris: [REDIRECT_URI, 'https://app.example/other'] });
    for (const redirect_uri of ['https://app.example/other', `${REDIRECT_URI}/`, 'https://evil.example/cb']) {
      const answer = await redeem(server, two, await getCode(server, two), { redirect_uri });
      expect(answer).toMatchObject(INVALID_GRANT);
    }
    const { code, pkce } = await getCode(server, two);
    const form = { grant_type: 'authorization_code', code, code_verifier: pkce.verifier };
    const without = await post(server, '/oauth/token', form, two);
    expect(without).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  test('A32: a code is over 60 seconds after it was given', async () => {
    const [early, late] = [await getCode(server, client), await getCode(server, client)];
    later(45);
    expect((await redeem(server, client, early)).status).toBe(200);
    later(17);
    expect(await redeem(server, client, late)).toMatchObject(INVALID_GRANT);
  });

  test('A33: a wrong, missing, empty, short or swapped PKCE verifier gives nothing', async () => {
    const verifiers = ['', 'short', newPkce().verifier, 'a'.repeat(129), `${'a'.repeat(42)}!`, undefined];
    for (const one of [client, publicClient]) {
      for (const verifier of verifiers) {
        const { code } = await getCode(server, one);
        const form = {
          grant_type: 'authorization_code',
          code,
          redirect_uri: REDIRECT_URI,
          ...(verifier === undefined ? {} : { code_verifier: verifier }),
        };
        const answer = await post(server, '/oauth/token', form, one);
        expect(answer.status).toBe(400);
        expect(['invalid_grant', 'invalid_request']).toContain(answer.body.error);
      }
    }
  });

  test('A33: a verifier for a code that had no challenge is refused (PKCE downgrade at the token endpoint)', async () => {
    const grant = await getCode(server, client, {
      code_challenge: undefined,
      code_challenge_method: undefined,
    });
    expect(await redeem(server, client, grant)).toMatchObject(INVALID_GRANT);
  });

  test('A34: no challenge, plain, no method, an unknown method, a malformed challenge: never a code', async () => {
    const { challenge } = newPkce();
    const boxed = await server.createClient({}, { requirePkce: true });
    const faults: [TestClient, Record<string, string | undefined>][] = [
      [publicClient, {}],
      [boxed, {}],
      [publicClient, { code_challenge: challenge, code_challenge_method: 'plain' }],
      [client, { code_challenge: challenge, code_challenge_method: 'plain' }],
      [client, { code_challenge: challenge }],
      [client, { code_challenge: 'abc', code_challenge_method: 'S256' }],
      [client, { code_challenge: challenge, code_challenge_method: 'S512' }],
      [client, { code_challenge_method: 'S256' }],
    ];
    for (const [one, params] of faults) {
      const browser = createBrowser();
      const page = await walk(server, browser, await browser.get(authorizeUrl(server, one, params)));
      const answer = answerOf(page);
      expect([answer.get('error'), answer.get('code')]).toEqual(['invalid_request', null]);
      expect(answer.get('state')).toBe('the-state');
    }
  });

  test('A34: the refusal names the Require PKCE box', async () => {
    const boxed = await server.createClient({}, { requirePkce: true });
    const page = await createBrowser().get(authorizeUrl(server, boxed));
    expect(answerOf(page).get('error_description')).toContain('Require PKCE');
  });

  test('REQUIRE_PKCE=all asks it of confidential clients too', async () => {
    const strict = await startServer({ REQUIRE_PKCE: 'all' });
    try {
      const own = await strict.createClient();
      const page = await createBrowser().get(authorizeUrl(strict, own));
      expect(answerOf(page).get('error')).toBe('invalid_request');
    } finally {
      await strict.close();
    }
  });

  test('A49: 60 codes are distinct, of 128 bits or more, with nothing in common', async () => {
    const browser = createBrowser();
    const codes: string[] = [];
    for (let n = 0; n < 60; n += 1) codes.push((await getCode(server, client, {}, { browser })).code);
    expect(new Set(codes).size).toBe(60);
    // 6 bits a character: 43 of them hold 256 bits.
    for (const code of codes) expect(code).toMatch(/^[\w-]{43,}$/);
    for (let at = 0; at < 43; at += 1)
      expect(new Set(codes.map((code) => code[at])).size).toBeGreaterThan(10);
  });
});

describe('grants that are off (A46, A47)', () => {
  test.each([
    'urn:ietf:params:oauth:grant-type:token-exchange',
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
    'implicit',
    'constructor',
    '__proto__',
    'toString',
    'no such grant',
  ])('A46: %s is no grant of the token endpoint', async (grant_type) => {
    const answer = await post(server, '/oauth/token', { grant_type }, client);
    expect(answer.status).toBe(400);
    expect(['unsupported_grant_type', 'unauthorized_client']).toContain(answer.body.error);
  });

  test.each(['client_credentials', 'password', 'urn:ietf:params:oauth:grant-type:device_code'])(
    'A46: %s by a client that did not register it is unauthorized_client (seed row 71)',
    async (grant_type) => {
      const form = { grant_type, username: 'alice', password: 'x', device_code: 'x' };
      const answer = await post(server, '/oauth/token', form, client);
      expect(answer).toMatchObject({ status: 400, body: { error: 'unauthorized_client' } });
    },
  );

  test('A46, A47: with LEGACY_FLOWS=none neither password nor implicit is accepted or advertised', async () => {
    const modern = await startServer({ LEGACY_FLOWS: 'none' });
    try {
      const own = await modern.createClient();
      const form = { grant_type: 'password', username: 'alice', password: 'x' };
      const answer = await post(modern, '/oauth/token', form, own);
      expect(answer).toMatchObject({ status: 400, body: { error: 'unsupported_grant_type' } });
      for (const path of ['openid-configuration', 'oauth-authorization-server']) {
        const { body } = await getWith(modern, `/.well-known/${path}`);
        expect(body.grant_types_supported).not.toContain('password');
        expect(body.grant_types_supported).not.toContain('implicit');
        expect(body.code_challenge_methods_supported).toEqual(['S256']);
        const types: string[] = body.response_types_supported;
        expect(types.filter((type) => type.split(' ').includes('token'))).toEqual([]);
        expect(types).not.toContain('none');
        expect(JSON.stringify(body)).not.toContain('"plain"');
        for (const [name, value] of Object.entries(body)) {
          if (name.endsWith('alg_values_supported')) expect(value).not.toContain('none');
        }
      }
    } finally {
      await modern.close();
    }
  });
});

describe('answers of the token endpoint (RFC 6749 §3.2, §5)', () => {
  const form = { grant_type: 'authorization_code', code: 'x', redirect_uri: REDIRECT_URI };

  test('only POST', async () => {
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
      const response = await fetch(server.url('/oauth/token'), { method });
      expect([404, 405]).toContain(response.status);
      expect(await response.text()).not.toContain('access_token');
    }
  });

  test('parameters in the query are not read', async () => {
    const { code, pkce } = await getCode(server, client);
    const query = new URLSearchParams({ ...form, code, code_verifier: pkce.verifier });
    const answer = await post(server, `/oauth/token?${query}`, {}, client);
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  test('a parameter twice is invalid_request; an unknown one is ignored; an empty one counts as left out', async () => {
    const authorization = `Basic ${Buffer.from(`${client.clientId}:${client.secret}`).toString('base64')}`;
    const twice = new URLSearchParams([...Object.entries(form), ['code', 'y']]);
    const doubled = await fetch(server.url('/oauth/token'), {
      method: 'POST',
      headers: { authorization },
      body: twice,
    });
    expect(doubled.status).toBe(400);
    expect(await doubled.json()).toMatchObject({ error: 'invalid_request' });
    const grant = await getCode(server, client);
    expect((await redeem(server, client, grant, { colour: 'blue', scope: '' })).status).toBe(200);
  });

  test('a body that is JSON, empty or broken is invalid_request', async () => {
    const bodies: [string, string][] = [
      ['application/json', JSON.stringify(form)],
      ['text/plain', 'grant_type=client_credentials'],
      ['application/x-www-form-urlencoded', ''],
    ];
    for (const [type, body] of bodies) {
      const response = await fetch(server.url('/oauth/token'), {
        method: 'POST',
        headers: { 'content-type': type },
        body,
      });
      expect([400, 401]).toContain(response.status);
      expect(['invalid_request', 'invalid_client']).toContain(
        ((await response.json()) as { error: string }).error,
      );
    }
  });

  test('A48: no-store on token, introspection, revocation, PAR, UserInfo and device answers, good or bad', async () => {
    const device = await server.createClient({
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
      response_types: [],
      redirect_uris: [],
    });
    const good = await redeem(server, client, await getCode(server, client));
    const { challenge } = newPkce();
    const pushed = {
      client_id: client.clientId,
      response_type: 'code',
      redirect_uri: REDIRECT_URI,
      code_challenge: challenge,
      code_challenge_method: 'S256',
    };
    const answers = {
      token: good,
      'token, refused': await post(server, '/oauth/token', form, client),
      'token, wrong client': await post(server, '/oauth/token', form, { ...client, secret: 'wrong' }),
      introspection: await post(server, '/oauth/introspect', { token: good.body.access_token }, client),
      'introspection, refused': await post(server, '/oauth/introspect', { token: 'x' }),
      PAR: await post(server, '/oauth/par', pushed, client),
      'PAR, refused': await post(server, '/oauth/par', {}, client),
      device: await post(server, '/oauth/device_authorization', {}, device),
      UserInfo: await getWith(server, '/oauth/userinfo', good.body.access_token),
      'UserInfo, refused': await getWith(server, '/oauth/userinfo', 'x'),
      '/api/me': await getWith(server, '/api/me', good.body.access_token),
      '/api/me, refused': await getWith(server, '/api/me', 'x'),
      'revocation, refused': await post(server, '/oauth/revoke', {}, client),
      revocation: await post(server, '/oauth/revoke', { token: good.body.access_token }, client),
    };
    const cached = Object.entries(answers).map(([name, { headers }]) => [name, headers.get('cache-control')]);
    expect(cached).toEqual(Object.keys(answers).map((name) => [name, 'no-store']));
    const statuses = Object.values(answers).map(({ status }) => status);
    expect(statuses).toEqual([200, 400, 401, 200, 401, 201, 400, 200, 200, 401, 200, 401, 400, 200]);
  });

  test('error_description holds only the characters of RFC 6749 §5.2, whatever was sent', async () => {
    const nasty = '"\\é\u0001\u007f\n<script>';
    const answers = [
      await post(server, '/oauth/token', { grant_type: nasty }, client),
      await post(server, '/oauth/token', { ...form, code: nasty }, client),
      await post(server, '/oauth/token', { ...form, redirect_uri: nasty }, client),
      await post(server, '/oauth/token', { ...form, code_verifier: nasty }, client),
      await post(server, '/oauth/token', { ...form, resource: nasty }, client),
      await post(server, '/oauth/token', { grant_type: 'refresh_token', refresh_token: nasty }, client),
      await post(server, '/oauth/token', { grant_type: 'refresh_token' }, client),
      await post(server, '/oauth/token', { client_id: nasty, client_secret: nasty, grant_type: 'x' }),
      await post(server, '/oauth/par', { response_type: nasty, redirect_uri: nasty, prompt: nasty }, client),
      await post(
        server,
        '/oauth/par',
        { response_type: 'code', redirect_uri: REDIRECT_URI, claims: nasty },
        client,
      ),
      await post(server, '/oauth/token', form, client, { dpop: 'x' }),
    ];
    for (const { status, body } of answers) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
      expect(body.error).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
      expect(body.error_description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/);
    }
  });

  test('the scope granted is named: scopes that the client may not have are cut (seed row 85)', async () => {
    const narrow = await server.createClient({ scope: 'openid profile' });
    const grant = await getCode(server, narrow, { scope: 'openid profile email roles admin' });
    const { body } = await redeem(server, narrow, grant);
    expect(body.scope).toBe('openid profile');
    expect((await getWith(server, '/oauth/userinfo', body.access_token)).body).not.toHaveProperty('email');
  });
});

describe('CORS (contract §6)', () => {
  const SPA = 'https://spa.example';
  const grant = (clientId: string) => ({
    grant_type: 'refresh_token',
    refresh_token: 'x',
    client_id: clientId,
  });
  const allowed = ({ headers }: { headers: Headers }) => headers.get('access-control-allow-origin');

  test('for the origins of a browser client, and of no other client or origin', async () => {
    const spa = await server.createClient({
      token_endpoint_auth_method: 'none',
      redirect_uris: [`${SPA}/cb`],
    });
    const sealed = await server.createClient({ redirect_uris: [`${SPA}/cb`] });
    // Whatever was asked before: registered origins are kept for a second.
    server.clock.advance(2);
    const ask = (origin: string, by: TestClient, path = '/oauth/token') =>
      post(server, path, { ...grant(by.clientId), token: 'x' }, by, { origin });
    for (const path of ['/oauth/token', '/oauth/revoke']) {
      expect(allowed(await ask(SPA, spa, path))).toBe(SPA);
      expect(allowed(await ask('https://evil.example', spa, path))).toBeNull();
      expect(allowed(await ask('null', spa, path))).toBeNull();
      expect(allowed(await ask(SPA, sealed, path))).toBeNull();
    }
  });

  test('a refusal to another origin is still an answer of ours, never a 500', async () => {
    const answer = await post(server, '/oauth/token', grant('nobody'), undefined, {
      origin: 'https://evil.example',
    });
    expect(answer.status).toBe(401);
    expect(allowed(answer)).toBeNull();
  });
});

describe('ID Tokens', () => {
  const keysOf = () => createRemoteJWKSet(new URL(server.url('/oauth/jwks.json')));

  test.each(['RS256', 'ES256', 'PS256', 'EdDSA'])(
    'A77: %s, as the client registered it, with at_hash',
    async (alg) => {
      const own = await server.createClient({ id_token_signed_response_alg: alg });
      const grant = await getCode(server, own, { nonce: 'the-nonce' });
      const { body } = await redeem(server, own, grant);
      const { payload, protectedHeader } = await jwtVerify(body.id_token, keysOf(), {
        issuer: server.issuer,
        audience: own.clientId,
        algorithms: [alg],
      });
      expect(protectedHeader.kid).toBeTruthy();
      expect(payload.nonce).toBe('the-nonce');
      expect(payload.auth_time).toEqual(expect.any(Number));
      expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3600);
      // Ed25519 hashes with SHA-512 (RFC 8037 and OIDC Core §3.1.3.6).
      expect(payload.at_hash).toBe(halfHash(body.access_token, alg === 'EdDSA' ? 'sha512' : 'sha256'));
      const userinfo = await getWith(server, '/oauth/userinfo', body.access_token);
      expect(userinfo.body.sub).toBe(payload.sub);
      const again = await refresh(server, own, body.refresh_token);
      expect(decodeProtectedHeader(again.body.id_token).alg).toBe(alg);
      const fresh = await jwtVerify(again.body.id_token, keysOf());
      expect(fresh.payload.at_hash).toBe(
        halfHash(again.body.access_token, alg === 'EdDSA' ? 'sha512' : 'sha256'),
      );
    },
  );

  test('hybrid: c_hash ties the ID Token in the fragment to its code', async () => {
    const hybrid = await server.createClient({
      grant_types: ['authorization_code', 'implicit', 'refresh_token'],
      response_types: ['code', 'code id_token'],
    });
    const browser = createBrowser();
    const pkce = newPkce();
    const url = authorizeUrl(server, hybrid, {
      response_type: 'code id_token',
      nonce: 'n',
      code_challenge: pkce.challenge,
      code_challenge_method: 'S256',
    });
    const answer = answerOf(await walk(server, browser, await browser.get(url)));
    const { payload } = await jwtVerify(answer.get('id_token') ?? '', keysOf());
    const code = answer.get('code') ?? '';
    expect(payload.c_hash).toBe(halfHash(code));
    const tokens = await redeem(server, hybrid, { code, pkce, browser });
    expect((await jwtVerify(tokens.body.id_token, keysOf())).payload.sub).toBe(payload.sub);
  });

  test('no openid scope, no ID Token', async () => {
    const { body } = await redeem(server, client, await getCode(server, client, { scope: 'profile' }));
    expect(body).not.toHaveProperty('id_token');
    expect((await getWith(server, '/oauth/userinfo', body.access_token)).status).toBe(403);
  });
});

describe('bearer tokens at our resources (RFC 6750)', () => {
  const challengeOf = (headers: Headers) => headers.get('www-authenticate') ?? '';

  test('A63: a token in the query string or the form is refused', async () => {
    const { access_token } = (await redeem(server, client, await getCode(server, client))).body;
    for (const path of ['/oauth/userinfo', '/api/me']) {
      const { status } = await getWith(server, `${path}?access_token=${access_token}`);
      expect([400, 401]).toContain(status);
    }
    const posted = await post(server, '/api/me', { access_token });
    expect([400, 401, 404, 405]).toContain(posted.status);
  });

  test('two ways of sending a token at once is invalid_request', async () => {
    const { access_token } = (await redeem(server, client, await getCode(server, client))).body;
    const authorization = `Bearer ${access_token}`;
    const both = await post(server, '/oauth/userinfo', { access_token }, undefined, { authorization });
    expect(both).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  test('A64: an ID Token, a refresh token, a code, a client secret as bearer are invalid_token', async () => {
    const grant = await getCode(server, client);
    const { code } = await getCode(server, client);
    const { id_token, refresh_token } = (await redeem(server, client, grant)).body;
    for (const path of ['/oauth/userinfo', '/api/me']) {
      for (const wrong of [id_token, refresh_token, code, client.secret, client.clientId, 'x']) {
        const answer = await getWith(server, path, wrong);
        expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_token' } });
        expect(challengeOf(answer.headers)).toMatch(/^Bearer .*error="invalid_token"/);
      }
    }
  });

  test('no token at all: 401 with a challenge that names no error', async () => {
    for (const path of ['/oauth/userinfo', '/api/me']) {
      const answer = await getWith(server, path);
      expect(answer.status).toBe(401);
      expect(challengeOf(answer.headers)).toMatch(/^Bearer /);
      expect(challengeOf(answer.headers)).not.toContain('error=');
    }
  });

  test('too little scope: 403 insufficient_scope naming the scope (seed rows 79, 80)', async () => {
    const browser = createBrowser();
    const { access_token } = (
      await redeem(server, client, await getCode(server, client, { scope: 'openid' }, { browser }))
    ).body;
    const me = await getWith(server, '/api/me', access_token);
    expect(me).toMatchObject({ status: 403, body: { error: 'insufficient_scope' } });
    expect(challengeOf(me.headers)).toMatch(/error="insufficient_scope".*scope="profile"/);
  });

  test('/api/me with profile: id, username, and no more than the scopes give (seed row 80)', async () => {
    const { access_token, id_token } = (await redeem(server, client, await getCode(server, client))).body;
    const me = await getWith(server, '/api/me', access_token);
    expect(me.status).toBe(200);
    expect(me.body).toMatchObject({ username: 'alice' });
    expect(me.body).not.toHaveProperty('email');
    const { payload } = await jwtVerify(id_token, keysAt());
    expect(me.body.id).toBe(payload.sub);
  });

  const keysAt = () => createRemoteJWKSet(new URL(server.url('/oauth/jwks.json')));

  test('a token that ran out: 401 invalid_token', async () => {
    const { access_token } = (await redeem(server, client, await getCode(server, client))).body;
    // Its lifetime and the tolerance between clocks.
    later(3600 + 16);
    for (const path of ['/oauth/userinfo', '/api/me']) {
      expect(await getWith(server, path, access_token)).toMatchObject({
        status: 401,
        body: { error: 'invalid_token' },
      });
    }
    expect(await introspect(server, client, access_token)).toEqual({ active: false });
  });
});
