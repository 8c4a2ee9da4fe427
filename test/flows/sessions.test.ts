/** Sessions, accounts and pending requests: one sign-in for pages and clients, and what ends with what. */
import { type IncomingHttpHeaders, request } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Browser, createBrowser, formOf, type Page } from '../support/browser.js';
import {
  answerOf,
  authorizeUrl,
  getCode,
  getWith,
  newPkce,
  post,
  redeem,
  refresh,
  signIn,
  walk,
} from '../support/flow.js';
import { PASSWORD, startServer, type TestClient, type TestServer } from '../support/server.js';
import { later, realTime } from '../support/time.js';

/** A request's lifetime and the tolerance for clocks (15 s). */
const HOUR = 3600 + 20;
const CONFIRM = '/oauth/end_session/confirm';

let server: TestServer;
let client: TestClient;
let browser: Browser;
let username: string;
let accountId: string;
let accounts = 0;

beforeAll(async () => {
  server = await startServer();
  client = await server.createClient();
});
beforeEach(async () => {
  browser = createBrowser();
  accounts += 1;
  username = `person${accounts}`;
  accountId = (await server.createAccount(username)).id;
});
afterEach(realTime);
afterAll(() => server.close());

const ask = (params: Record<string, string | undefined> = {}, who = browser): Promise<Page> => {
  const { challenge } = newPkce();
  return who.get(
    authorizeUrl(server, client, { code_challenge: challenge, code_challenge_method: 'S256', ...params }),
  );
};
/** Up to the first page a person sees, or the redirect to the client. */
const visit = async (params: Record<string, string | undefined> = {}, who = browser): Promise<Page> =>
  who.follow(await ask(params, who), server.issuer);
const tokens = async (params: Record<string, string | undefined> = {}, who = browser, name = username) =>
  (await redeem(server, client, await getCode(server, client, params, { browser: who, username: name })))
    .body;
const userinfo = async (accessToken: string) =>
  (await getWith(server, '/oauth/userinfo', accessToken)).status;
const silently = async (who = browser) => answerOf(await ask({ prompt: 'none' }, who)).get('error');
const isSignIn = (page: Page) => page.status === 200 && page.text.includes('<h1>Sign in</h1>');
const isConsent = (page: Page) => page.status === 200 && page.text.includes('to use your account?');
const enter = (page: Page, name = username) =>
  browser.submit(page, '/login', { username: name, password: PASSWORD });
const allow = async (page: Page, who = browser) => who.submit(page, '/consent', { decision: 'allow' });
const linkOf = (page: Page, label: string): string | undefined => {
  const tag = [...page.text.matchAll(/<a [^>]*>[^<]*<\/a>/g)]
    .map(([link]) => link)
    .find((link) => link.includes(label));
  return tag && /href="([^"]*)"/.exec(tag)?.[1]?.replaceAll('&amp;', '&').replaceAll('&#34;', '"');
};

/** A sign-in attempt that cannot go on: an error page from which one gets on all the same. */
async function expectWaysOn(page: Page): Promise<void> {
  expect(page.status).toBe(400);
  expect(page.location).toBeUndefined();
  expect(page.text).toContain('expired');
  expect(linkOf(page, 'Back to Test application')).toBe('https://app.example');
  const again = await browser.follow(
    await browser.get(new URL(String(linkOf(page, 'Start again')), server.issuer).href),
    server.issuer,
  );
  const end = await walk(server, browser, again, username);
  expect(answerOf(end).get('code')).toBeTruthy();
  expect(answerOf(end).get('state')).toBe('the-state');
}

