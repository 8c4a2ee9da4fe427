/** The doors of the web application with accounts of this server: delivery, `next`, session, CORS, sign-out. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import pg from 'pg';
import { createBrowser, type Browser, type Page } from '../support/browser.js';
import { signIn } from '../support/flow.js';
import { temporaryFolder } from '../support/folder.js';
import { getJson, postJson } from '../support/json-calls.js';
import { freshPostgres } from '../support/postgres.js';
import { freePort } from '../support/free-port.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

const FRONTEND = 'https://lookup.example';
const ORIGIN = 'https://allowed.example';
const ENV = {
  OAUTH2_FRONTEND_URL: FRONTEND,
  OAUTH2_LOGIN_SUCCESS_REDIRECT: `${FRONTEND}/welcome`,
  OAUTH2_LOGIN_ERROR_REDIRECT: `${FRONTEND}/login?error=auth_failed`,
  ALLOWED_ORIGINS: ORIGIN,
};

let server: TestServer;
beforeAll(async () => {
  server = await startServer(ENV);
  await server.createAccount('alice', { email: 'alice@example.org', emailVerified: true });
});
afterAll(() => server.close());

/** Through our own form, as far as the address that is not ours. */
async function login(browser: Browser, query = '', on = server, username = 'alice'): Promise<Page> {
  const form = await browser.follow(await browser.get(on.url(`/auth/login${query}`)), on.issuer);
  const done = await browser.submit(form, '/login', { username, password: PASSWORD });
  return browser.follow(done, on.issuer);
}

const tokenIn = (page: Page): string => new URL(page.location ?? '').hash.replace('#token=', '');

test('row 2: a program is told that there is nowhere to sign in', async () => {
  expect(await getJson(server, '/auth/login')).toMatchObject({
    status: 500,
    body: { error: 'OAuth2 not configured', message: 'OAUTH2_AUTHORIZATION_URL is not set' },
  });
});

test('row 19: GET /auth/info', async () => {
  expect(await getJson(server, '/auth/info')).toMatchObject({
    status: 200,
    body: { provider: 'oauth2', login_url: `${server.issuer}/auth/login`, configured: false },
  });
});

describe('row 7, 8, 9: how the token is handed over', () => {
  test('the form lets itself be redirected to the frontend, and to nowhere else', async () => {
    const formsOf = (page: Page) =>
      /form-action ([^;]+)/
        .exec(page.headers.get('content-security-policy') ?? '')?.[1]
        ?.split(' ')
        .sort();
    const browser = createBrowser();
    const form = await browser.follow(await browser.get(server.url('/auth/login')), server.issuer);
    expect(formsOf(form)).toEqual(["'self'", server.issuer, FRONTEND, ORIGIN].sort());
    // A wrong password shows it again.
    const again = await browser.submit(form, '/login', { username: 'alice', password: 'wrong' });
    expect(formsOf(again)).toEqual(["'self'", server.issuer, FRONTEND, ORIGIN].sort());
    expect(formsOf(await createBrowser().get(server.url('/login?next=/account')))).toEqual(["'self'"]);
  });

  test('in the fragment, and nowhere else', async () => {
    const browser = createBrowser();
    const page = await login(browser);
    expect(page.status).toBe(302);
    expect(page.location).toMatch(/^https:\/\/lookup\.example\/welcome#token=[^#?&]+$/);
    expect(page.text).not.toContain('token');
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.headers.getSetCookie().join()).not.toContain('dserver_token');
    expect(decodeJwt(tokenIn(page))).toMatchObject({ sub: 'alice', provider: 'local' });
    expect(server.logs.join('')).not.toContain(tokenIn(page));
  });

  test('by the session alone', async () => {
    const quiet = await startServer({ ...ENV, OAUTH2_DELIVER_TOKEN_IN_FRAGMENT: 'false' });
    await quiet.createAccount('alice');
    const browser = createBrowser();
    const page = await login(browser, '', quiet);
    expect(page.location).toBe(`${FRONTEND}/welcome`);
    const { status, text } = await browser.get(quiet.url('/auth/token'), { accept: 'application/json' });
    expect(status).toBe(200);
    expect(decodeJwt(JSON.parse(text).token).sub).toBe('alice');
    await quiet.close();
  });

  test.each([
    ['httponly', true],
    ['readable', false],
  ])('in a cookie where OAUTH2_TOKEN_COOKIE=%s', async (mode, httpOnly) => {
    const other = await startServer({ ...ENV, OAUTH2_TOKEN_COOKIE: mode, JWT_TOKEN_EXPIRY_HOURS: '2' });
    await other.createAccount('alice');
    const browser = createBrowser();
    const page = await login(browser, '', other);
    const cookie = page.headers.getSetCookie().find((line) => line.startsWith('dserver_token=')) ?? '';
    expect(cookie).toContain('SameSite=Lax');
    expect(cookie).toContain('Max-Age=7200');
    expect(cookie.includes('HttpOnly')).toBe(httpOnly);
    expect(cookie).not.toContain('Secure');
    await other.close();
  });
});

