/** Tokens for programs: by key and by password, refreshed, verified, revoked; and what they do not open. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader, exportSPKI, importJWK } from 'jose';
import { createBrowser } from '../support/browser.js';
import { acceptedByDserver } from '../support/flask-jwt.js';
import { post, signIn } from '../support/flow.js';
import { getJson, postJson } from '../support/json-calls.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

const API_KEY = 'an-operators-key-of-some-length';
const HOUR = 3600;
const DAY = 24 * HOUR;

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ OAUTH2_API_KEY: API_KEY });
  await server.createAccount('alice', {
    email: 'alice@example.org',
    emailVerified: true,
    givenName: 'Alice',
    familyName: 'Liddell',
  });
  await server.createAccount('bob');
});
afterAll(() => server.close());

const verify = (token: unknown) => postJson(server, '/auth/verify', { token });
const refresh = (token: unknown) => postJson(server, '/auth/refresh', { token });
const tokenOf = async (username = 'alice'): Promise<string> =>
  (await postJson(server, '/auth/token', { username, password: PASSWORD })).body.token;

describe('POST /auth/token with a key', () => {
  test.each([
    ['no body', undefined, {}, 400, { error: 'Missing request body' }],
    ['an empty object', {}, {}, 400, { error: 'Missing request body' }],
    ['no username', { api_key: API_KEY }, {}, 400, { error: 'Missing api_key or username' }],
    ['no key', { username: 'x' }, {}, 400, { error: 'Missing api_key or username' }],
    [
      'a key that is no text',
      { api_key: 7, username: 'x' },
      {},
      400,
      { error: 'Missing api_key or username' },
    ],
    ['a wrong key', { api_key: 'wrong', username: 'x' }, {}, 401, { error: 'Invalid credentials' }],
    [
      'a wrong key in the header',
      { username: 'x' },
      { 'x-api-key': 'wrong' },
      401,
      { error: 'Invalid credentials' },
    ],
    [
      'a made-up account key',
      { api_key: 'pdk_nobodys', username: 'x' },
      {},
      401,
      { error: 'Invalid credentials' },
    ],
  ])('row 12: %s', async (_what, body, headers, status, answer) => {
    expect(await postJson(server, '/auth/token', body, headers as Record<string, string>)).toMatchObject({
      status,
      body: answer,
    });
  });

  test('row 12: without OAUTH2_API_KEY the answer is 501', async () => {
    const bare = await startServer();
    const answer = await postJson(bare, '/auth/token', { api_key: 'any', username: 'x' });
    await bare.close();
    expect(answer).toMatchObject({ status: 501, body: { error: 'API authentication not configured' } });
  });

  test('other bodies than JSON objects are refused, none with a 5xx', async () => {
    const statuses = await Promise.all(
      ['[]', '"x"', '{', 'null'].map(async (body) => (await postJson(server, '/auth/token', body)).status),
    );
    expect(statuses).toEqual([400, 400, 400, 400]);
    const form = await postJson(server, '/auth/token', 'api_key=x', {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(form.status).toBe(415);
    expect((await postJson(server, '/auth/token', `{"a":"${'x'.repeat(60_000)}"}`)).status).toBe(413);
  });

  test('row 11, 13: any name gets a token, the key in the body or in the header', async () => {
    for (const [body, headers] of [
      [{ api_key: API_KEY, username: 'grace.hopper' }, {}],
      [{ username: 'grace.hopper' }, { 'x-api-key': API_KEY }],
    ] as const) {
      const answer = await postJson(server, '/auth/token', body, headers);
      expect(answer.status).toBe(200);
      expect(Object.keys(answer.body).sort()).toEqual(['token', 'token_type', 'username']);
      expect(answer.body).toMatchObject({ username: 'grace.hopper', token_type: 'Bearer' });
      const claims = decodeJwt(answer.body.token);
      expect(claims).toMatchObject({ sub: 'grace.hopper', permissions: ['search', 'retrieve'] });
      expect(claims).not.toHaveProperty('provider');
    }
  });

  test.each([' ', 'a\u0000b', 'a\u202eb', 'x'.repeat(65)])('a name like %j is refused', async (username) => {
    const answer = await postJson(server, '/auth/token', { api_key: API_KEY, username });
    expect([400, 403]).toContain(answer.status);
  });

  test('row 13: after 20 wrong keys an address has to wait, with the right one too', async () => {
    const other = await startServer({ OAUTH2_API_KEY: API_KEY });
    const ask = (api_key: string) => postJson(other, '/auth/token', { api_key, username: 'x' });
    for (let at = 0; at < 30; at += 1) expect((await ask(API_KEY)).status).toBe(200);
    for (let at = 0; at < 20; at += 1) expect((await ask(`wrong-${at}`)).status).toBe(401);
    const refused = await ask(API_KEY);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    other.clock.advance(901);
    expect((await ask(API_KEY)).status).toBe(200);
    await other.close();
  });

  test('row 13: with DSERVER_API_KEY_USERS=known a name nobody has here is refused', async () => {
    const strict = await startServer({ OAUTH2_API_KEY: API_KEY, DSERVER_API_KEY_USERS: 'known' });
    await strict.createAccount('carol');
    const ask = (username: string) => postJson(strict, '/auth/token', { api_key: API_KEY, username });
    expect((await ask('carol')).status).toBe(403);
    await postJson(strict, '/token', { username: 'carol', password: PASSWORD });
    expect(await ask('CAROL')).toMatchObject({ status: 200, body: { username: 'carol' } });
    expect((await ask('mallory')).status).toBe(403);
    await strict.close();
  });

  test('a disabled account gets none by the operator’s key', async () => {
    const { id } = await server.createAccount('dora');
    await tokenOf('dora');
    await server.container.disableAccounts.disable(id, { actorId: 'cli' });
    const answer = await postJson(server, '/auth/token', { api_key: API_KEY, username: 'Dora' });
    expect(answer.status).toBe(403);
  });
});

describe('row 14, 15: name and password', () => {
  test.each(['/auth/token', '/token'])('%s answers as the LDAP generator did', async (path) => {
    const answer = await postJson(server, path, { username: 'alice', password: PASSWORD });
    expect(answer).toMatchObject({ status: 200, body: { status: 'success', username: 'alice' } });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(decodeJwt(answer.body.token).sub).toBe('alice');
    const wrong = await postJson(server, path, { username: 'alice', password: 'wrong' });
    expect(wrong).toMatchObject({ status: 401, body: { status: 'fail', error: 'Invalid credentials' } });
    expect(wrong.body).not.toHaveProperty('token');
    const unknown = await postJson(server, path, { username: 'nobody-here', password: 'wrong' });
    expect(unknown.body).toEqual(wrong.body);
    expect((await postJson(server, path, { password: PASSWORD })).status).toBe(400);
  });

  test('/token: a missing field or body is 400', async () => {
    expect((await postJson(server, '/token', { username: 'alice' })).status).toBe(400);
    expect((await postJson(server, '/token')).status).toBe(400);
  });

  test('the counter of wrong passwords is the one of the sign-in page', async () => {
    await server.createAccount('eve');
    for (let at = 0; at < 10; at += 1) {
      await postJson(server, '/token', { username: 'eve', password: `wrong ${at}` });
    }
    const { status, headers } = await postJson(server, '/token', { username: 'eve', password: PASSWORD });
    expect(status).toBe(429);
    expect(headers.get('retry-after')).toMatch(/^\d+$/);
  });

  test('a one-time password opens nothing here, and does not show that it was right', async () => {
    await server.createAccount('once', { mustChangePassword: true });
    const answer = await postJson(server, '/token', { username: 'once', password: PASSWORD });
    expect(answer).toMatchObject({ status: 401, body: { status: 'fail', error: 'Invalid credentials' } });
  });
});

describe('what a token says', () => {
  test('row 24, 26, 27: claims and lifetime', async () => {
    const token = await tokenOf();
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'RS256', typ: 'JWT' });
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({
      iss: 'dserver',
      aud: 'dserver',
      sub: 'alice',
      username: 'alice',
      email: 'alice@example.org',
      name: 'Alice Liddell',
      permissions: ['search', 'retrieve'],
      type: 'access',
      fresh: false,
    });
    const { iat = 0, nbf = 0, exp = 0, jti } = claims;
    expect(exp - iat).toBe(24 * HOUR);
    expect(nbf).toBe(iat);
    expect(server.clock.now() / 1000 - iat).toBeGreaterThanOrEqual(5);
    expect(server.clock.now() / 1000 - iat).toBeLessThan(60);
    expect(jti).not.toBe(decodeJwt(await tokenOf()).jti);
  });

  test('row 25: dserver accepts it by the PEM we serve', async () => {
    const pem = (await getJson(server, '/public_key')).body;
    expect(acceptedByDserver(await tokenOf(), pem, server.clock.now())).toBe('alice');
    // A clock three seconds behind ours: what the dating back is for.
    expect(acceptedByDserver(await tokenOf(), pem, server.clock.now() - 3000)).toBe('alice');
    expect(() => acceptedByDserver('a.b.c', pem, 0)).toThrow();
    const token = await tokenOf();
    expect(() => acceptedByDserver(token, pem, server.clock.now() + 25 * HOUR * 1000)).toThrow('expired');
  });

  test('row 27, 28: hours, issuer, audience and algorithm are configured', async () => {
    const other = await startServer({
      JWT_TOKEN_EXPIRY_HOURS: '48',
      JWT_ISSUER: 'https://tokens.example',
      JWT_AUDIENCE: 'lookup',
      JWT_ALGORITHM: 'ES256',
    });
    await other.createAccount('alice');
    const { token } = (await postJson(other, '/token', { username: 'alice', password: PASSWORD })).body;
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({ iss: 'https://tokens.example', aud: 'lookup' });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(48 * HOUR);
    expect(decodeProtectedHeader(token).alg).toBe('ES256');
    expect((await postJson(other, '/auth/verify', { token })).status).toBe(200);
    await other.close();
  });
});

describe('row 22: the key is published', () => {
  test('as PEM under both names, and in the key set with a name of its own', async () => {
    const [pem, same, { keys }] = await Promise.all([
      getJson(server, '/public_key').then(({ body }) => body),
      getJson(server, '/auth/public-key').then(({ body }) => body),
      getJson(server, '/oauth/jwks.json').then(({ body }) => body),
    ]);
    expect(same).toBe(pem);
    const { kid } = decodeProtectedHeader(await tokenOf());
    const listed = keys.find((key: { kid: string }) => key.kid === kid);
    expect(
      await exportSPKI(
        (await importJWK(listed, 'RS256', { extractable: true })) as Parameters<typeof exportSPKI>[0],
      ),
    ).toBe(pem.trim());
    expect(Object.keys(listed).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
    expect(new Set(keys.map((key: { kid: string }) => key.kid)).size).toBe(keys.length);
  });

  test('whatever the Host says', async () => {
    const answer = await fetch(`${server.local}/public_key`, { headers: { host: 'anything.example' } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain('text/plain');
  });

  test('and it signs no ID Token and no access token', async () => {
    const { kid } = decodeProtectedHeader(await tokenOf());
    const client = await server.createClient({
      grant_types: ['password'],
      redirect_uris: [],
      response_types: [],
    });
    const { body } = await post(
      server,
      '/oauth/token',
      { grant_type: 'password', username: 'alice', password: PASSWORD, scope: 'openid profile' },
      client,
    );
    expect(decodeProtectedHeader(body.id_token).kid).not.toBe(kid);
  });
});

describe('row 18: POST /auth/verify', () => {
  test('a good token is told back with its claims', async () => {
    const token = await tokenOf();
    expect(await verify(token)).toMatchObject({
      status: 200,
      body: { valid: true, claims: decodeJwt(token) },
    });
  });

  test('a token or none', async () => {
    expect(await postJson(server, '/auth/verify', {})).toMatchObject({
      status: 400,
      body: { error: 'Missing token' },
    });
    expect(await postJson(server, '/auth/refresh')).toMatchObject({
      status: 400,
      body: { error: 'Missing token' },
    });
  });
});

describe('row 16, 17: POST /auth/refresh', () => {
  test('the new token is another one, later, with the same person', async () => {
    const token = await tokenOf();
    server.clock.advance(60);
    const answer = await refresh(token);
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body).sort()).toEqual(['token', 'token_type']);
    const [before, after] = [decodeJwt(token), decodeJwt(answer.body.token)];
    expect(answer.body.token).not.toBe(token);
    expect(after.exp).toBeGreaterThan(before.exp ?? 0);
    const { iat: _i, nbf: _n, exp: _e, jti: _j, ...person } = after;
    expect(before).toMatchObject(person);
    // The old one dies by itself.
    expect((await verify(token)).status).toBe(200);
  });

  test('a chain ends seven days after it began, however fresh its last token is', async () => {
    const own = await startServer();
    await own.createAccount('alice');
    let { token } = (await postJson(own, '/token', { username: 'alice', password: PASSWORD })).body;
    for (let day = 0; day < 7; day += 1) {
      own.clock.advance(DAY - 300);
      const answer = await postJson(own, '/auth/refresh', { token });
      expect(answer.status).toBe(200);
      ({ token } = answer.body);
    }
    own.clock.advance(7 * 300);
    expect((await postJson(own, '/auth/verify', { token })).status).toBe(200);
    expect(await postJson(own, '/auth/refresh', { token })).toMatchObject({
      status: 401,
      body: { error: 'Invalid or expired token' },
    });
    await own.close();
  });

  test('JWT_REFRESH_MAX_DAYS=0 refreshes nothing', async () => {
    const own = await startServer({ JWT_REFRESH_MAX_DAYS: '0' });
    await own.createAccount('alice');
    const { token } = (await postJson(own, '/token', { username: 'alice', password: PASSWORD })).body;
    expect((await postJson(own, '/auth/refresh', { token })).status).toBe(401);
    await own.close();
  });

  test('a revoked token is refused at once, and so is what was refreshed from it', async () => {
    const token = await tokenOf('bob');
    const { token: child } = (await refresh(token)).body;
    const { jti = '' } = decodeJwt(child);
    const minted = await server.container.dserver.ledger.find(jti);
    await server.container.dserver.ledger.revoke({ id: minted?.family.id ?? '' }, 'cli');
    for (const one of [token, child]) {
      expect((await verify(one)).status).toBe(401);
      expect((await refresh(one)).status).toBe(401);
    }
  });

  test('A56: a disabled account has no good token, and enabling it brings none back', async () => {
    const { id } = await server.createAccount('frank');
    const token = await tokenOf('frank');
    const { disableAccounts } = server.container;
    await disableAccounts.disable(id, { actorId: 'cli' });
    expect((await verify(token)).status).toBe(401);
    expect((await refresh(token)).status).toBe(401);
    await disableAccounts.enable(id, { actorId: 'cli' });
    expect((await verify(token)).status).toBe(401);
    expect((await refresh(token)).status).toBe(401);
  });

  test('A75: a permission that was taken away is missing from the next token', async () => {
    const { id } = await server.createAccount('gina');
    const token = await tokenOf('gina');
    const { rights } = server.container.dserver;
    await rights.set(id, { permissions: ['search'] }, 'cli');
    const answer = await refresh(token);
    expect(decodeJwt(answer.body.token).permissions).toEqual(['search']);
    await rights.set(id, { allowed: false }, 'cli');
    expect((await refresh(answer.body.token)).status).toBe(401);
    expect((await postJson(server, '/token', { username: 'gina', password: PASSWORD })).status).toBe(403);
  });
});

test('row 118: each token is in the ledger and in the audit trail', async () => {
  const token = await tokenOf();
  const { jti = '', exp = 0 } = decodeJwt(token);
  const minted = await server.container.dserver.ledger.find(jti);
  expect(minted).toMatchObject({
    subject: 'alice',
    reason: 'password',
    audience: 'dserver',
    kind: 'dserver',
  });
  expect(minted?.expiresAt).toBe(exp * 1000);
  const events = await server.container.auditStore.list({ limit: 5 });
  expect(events.find(({ event }) => event === 'dserver.minted')?.detail).toMatchObject({
    jti,
    reason: 'password',
  });
  expect(JSON.stringify(events)).not.toContain(token);
  expect(server.logs.join('')).not.toContain(token.split('.')[2]);
});

describe('a dserver token opens nothing else here', () => {
  test('userinfo, /api/me, introspection, revocation, token exchange by refresh', async () => {
    const token = await tokenOf();
    const bearer = { authorization: `Bearer ${token}` };
    expect((await getJson(server, '/oauth/userinfo', bearer)).status).toBe(401);
    expect((await getJson(server, '/api/me', bearer)).status).toBe(401);
    const client = await server.createClient();
    const seen = await post(server, '/oauth/introspect', { token }, client);
    expect(seen).toMatchObject({ status: 400, body: { error: 'unsupported_token_type' } });
    const used = await post(
      server,
      '/oauth/token',
      { grant_type: 'refresh_token', refresh_token: token },
      client,
    );
    expect(used.body.error).toBe('invalid_grant');
  });

  test('it is no id_token_hint', async () => {
    const browser = createBrowser();
    await signIn(server, browser);
    const hint = new URLSearchParams({ id_token_hint: await tokenOf() });
    const page = await browser.get(server.url(`/oauth/end_session?${hint}`));
    expect(page.status).toBe(400);
  });

  test('and neither an access token nor an ID Token of ours passes as one', async () => {
    const client = await server.createClient({
      grant_types: ['password'],
      redirect_uris: [],
      response_types: [],
    });
    const { body } = await post(
      server,
      '/oauth/token',
      { grant_type: 'password', username: 'alice', password: PASSWORD, scope: 'openid profile' },
      client,
    );
    for (const token of [body.access_token, body.id_token]) {
      expect((await verify(token)).status).toBe(401);
      expect((await refresh(token)).status).toBe(401);
    }
  });

  test('a token of the same key for another use is none: another audience, type, or no place in the ledger', async () => {
    const { key } = server.container.dserver;
    const good = decodeJwt(await tokenOf());
    for (const change of [
      { aud: 'auth' },
      { aud: ['dserver', 'auth'] },
      { type: 'refresh' },
      { type: undefined },
      { jti: 'unknown' },
      { jti: undefined },
      { sub: 'bob' },
      { exp: undefined },
      { iss: server.issuer },
    ]) {
      const token = await key.sign(JSON.parse(JSON.stringify({ ...good, ...change })));
      expect({ change, status: (await verify(token)).status }).toEqual({ change, status: 401 });
    }
    expect((await verify(await key.sign(good))).status).toBe(200);
  });
});