describe('pending requests that ended', () => {
  test('the sign-in page opened after an hour', async () => {
    const page = await visit();
    later(HOUR);
    await expectWaysOn(await browser.get(page.url));
  });

  test('the sign-in form posted after an hour', async () => {
    const page = await visit();
    later(HOUR);
    await expectWaysOn(await enter(page));
  });

  test('the consent page after an hour', async () => {
    await signIn(server, browser, username);
    const page = await visit();
    expect(isConsent(page)).toBe(true);
    later(HOUR);
    await expectWaysOn(await allow(page));
  });

  test('the consent page opened or sent again after the request was finished', async () => {
    await signIn(server, browser, username);
    const page = await visit();
    const done = await browser.follow(await allow(page), server.issuer);
    expect(answerOf(done).get('code')).toBeTruthy();
    await expectWaysOn(await browser.get(page.url));
    await expectWaysOn(await browser.follow(await allow(page), server.issuer));
  });

  test('the resume address a second time', async () => {
    await signIn(server, browser, username);
    const resume = await allow(await visit());
    expect(answerOf(await browser.follow(resume, server.issuer)).get('code')).toBeTruthy();
    await expectWaysOn(await browser.get(String(resume.location)));
  });

  test('consent sent twice at once gives one code at most and no 5xx', async () => {
    await signIn(server, browser, username);
    const page = await visit();
    const ends = await Promise.all(
      [browser.copy(), browser.copy()].map(async (tab) => tab.follow(await allow(page, tab), server.issuer)),
    );
    for (const end of ends) expect(end.status).toBeLessThan(500);
    const codes = ends.filter((end) => end.location?.includes('code='));
    expect(codes.length).toBeGreaterThanOrEqual(1);
    expect(codes.length).toBeLessThanOrEqual(2);
  });

  test('the sign-in form sent twice at once: no 5xx, and the browser gets on', async () => {
    const page = await visit();
    const ends = await Promise.all([enter(page), enter(page)]);
    for (const end of ends) expect(end.status).toBeLessThan(500);
    const end = await walk(server, browser, await ask(), username);
    expect(answerOf(end).get('code')).toBeTruthy();
  });

  test('a request of another browser opens nothing', async () => {
    const page = await visit();
    const stranger = createBrowser();
    const seen = await stranger.get(page.url);
    expect(seen.status).toBe(400);
    expect(seen.text).not.toContain('Test application');
    const { action, fields } = formOf(page, '/login');
    const posted = await stranger.post(action, { ...fields, username, password: PASSWORD });
    expect(posted.status).toBeGreaterThanOrEqual(400);
    expect(posted.status).toBeLessThan(500);
  });

  test('an id that never was', async () => {
    for (const path of ['/interaction/nothing', '/oauth/authorize/nothing']) {
      const page = await browser.get(server.url(path));
      expect([path, page.status >= 400 && page.status < 500]).toEqual([path, true]);
    }
  });

  test('two tabs: each finishes with its own request', async () => {
    await signIn(server, browser, username);
    const [one, two] = [await visit({ state: 'one' }), await visit({ state: 'two' })];
    const first = await browser.follow(await allow(one), server.issuer);
    expect(answerOf(first).get('state')).toBe('one');
    const second = await browser.follow(await allow(two), server.issuer);
    expect(second.status).toBeLessThan(500);
    const state = second.location ? answerOf(second).get('state') : 'two';
    expect(state).toBe('two');
  });

  test('a request pushed before (PAR) cannot be started again, so the page leads back to the application', async () => {
    const { challenge } = newPkce();
    const pushed = await post(
      server,
      '/oauth/par',
      {
        client_id: client.clientId,
        response_type: 'code',
        redirect_uri: 'https://app.example/cb',
        scope: 'openid',
        code_challenge: challenge,
        code_challenge_method: 'S256',
      },
      client,
    );
    expect(pushed).toMatchObject({ status: 201, body: { request_uri: expect.any(String) } });
    const query = new URLSearchParams({ client_id: client.clientId, request_uri: pushed.body.request_uri });
    const page = await browser.follow(
      await browser.get(server.url(`/oauth/authorize?${query}`)),
      server.issuer,
    );
    expect(page.text).toContain('<h1>Sign in</h1>');
    later(HOUR);
    const expired = await browser.get(page.url);
    expect(linkOf(expired, 'Start again')).toBeUndefined();
    expect(linkOf(expired, 'Back to Test application')).toBe('https://app.example');
  });

  test('Cancel on the sign-in page goes back with access_denied', async () => {
    const done = await browser.follow(await browser.submit(await visit(), '/cancel'), server.issuer);
    expect(answerOf(done).get('error')).toBe('access_denied');
    expect(answerOf(done).get('iss')).toBe(server.issuer);
  });
});

