/** The OIDC demo's door: `/login` leads to the one provider, `/` shows what it says, `/logout` ends both. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Browser, createBrowser } from '../support/browser.js';
import { freePort } from '../support/free-port.js';
import { startServer, type TestServer } from '../support/server.js';
import { ADA, upstreamOf } from '../support/login-world.js';
import { type OidcUpstream, startOidcUpstream } from '../support/upstreams.js';

let server: TestServer;
let upstream: OidcUpstream;
let browser: Browser;

beforeAll(async () => {
  const port = await freePort();
  const issuer = `http://localhost:${port}`;
  upstream = await startOidcUpstream({
    redirectUris: [`${issuer}/login/authorize`],
    person: { ...ADA, name: '<img src=x onerror=alert(1)>', roles: ['a', 'b'] },
  });
  server = await startServer(
    {
      CLIENT_ID: upstream.clientId,
      CLIENT_SECRET: upstream.clientSecret,
      SERVER_METADATA_URL: `${upstream.issuer}/.well-known/openid-configuration`,
      LOGOUT_URL: 'https://provider.example/logout',
    },
    port,
  );
});
afterAll(async () => {
  await server.close();
  await upstream.close();
});
beforeEach(() => {
  browser = createBrowser();
});

const get = (path: string, headers = {}) => browser.get(server.url(path), headers);
const callbackOf = async (path = '/login') => upstreamOf(browser, await get(path), server.issuer);

describe('row 107: /login', () => {
  test('leads to the provider with the scopes of row 111, PKCE and nonce', async () => {
    const begun = await get('/login');
    expect(begun.status).toBe(302);
    const sent = new URL(begun.location ?? '');
    expect(sent.origin).toBe(upstream.issuer);
    expect(sent.searchParams.get('redirect_uri')).toBe(server.url('/login/authorize'));
    for (const scope of ['openid', 'profile', 'email']) {
      expect(sent.searchParams.get('scope')?.split(' ')).toContain(scope);
    }
    for (const name of ['state', 'nonce', 'code_challenge']) expect(sent.searchParams.get(name)).toBeTruthy();
  });

  test.each(['/login?local=1', '/login?error=auth_failed', '/login?error=%3Cb%3E'])(
    '%s is the local form',
    async (path) => {
      const page = await get(path);
      expect(page.status).toBe(200);
      expect(page.text).toMatch(/type="password"/);
      expect(page.text).not.toContain('<b>');
    },
  );

  test.each<[string, (url: URL) => void]>([
    ['a bad state', (url) => url.searchParams.set('state', 'b'.repeat(43))],
    ['no state', (url) => url.searchParams.delete('state')],
    ['an error', (url) => url.searchParams.set('error', 'access_denied')],
    ['an error of the server', (url) => url.searchParams.set('error', 'server_error')],
  ])('%s is a readable page with the local form', async (_name, change) => {
    const callback = new URL(await callbackOf());
    change(callback);
    const page = await browser.get(callback.href);
    expect(page.status).toBe(400);
    expect(page.text).toContain('href="/login?local=1"');
    expect((await get('/')).text).not.toContain('says about you');
  });

  test('an answer that proves nothing is refused', async () => {
    for (const claims of [{ nonce: 'another' }, { aud: 'another' }, { iss: 'https://evil.example' }]) {
      upstream.wrong = { claims: (before) => ({ ...before, ...claims }) };
      const page = await browser.get(await callbackOf());
      expect(page.status).toBe(400);
    }
    upstream.wrong = {};
    expect((await get('/')).text).not.toContain('says about you');
  });

  test('row 108: 302 to /, which shows each claim, escaped; next is kept', async () => {
    const done = await browser.get(await callbackOf());
    expect([done.status, done.location]).toEqual([302, server.url('/')]);
    const home = await get('/');
    expect(home.text).toContain('<bdi>email</bdi>');
    expect(home.text).toContain('ada@there.example');
    expect(home.text).toContain('&lt;img src=x onerror=alert(1)&gt;');
    expect(home.text).not.toContain('<img src=x');
    expect(home.text).toContain('Log out');
    browser = createBrowser();
    expect((await browser.get(await callbackOf('/login?next=/account'))).location).toBe(
      server.url('/account'),
    );
    browser = createBrowser();
    const foreign = await callbackOf(`/login?${new URLSearchParams({ next: 'https://evil.example/' })}`);
    expect((await browser.get(foreign)).location).toBe(server.url('/'));
  });

  test('3600 seconds', async () => {
    const callback = await callbackOf();
    server.clock.advance(3601);
    expect((await browser.get(callback)).status).toBe(400);
  });
});

describe('row 109: /logout', () => {
  const signedIn = async () => (await get('/')).text.includes('says about you');
  const target = () =>
    `https://provider.example/logout?${new URLSearchParams({ redirect_uri: server.url('/') })}`;

  test('a visit signs out and leads to LOGOUT_URL with the way back', async () => {
    await browser.get(await callbackOf());
    const left = await get('/logout');
    expect(left.status).toBe(302);
    expect(left.location).toContain(target());
    expect(await signedIn()).toBe(false);
  });

  test('one that another site caused asks first', async () => {
    await browser.get(await callbackOf());
    const asked = await get('/logout', { 'sec-fetch-site': 'cross-site' });
    expect(asked.status).toBe(200);
    expect(asked.headers.get('content-security-policy')).toContain('https://provider.example');
    expect(await signedIn()).toBe(true);
    const left = await browser.submit(asked, '/logout', { logout: 'yes' });
    expect([left.status, left.location?.startsWith('https://provider.example/logout')]).toEqual([303, true]);
    expect(await signedIn()).toBe(false);
  });

  test('nobody signed in is no error', async () => {
    expect((await get('/logout')).status).toBe(200);
  });
});
