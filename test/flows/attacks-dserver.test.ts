/** What somebody may try at dserver's doors: a token led astray, keys asked for all at once, odd texts. */
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { listRoutes } from '../../src/app.js';
import { createHealth } from '../../src/platform/observe/health.js';
import { leadsOn } from '../../src/platform/web/leads-on.js';
import { createBrowser } from '../support/browser.js';
import { signIn } from '../support/flow.js';
import { getJson, postJson } from '../support/json-calls.js';
import { ENDPOINTS } from '../support/front.js';
import { temporaryFolder } from '../support/folder.js';
import { freshPostgres } from '../support/postgres.js';
import { startServer, type TestServer } from '../support/server.js';

const KEY = 'an-operators-key-of-some-length';
const FRONTEND = 'https://lookup.example';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({
    DATABASE_URL: await freshPostgres(),
    OAUTH2_API_KEY: KEY,
    OAUTH2_FRONTEND_URL: FRONTEND,
    OAUTH2_LOGIN_SUCCESS_REDIRECT: `${FRONTEND}/welcome`,
  });
  await server.createAccount('alice');
});
afterAll(() => server.close());

describe('a token in a fragment', () => {
  // A browser carries the fragment of an address on to wherever that address redirects (RFC 9110 §10.2.2),
  // and the authorization endpoint redirects to whatever address a client registered.
  const elsewhere = '/oauth/authorize?client_id=x&response_type=code&prompt=none';
  test.each([
    [elsewhere],
    [elsewhere.replace('oauth', 'OAuth')],
    [elsewhere.replace('oauth', '%6fauth')],
    [`/.${elsewhere}`],
    ['/login/upstream/other'],
    ['/interaction/abc'],
    ['/auth/login?provider=other'],
    ['/api/oauth/login/other/'],
  ])('is not sent to %s, which may lead on', async (path) => {
    const browser = createBrowser();
    await signIn(server, browser);
    for (const next of [path, server.url(path), server.issuer + path.replace('/', '//')]) {
      const query = new URLSearchParams({ provider: 'local', next });
      const { location = '' } = await browser.get(server.url(`/auth/login?${query}`));
      const goesAstray = !location.startsWith(FRONTEND) && location.includes('token=');
      expect([next, goesAstray]).toEqual([next, false]);
    }
  });
});

test('every address of ours counts as one that may lead on, or is known not to', () => {
  const health = createHealth({ checks: [], draining: () => false });
  const still = new Set(['', 'assets', 'favicon.ico', 'robots.txt', 'livez', 'readyz', 'healthz', 'config']);
  const missed = listRoutes(server.container, health)
    .map(({ rule }) => rule)
    .filter(
      (rule) =>
        rule.startsWith('/') && !still.has(rule.split('/')[1] ?? '') && !leadsOn(rule, [server.issuer]),
    );
  expect(missed).toEqual([]);
});

test('a page of an application that shares our origin is handed its token', async () => {
  const browser = createBrowser();
  await signIn(server, browser);
  for (const next of ['/datasets/abc', '/oauthors', server.url('/app/')]) {
    const query = new URLSearchParams({ provider: 'local', next });
    const { location = '' } = await browser.get(server.url(`/auth/login?${query}`));
    expect(location).toMatch(/#token=ey/);
  }
});

describe('keys', () => {
  test('many right ones at the same moment are not taken for guesses', async () => {
    const { serverKey } = server.container.dserver;
    const info = { ip: '192.0.2.7', requestId: 'r' };
    const proofs = await Promise.all(Array.from({ length: 60 }, () => serverKey.prove(KEY, info)));
    expect(new Set(proofs.map(({ outcome }) => outcome))).toEqual(new Set(['operator']));
    const guesses = await Promise.all(Array.from({ length: 60 }, () => serverKey.prove('guess', info)));
    expect(guesses.filter(({ outcome }) => outcome === 'wrong')).toHaveLength(20);
  });
});

describe('odd names', () => {
  test.each(['\u0000', 'a\u0000b', '\ud800', '\u202e', 'x'.repeat(50_000)])('%j', async (username) => {
    const answers = [
      await postJson(server, '/auth/token', { username, api_key: KEY }),
      await postJson(server, '/auth/token', { username, password: username }),
      await postJson(server, '/token', { username, password: username }),
      await postJson(server, '/auth/token', { username, api_key: `pdk_${username}` }),
    ];
    for (const { status } of answers) expect(status).toBeLessThan(500);
  });
});

test('the key set follows the dserver key, which may come and go', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'dserver.pem');
  const kids = async () =>
    (await getJson(own, '/oauth/jwks.json')).body.keys.map(({ kid }: { kid: string }) => kid);
  const write = () =>
    writeFileSync(
      file,
      generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
    );
  write();
  const own = await startServer({ JWT_PRIVATE_KEY_FILE: file });
  const before = await kids();
  write();
  own.clock.advance(60);
  const { kid } = await own.container.dserver.key.publicJwk();
  expect(before).not.toContain(kid);
  expect(await kids()).toContain(kid);
  await own.close();
});

test('what administrators may ask for is asked for oddly', async () => {
  await server.createAccount('root', { roles: ['admin'] });
  const browser = createBrowser();
  await signIn(server, browser, 'root');
  const odd =
    'account=%00&after=%00&done=constructor&error=__proto__&notice=constructor&token=%00&ticket=%00&next=%00';
  for (const path of ENDPOINTS) {
    const { status, text } = await browser.get(server.url(`${path}?${odd}`));
    const told = /native code|\[object/.exec(text)?.[0];
    expect([path, status < 500 || path === '/auth/login', told]).toEqual([path, true, undefined]);
    if (path === '/logout' || path.endsWith('/logout')) await signIn(server, browser, 'root');
  }
});

describe('what a browser was given ends with its session, wherever that is ended', () => {
  async function given() {
    const browser = createBrowser();
    await signIn(server, browser);
    const { text } = await browser.get(server.url('/auth/token'), { accept: 'application/json' });
    const { token } = JSON.parse(text);
    const isGood = async () => (await postJson(server, '/auth/verify', { token })).status === 200;
    expect(await isGood()).toBe(true);
    return { browser, isGood };
  }

  test('by signing out on our own page', async () => {
    const { browser, isGood } = await given();
    const page = await browser.get(server.url('/logout'));
    await browser.submit(page, '/logout', { logout: 'yes' });
    expect(await isGood()).toBe(false);
  });

  test('from another browser', async () => {
    const stolen = await given();
    const own = await given();
    const page = await own.browser.get(server.url('/account/sessions'));
    await own.browser.submit(page, '/account/sessions/end-others');
    expect([await stolen.isGood(), await own.isGood()]).toEqual([false, true]);
  });
});