describe('accounts that are gone', () => {
  const disable = () => server.container.disableAccounts.disable(accountId, { actorId: 'cli' });
  const remove = async () => {
    const { database } = server.container;
    await database.write([{ query: database.sql('accounts').where('id', accountId).delete() }]);
  };
  const ends: [string, () => Promise<unknown>][] = [
    ['disabled', disable],
    ['deleted', remove],
  ];

  test.each(ends)('%s during a session: the sign-in page, not a 500', async (_how, end) => {
    const { access_token, refresh_token } = await tokens();
    await end();
    expect(isSignIn(await visit())).toBe(true);
    expect(await silently()).toBe('login_required');
    expect((await browser.get(server.url('/account'))).location).toContain('/login');
    expect((await browser.get(server.url('/'))).status).toBe(200);
    expect(await userinfo(access_token)).toBe(401);
    expect((await refresh(server, client, refresh_token)).body.error).toBe('invalid_grant');
    expect((await getWith(server, '/api/me', access_token)).status).toBe(401);
  });

  test.each(ends)('%s while the consent page is open', async (_how, end) => {
    await signIn(server, browser, username);
    const page = await visit();
    expect(isConsent(page)).toBe(true);
    await end();
    const reloaded = await browser.get(page.url);
    expect(reloaded.status).toBeLessThan(500);
    const done = await browser.follow(await allow(page), server.issuer);
    expect(done.status).toBeLessThan(500);
    expect(done.location ?? '').not.toContain('code=');
  });

  test.each(ends)('%s between the code and its redemption', async (_how, end) => {
    const grant = await getCode(server, client, {}, { browser, username });
    await end();
    expect(await redeem(server, client, grant)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    });
  });

  test('another person can sign in in the browser of somebody disabled', async () => {
    await tokens();
    await disable();
    const other = `${username}b`;
    await server.createAccount(other);
    const end = await walk(server, browser, await ask(), other);
    expect(answerOf(end).get('code')).toBeTruthy();
  });
});

describe('switching accounts', () => {
  let other: string;
  beforeEach(async () => {
    other = `${username}other`;
    await server.createAccount(other);
  });

  test('at the sign-in page of a request: the former session ends with its tokens, the request goes on', async () => {
    const before = await tokens();
    const lasting = await tokens({ scope: 'openid offline_access' });
    const page = await visit({ prompt: 'login' });
    expect(isSignIn(page)).toBe(true);
    const switching = await browser.follow(await enter(page, other), server.issuer);
    expect(switching.text).toMatch(/<button[^>]*type="submit"/);
    const consent = await browser.follow(await browser.submit(switching, CONFIRM), server.issuer);
    expect(isConsent(consent)).toBe(true);
    expect(consent.text).toContain(other);
    const done = await browser.follow(await allow(consent), server.issuer);
    expect(answerOf(done).get('code')).toBeTruthy();
    expect(answerOf(done).get('state')).toBe('the-state');
    expect(await userinfo(before.access_token)).toBe(401);
    expect((await refresh(server, client, before.refresh_token)).body.error).toBe('invalid_grant');
    expect((await refresh(server, client, lasting.refresh_token)).status).toBe(200);
    expect((await browser.get(server.url('/account'))).text).toContain(other);
  });

  test('on /login: the former session ends with its tokens', async () => {
    const before = await tokens();
    await signIn(server, browser, other);
    expect(await userinfo(before.access_token)).toBe(401);
    expect((await refresh(server, client, before.refresh_token)).body.error).toBe('invalid_grant');
    const after = await tokens({}, browser, other);
    expect(await userinfo(after.access_token)).toBe(200);
  });

  test('signing in again as oneself ends nothing', async () => {
    const before = await tokens();
    await signIn(server, browser, username);
    expect(await userinfo(before.access_token)).toBe(200);
    await walk(server, browser, await ask({ prompt: 'login' }), username);
    expect(await userinfo(before.access_token)).toBe(200);
    expect((await refresh(server, client, before.refresh_token)).status).toBe(200);
  });
});