describe('row 3: next', () => {
  test.each([
    ['/datasets/abc', '/datasets/abc'],
    [`${FRONTEND}/d?x=1`, `${FRONTEND}/d?x=1`],
    [`${ORIGIN}/app`, `${ORIGIN}/app`],
    [`${FRONTEND}/d#old`, `${FRONTEND}/d`],
  ])('%s is gone to', async (next, address) => {
    const page = await login(createBrowser(), `?next=${encodeURIComponent(next)}`);
    const location = page.location ?? page.url;
    expect(location.replace(server.issuer, '').split('#')[0]).toBe(address);
  });

  test.each([
    'https://evil.example/',
    '//evil.example',
    '/\\evil.example',
    '\\/evil.example',
    '/\t/evil.example',
    'https://lookup.example.evil.example/',
    'https://lookup.example@evil.example/',
    'https://evil.example\\@lookup.example/',
    'http://lookup.example/',
    'https://lookup.example:8443/',
    'javascript:alert(1)',
    'data:text/html,x',
    ' https://evil.example',
  ])('%s is not, and the login goes on', async (next) => {
    const page = await login(createBrowser(), `?next=${encodeURIComponent(next)}`);
    expect(page.location?.split('#')[0]).toBe(`${FRONTEND}/welcome`);
  });

  test('looked at again where the token is given out', async () => {
    const browser = createBrowser();
    await signIn(server, browser);
    const page = await browser.get(
      server.url(`/auth/login?provider=local&next=${encodeURIComponent('https://evil.example/')}`),
    );
    expect(page.location?.split('#')[0]).toBe(`${FRONTEND}/welcome`);
  });
});

describe('row 10: GET /auth/token', () => {
  test('without a session', async () => {
    expect(await getJson(server, '/auth/token')).toMatchObject({
      status: 401,
      body: { error: 'Not authenticated', login_url: `${server.issuer}/auth/login` },
    });
  });

  test('with any signed-in session, the same token as long as it says what is true', async () => {
    const browser = createBrowser();
    await signIn(server, browser);
    const ask = async () => JSON.parse((await browser.get(server.url('/auth/token'))).text);
    const first = await ask();
    expect(Object.keys(first).sort()).toEqual(['provider', 'token', 'token_type', 'username']);
    expect(first).toMatchObject({ username: 'alice', provider: 'local', token_type: 'Bearer' });
    expect((await postJson(server, '/auth/verify', { token: first.token })).status).toBe(200);
    expect((await ask()).token).toBe(first.token);
    const { id } = (await server.container.accounts.findByUsernameKey('alice')) ?? { id: '' };
    await server.container.dserver.rights.set(id, { permissions: ['search'] }, 'cli');
    const narrowed = await ask();
    expect(decodeJwt(narrowed.token).permissions).toEqual(['search']);
    await server.container.dserver.rights.set(id, {}, 'cli');
    server.clock.advance(13 * 3600);
    const later = await ask();
    expect(decodeJwt(later.token).exp).toBeGreaterThan(server.clock.now() / 1000 + 20 * 3600);
  });

  test.each([
    ['another audience', { JWT_AUDIENCE: 'lookup' }],
    ['another issuer', { JWT_ISSUER: 'lookup' }],
    ['a shorter life', { JWT_TOKEN_EXPIRY_HOURS: '13' }],
  ])('after a restart with %s a session is given a token that is good by it', async (_what, change) => {
    const folder = temporaryFolder();
    const kept = { ...ENV, DATABASE_URL: `sqlite:${join(folder, 'postern.sqlite')}`, KEYS_DIR: folder };
    const port = await freePort();
    const browser = createBrowser();
    // A connection that is kept may be taken for one to the next server, at the same port.
    const ask = async (on: TestServer): Promise<string> =>
      JSON.parse((await browser.get(on.url('/auth/token'), { connection: 'close' })).text).token;
    const before = await startServer(kept, port);
    await before.createAccount('alice');
    await signIn(before, browser);
    const old = await ask(before);
    await before.close();
    const after = await startServer({ ...kept, ...change }, port);
    const token = await ask(after);
    expect(token).not.toBe(old);
    expect((await postJson(after, '/auth/verify', { token })).status).toBe(200);
    expect(await ask(after)).toBe(token);
    await after.close();
  });
});