describe('one sign-in for pages and clients', () => {
  test('seed row 66: an anonymous person signs in, then gets on with the request', async () => {
    const login = await visit();
    expect(isSignIn(login)).toBe(true);
    expect(login.text).toContain('Test application');
    const wrong = await browser.submit(login, '/login', { username, password: 'wrong' });
    expect(wrong.status).toBe(400);
    expect(wrong.text).toContain('wrong');
    const consent = await browser.follow(await enter(wrong), server.issuer);
    expect(isConsent(consent)).toBe(true);
  });

  test('seed row 67: consent names client, account and scopes; Deny changes nothing', async () => {
    await signIn(server, browser, username);
    const consent = await visit({ scope: 'openid profile email' });
    for (const word of ['Test application', username, 'app.example', 'e-mail'])
      expect(consent.text).toContain(word);
    const denied = await browser.follow(
      await browser.submit(consent, '/consent', { decision: 'deny' }),
      server.issuer,
    );
    expect(answerOf(denied).get('error')).toBe('access_denied');
    expect(answerOf(denied).get('state')).toBe('the-state');
    expect(isConsent(await visit())).toBe(true);
  });

  test('after /login the authorization endpoint goes straight to consent', async () => {
    await signIn(server, browser, username);
    expect(isConsent(await visit())).toBe(true);
  });

  test('after a sign-in for a client our own pages know the person', async () => {
    await tokens();
    expect((await browser.get(server.url('/account'))).text).toContain(username);
  });

  test('/logout ends both, with the tokens of the session and not those meant to outlive it', async () => {
    const bound = await tokens();
    const lasting = await tokens({ scope: 'openid offline_access' });
    const page = await browser.get(server.url('/logout'));
    await browser.submit(page, '/logout', { logout: 'yes' });
    expect(await silently()).toBe('login_required');
    expect((await browser.get(server.url('/account'))).location).toContain('/login');
    expect(await userinfo(bound.access_token)).toBe(401);
    expect((await refresh(server, client, bound.refresh_token)).body.error).toBe('invalid_grant');
    expect((await refresh(server, client, lasting.refresh_token)).status).toBe(200);
  });

  test('tokens of the session and lasting ones of the same client live side by side', async () => {
    const bound = await tokens();
    const lasting = await tokens({ scope: 'openid offline_access' });
    expect(await userinfo(bound.access_token)).toBe(200);
    await post(server, '/oauth/revoke', { token: lasting.refresh_token }, client);
    expect(await userinfo(bound.access_token)).toBe(200);
    expect((await refresh(server, client, bound.refresh_token)).status).toBe(200);
    expect((await refresh(server, client, lasting.refresh_token)).body.error).toBe('invalid_grant');
  });

  test('signing out in one browser ends nothing in another', async () => {
    const elsewhere = createBrowser();
    const here = await tokens();
    const there = await tokens({}, elsewhere);
    const page = await browser.get(server.url('/oauth/end_session'));
    await browser.submit(page, CONFIRM, { logout: 'yes' });
    expect(await userinfo(here.access_token)).toBe(401);
    expect(await userinfo(there.access_token)).toBe(200);
    expect((await refresh(server, client, there.refresh_token)).status).toBe(200);
    expect(await silently(elsewhere)).toBeNull();
  });

  test('a session ends by itself after SESSION_TTL, with what is bound to it', async () => {
    const { refresh_token } = await tokens();
    later(14 * 24 * 3600 + 20);
    expect(await silently()).toBe('login_required');
    expect((await refresh(server, client, refresh_token)).body.error).toBe('invalid_grant');
  });
});

describe('remembered consent', () => {
  test('is of account and client, not of a browser', async () => {
    await tokens();
    const elsewhere = createBrowser();
    await signIn(server, elsewhere, username);
    expect(await silently(elsewhere)).toBeNull();
  });

  test('outlives a sign-out', async () => {
    await tokens();
    await browser.submit(await browser.get(server.url('/logout')), '/logout', { logout: 'yes' });
    await signIn(server, browser, username);
    expect(await silently()).toBeNull();
  });

  test('offline_access without prompt=consent: shown, given, remembered', async () => {
    await signIn(server, browser, username);
    const page = await visit({ scope: 'openid offline_access' });
    expect(isConsent(page)).toBe(true);
    expect(page.text).toMatch(/not (here|signed in|using)|offline|signed out/i);
    await browser.follow(await allow(page), server.issuer);
    const again = await tokens({ scope: 'openid offline_access' });
    expect(again.scope).toBe('openid offline_access');
    expect(isConsent(await visit({ scope: 'openid offline_access' }))).toBe(false);
    // Agreed to without it before: it is asked about by itself.
    const elsewhere = await server.createClient();
    await getCode(server, elsewhere, { scope: 'openid' }, { browser, username });
    const url = authorizeUrl(server, elsewhere, { scope: 'openid offline_access', prompt: 'none' });
    expect(answerOf(await browser.get(url)).get('error')).toBe('consent_required');
  });

  test('a client that may not have offline_access does not get it', async () => {
    const modest = await server.createClient({ scope: 'openid profile' });
    const grant = await getCode(
      server,
      modest,
      { scope: 'openid profile offline_access' },
      { browser, username },
    );
    expect((await redeem(server, modest, grant)).body.scope).toBe('openid profile');
  });
});

describe('the session cookie (seed row 114)', () => {
  const session = () => browser.cookie('postern_session');

  test('has a new id after each sign-in, and the former ids are worth nothing', async () => {
    const page = await visit();
    const fixed = browser.copy();
    const before = session();
    await walk(server, browser, page, username);
    const after = session();
    expect(after).toBeTruthy();
    expect(after).not.toBe(before);
    expect(await silently(fixed)).toBe('login_required');
    const former = browser.copy();
    await signIn(server, browser, username);
    expect(session()).not.toBe(after);
    // Requests that were under way may still find it so long.
    later(31);
    expect(await silently(former)).toBe('login_required');
    const last = browser.copy();
    await walk(server, browser, await ask({ prompt: 'login' }), username);
    later(31);
    expect(await silently(last)).toBe('login_required');
    expect(await silently()).toBeNull();
  });

  test('one that was put there by somebody else is not taken over', async () => {
    const attacker = createBrowser();
    await signIn(server, attacker, username);
    // The attacker's cookies in the victim's browser: the victim signs in as somebody else.
    const victim = attacker.copy();
    await server.createAccount(`${username}victim`);
    await signIn(server, victim, `${username}victim`);
    const seen = await attacker.get(server.url('/account'));
    expect(seen.text).not.toContain(`${username}victim`);
  });

  test('a cookie without its signature, or with a forged one, is nobody', async () => {
    await tokens();
    const value = session() as string;
    for (const cookie of [`postern_session=${value}`, `postern_session=${value}; postern_session.sig=AAAA`]) {
      const response = await fetch(server.url('/account'), {
        headers: { cookie, accept: 'text/html' },
        redirect: 'manual',
      });
      expect(response.headers.get('location')).toContain('/login');
    }
  });

  test('is HttpOnly, SameSite=Lax, for the whole site and no other', async () => {
    const page = await browser.get(server.url('/login'));
    const done = await enter(page);
    const line = done.headers.getSetCookie().find((cookie) => cookie.startsWith('postern_session='));
    expect(line).toMatch(/; httponly/i);
    expect(line).toMatch(/; samesite=lax/i);
    expect(line).toMatch(/; path=\/(;|$)/i);
    expect(line).not.toMatch(/domain=/i);
  });

  test('is Secure and __Host- under https, and each cookie on the way is Secure', async () => {
    const secure = await startServer({
      ISSUER: 'https://id.example',
      SECRET_KEY: 'q7Jx2mVb9Lw4Tz8Kd3Rf6Yh1Np5Gs0Ca',
    });
    try {
      await secure.createAccount('alice');
      const jar = new Map<string, string>();
      const lines: string[] = [];
      const { port } = new URL(secure.local);
      const send = (method: string, path: string, form?: Record<string, string>) =>
        new Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>((resolve, reject) => {
          const headers = {
            host: 'id.example',
            accept: 'text/html',
            cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; '),
            ...(form
              ? { 'content-type': 'application/x-www-form-urlencoded', origin: 'https://id.example' }
              : {}),
          };
          const sent = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
            let text = '';
            response.on('data', (chunk) => {
              text += chunk;
            });
            response.on('end', () => {
              for (const line of response.headers['set-cookie'] ?? []) {
                lines.push(line);
                const [name = '', value = ''] = (line.split(';')[0] ?? '').split(/=(.*)/);
                jar.set(name, value);
              }
              resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
            });
          });
          sent.on('error', reject);
          sent.end(form && new URLSearchParams(form).toString());
        });
      const shown = await send('GET', '/login');
      const page = { text: shown.text, url: 'https://id.example/login', status: 200 } as Page;
      const done = await send('POST', '/login', {
        ...formOf(page, '/login').fields,
        username: 'alice',
        password: PASSWORD,
      });
      expect(done.status).toBe(303);
      const app = await secure.createClient();
      await send(
        'GET',
        new URL(authorizeUrl(secure, app, { prompt: 'consent' })).href.replace('https://id.example', ''),
      );
      const names = lines.map((line) => line.split('=')[0]);
      expect(names).toEqual(
        expect.arrayContaining([
          '__Host-postern_session',
          '__Secure-postern_interaction',
          '__Secure-postern_resume',
        ]),
      );
      for (const line of lines) {
        expect(line).toMatch(/; secure/i);
        expect(line).toMatch(/; httponly/i);
        expect(line).not.toMatch(/domain=/i);
        if (line.startsWith('__Host-')) expect(line).toMatch(/; path=\/(;|$)/i);
        else expect(line).toMatch(/^__Secure-/);
      }
    } finally {
      await secure.close();
    }
  });
});