describe('row 20, 21: signing out', () => {
  test('a browser is sent to the frontend, its session and its tokens are over', async () => {
    const browser = createBrowser();
    const token = tokenIn(await login(browser));
    const page = await browser.get(server.url('/auth/logout'));
    expect(page).toMatchObject({ status: 302, location: `${FRONTEND}/` });
    expect(page.headers.getSetCookie().join('\n')).toMatch(/dserver_token=; Path=\/; Max-Age=0/);
    expect((await browser.get(server.url('/auth/token'))).status).toBe(401);
    expect((await postJson(server, '/auth/verify', { token })).status).toBe(401);
    expect((await browser.get(server.url('/auth/logout'))).status).toBe(302);
  });

  test('signing out at the authorization server, or signing in as somebody else, ends the tokens as well', async () => {
    const isValid = async (token: string) =>
      (await postJson(server, '/auth/verify', { token })).status === 200;
    const browser = createBrowser();
    const token = tokenIn(await login(browser));
    const elsewhere = tokenIn(await login(createBrowser()));
    const page = await browser.get(server.url('/oauth/end_session'));
    await browser.submit(page, '/oauth/end_session/confirm', { logout: 'yes' });
    expect([await isValid(token), await isValid(elsewhere)]).toEqual([false, true]);

    const shared = createBrowser();
    const former = tokenIn(await login(shared));
    await server.createAccount('next-person');
    await signIn(server, shared, 'next-person');
    expect([await isValid(former), await isValid(elsewhere)]).toEqual([false, true]);
  });

  test('a token asked for while the session is being ended does not outlive it', async () => {
    const browser = createBrowser();
    await signIn(server, browser);
    const page = await browser.get(server.url('/oauth/end_session'));
    const { payloads } = server.container;
    const { apply } = payloads;
    const given: string[] = [];
    payloads.apply = async (unit) => {
      if (unit.end.size > 0) {
        payloads.apply = apply;
        const { text } = await browser.get(server.url('/auth/token'), { accept: 'application/json' });
        given.push(JSON.parse(text).token);
      }
      return apply(unit);
    };
    await browser.submit(page, '/oauth/end_session/confirm', { logout: 'yes' });
    payloads.apply = apply;
    expect(given).toEqual([expect.any(String)]);
    expect((await postJson(server, '/auth/verify', { token: given[0] })).status).toBe(401);
  });

  test('one asked for while the session takes another id is given', async () => {
    const own = await startServer({ ...ENV, DATABASE_URL: await freshPostgres() });
    const client = new pg.Client({ connectionString: own.container.config.database.connectionString });
    await client.connect();
    try {
      const { id } = await own.createAccount('alice');
      const browser = createBrowser();
      await signIn(own, browser, 'alice');
      const living = `kind = 'Session' AND account_id = '${id}' AND consumed_at IS NULL`;
      const { rows } = await client.query(`SELECT * FROM oidc_payloads WHERE ${living}`);
      // As a renewal does it: the row of the former id is retired, and there is one of another.
      await client.query('BEGIN');
      await client.query(`UPDATE oidc_payloads SET consumed_at = $1 WHERE ${living}`, [Date.now()]);
      const next = { ...rows[0], key: 'of the other id' };
      const columns = Object.keys(next);
      const places = columns.map((_, at) => `$${at + 1}`).join(', ');
      await client.query(`INSERT INTO oidc_payloads (${columns.join(', ')}) VALUES (${places})`, [
        ...Object.values(next),
      ]);
      const asked = browser.get(own.url('/auth/token'), { accept: 'application/json' });
      const waiting = `SELECT count(*)::int AS n FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      while ((await client.query(waiting)).rows[0].n === 0);
      await client.query('COMMIT');
      expect((await asked).status).toBe(200);
    } finally {
      await client.end();
      await own.close();
    }
  });

  test('nor does one that is being made when it has ended', async () => {
    const browser = createBrowser();
    await signIn(server, browser);
    const { key } = server.container.dserver;
    const { sign } = key;
    key.sign = async (...args) => {
      key.sign = sign;
      await server.container.ownSessions.endOthers(id, undefined, { ip: '127.0.0.1', requestId: 'r' });
      return sign(...args);
    };
    const { id = '' } = (await server.container.accounts.findByUsernameKey('alice')) ?? {};
    const answer = await browser.get(server.url('/auth/token'), { accept: 'application/json' });
    expect(answer.status).toBe(403);
    expect(answer.text).not.toContain('token_type');
  });

  test('a program’s POST is answered in JSON', async () => {
    const browser = createBrowser();
    await signIn(server, browser);
    const jar = ['postern_session', 'postern_session.sig'].map((name) => `${name}=${browser.cookie(name)}`);
    const answer = await fetch(server.url('/auth/logout'), {
      method: 'POST',
      headers: {
        accept: 'application/json',
        origin: ORIGIN,
        'sec-fetch-site': 'cross-site',
        cookie: jar.join('; '),
      },
    });
    expect({ status: answer.status, body: await answer.json() }).toEqual({
      status: 200,
      body: { success: true },
    });
    expect((await browser.get(server.url('/auth/token'))).status).toBe(401);
  });

  test('another site signs nobody out: a link gets the question, a post is refused', async () => {
    const browser = createBrowser();
    await signIn(server, browser);
    const page = await browser.get(server.url('/auth/logout'), { 'sec-fetch-site': 'cross-site' });
    expect(page.status).toBe(200);
    expect(page.text).toContain('Sign out?');
    expect((await browser.get(server.url('/auth/token'))).status).toBe(200);
    const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    expect((await browser.post(server.url('/auth/logout'), {}, foreign)).status).toBe(403);
    expect((await browser.post(server.url('/auth/logout'), {})).status).toBe(403);
    expect((await browser.get(server.url('/auth/token'))).status).toBe(200);
    const done = await browser.submit(page, '/auth/logout', { logout: 'yes' });
    expect(done.location).toBe(`${FRONTEND}/`);
    expect((await browser.get(server.url('/auth/token'))).status).toBe(401);
  });
});

describe('row 23: CORS', () => {
  const from = (origin: string, path: string, method = 'GET') =>
    fetch(server.url(path), { method, headers: { origin, accept: 'application/json' } });

  test.each(['/auth/token', '/auth/info', '/auth/logout'])(
    '%s names the allowed origin, with credentials',
    async (path) => {
      const answer = await from(ORIGIN, path);
      expect(answer.headers.get('access-control-allow-origin')).toBe(ORIGIN);
      expect(answer.headers.get('access-control-allow-credentials')).toBe('true');
      expect(answer.headers.get('vary')).toMatch(/origin/i);
    },
  );

  test.each([
    'https://evil.example',
    'null',
    'https://allowed.example.evil.example',
    'http://allowed.example',
  ])('%s gets nothing', async (origin) => {
    for (const [path, method] of [
      ['/auth/token', 'GET'],
      ['/auth/token', 'OPTIONS'],
      ['/auth/refresh', 'POST'],
    ] as const) {
      const answer = await from(origin, path, method);
      expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
    }
  });

  test.each(['/auth/token', '/token', '/auth/refresh', '/auth/verify', '/auth/logout'])(
    'a preflight for %s allows Authorization',
    async (path) => {
      const answer = await fetch(server.url(path), {
        method: 'OPTIONS',
        headers: { origin: ORIGIN, 'access-control-request-method': 'POST' },
      });
      expect(answer.status).toBe(204);
      expect(answer.headers.get('access-control-allow-headers')).toContain('Authorization');
      expect(answer.headers.get('access-control-allow-methods')).toContain('POST');
    },
  );
});

test('row 29: without its key file a login ends at the error redirect, and nothing crashes', async () => {
  const { mkdtempSync, rmSync, writeFileSync } = await import('node:fs');
  const { tmpdir } = await import('node:os');
  const { generateKeyPairSync } = await import('node:crypto');
  const folder = mkdtempSync(`${tmpdir()}/postern-key-`);
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  writeFileSync(`${folder}/jwt_key`, privateKey);
  const other = await startServer({ ...ENV, JWT_PRIVATE_KEY_FILE: `${folder}/jwt_key` });
  await other.createAccount('alice');
  rmSync(folder, { recursive: true });
  const page = await login(createBrowser(), '', other);
  expect(page).toMatchObject({ status: 302, location: `${FRONTEND}/login?error=auth_failed` });
  expect((await getJson(other, '/public_key')).status).toBe(503);
  const jwks = await getJson(other, '/oauth/jwks.json');
  expect(jwks.status).toBe(200);
  expect(jwks.body.keys.length).toBeGreaterThan(0);
  expect((await postJson(other, '/token', { username: 'alice', password: PASSWORD })).status).toBe(503);
  await other.close();
});
