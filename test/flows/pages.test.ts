import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createApp } from '../../src/app.js';
import { createHealth } from '../../src/platform/observe/health.js';
import { type Browser, createBrowser, formOf, type Page } from '../support/browser.js';
import { authorizeUrl, getCode, getWith, post, redeem, signIn } from '../support/flow.js';
import { linkFor } from '../support/links.js';
import { PASSWORD, REDIRECT_URI, startServer, type TestClient, type TestServer } from '../support/server.js';
import { later, realTime } from '../support/time.js';

/** Our own pages over plain HTTP (seed rows 62–67, 80, 83, 112–117; attack rows A27, A94–A96, A101–A112). */

let server: TestServer;
let client: TestClient;
let people = 0;

beforeAll(async () => {
  server = await startServer({ SIGN_UP: 'open', SECURITY_CONTACT: 'mailto:security@example.org' });
  client = await server.createClient();
});
afterAll(() => server.close());
afterEach(realTime);

/** Somebody new, so that no test meets what another one left. */
async function newPerson(on = server, more = {}): Promise<{ id: string; username: string }> {
  people += 1;
  return on.createAccount(`person${people}`, more);
}

async function signedIn(on = server, more = {}): Promise<{ browser: Browser; id: string; username: string }> {
  const person = await newPerson(on, more);
  const browser = createBrowser();
  await signIn(on, browser, person.username);
  return { browser, ...person };
}

const headingOf = (page: Page): string => /<h1[^>]*>([\s\S]*?)<\/h1>/.exec(page.text)?.[1]?.trim() ?? '';

const isSignedIn = async (browser: Browser, on = server): Promise<boolean> =>
  (await browser.get(on.url('/account'))).status === 200;

const CLIENT_FORM = {
  client_name: 'From the form',
  client_uri: 'https://form.example',
  scope: 'openid profile',
  redirect_uri: 'https://form.example/cb',
  grant_type: 'authorization_code',
  response_type: 'code',
  token_endpoint_auth_method: 'client_secret_basic',
};

describe('signing in (row 62)', () => {
  test.each(['/', '/login'])('the form stands on %s, and a post there signs in', async (path) => {
    const { username } = await newPerson();
    const browser = createBrowser();
    const page = await browser.get(server.url(path));
    const { fields } = formOf(page, '/login');
    const wrong = await browser.post(server.url(path), { ...fields, username, password: 'not the one' });
    expect(wrong.status).toBe(400);
    expect(wrong.text).toContain('The username or the password is wrong.');
    expect(await isSignedIn(browser)).toBe(false);
    const right = await browser.post(server.url(path), { ...fields, username, password: PASSWORD });
    expect(right).toMatchObject({ status: 303, location: server.url('/') });
    expect(await isSignedIn(browser)).toBe(true);
  });

  test.each([
    'https://evil.example/',
    '//evil.example/',
    '///evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/.//evil.example',
    '/x/..//evil.example',
    '/%2e//evil.example',
    '/\t/evil.example',
    '/\r\nSet-Cookie: a=b',
    ' //evil.example',
    'javascript:alert(1)',
    'data:text/html,x',
    'http://[',
    '/%ff',
    '%ff',
    '/%00',
    '@evil.example',
    '.evil.example',
    '',
  ])('next=%j ends on the home page (A94)', async (next) => {
    const { username } = await newPerson();
    const browser = createBrowser();
    const page = await browser.get(server.url(`/login?next=${encodeURIComponent(next)}`));
    expect(page.status).toBe(200);
    expect(formOf(page, '/login').fields.next).toBe('/');
    const typed = await browser.submit(page, '/login', { next, username, password: PASSWORD });
    expect(typed).toMatchObject({ status: 303, location: server.url('/') });
  });

  test('next leads on within this server, raw bytes that are no text do not crash (A94)', async () => {
    const { username } = await newPerson();
    const browser = createBrowser();
    expect((await browser.get(server.url('/login?next=%ff&next=%'))).status).toBe(200);
    const page = await browser.get(server.url('/login?next=/create_client?a=b%2526'));
    const done = await browser.submit(page, '/login', { username, password: PASSWORD });
    expect(done.location).toBe(server.url('/create_client?a=b%26'));
  });

  test('unknown and known names get the same answer, byte for byte but for what was typed (A112)', async () => {
    const { username } = await newPerson();
    const answer = async (name: string) => {
      const browser = createBrowser();
      const page = await browser.submit(await browser.get(server.url('/login')), '/login', {
        username: name,
        password: 'not the one',
      });
      const text = page.text.replaceAll(name, 'NAME').replaceAll(/(nonce|value)="[\w-]{20,}"/g, '');
      return { status: page.status, text };
    };
    expect(await answer('nobody-of-that-name')).toEqual(await answer(username));
    const { id, username: gone } = await newPerson();
    await server.container.disableAccounts.disable(id, { actorId: 'cli' });
    expect(await answer(gone)).toEqual(await answer(username));
  });

  test('the session id is new after each sign-in, and another account ends the former session', async () => {
    const { browser, username: same } = await signedIn();
    const planted = browser.copy();
    await signIn(server, browser, same);
    expect(browser.cookie('postern_session')).not.toBe(planted.cookie('postern_session'));
    // Requests that were under way may still find it so long.
    later(31);
    expect(await isSignedIn(planted)).toBe(false);
    const first = browser.cookie('postern_session');
    const stale = browser.copy();
    const { username } = await newPerson();
    await signIn(server, browser, username);
    expect(browser.cookie('postern_session')).not.toBe(first);
    expect(await isSignedIn(stale)).toBe(false);
    expect((await browser.get(server.url('/account'))).text).toContain(username);
  });

  test('a session cookie somebody planted is not adopted', async () => {
    const { username } = await newPerson();
    const planted = 'A'.repeat(43);
    const browser = createBrowser();
    const page = await browser.get(server.url('/login'));
    const form = formOf(page, '/login');
    const cookie = `postern_browser=${browser.cookie('postern_browser')}; postern_session=${planted}`;
    const done = await browser.post(
      form.action,
      { ...form.fields, username, password: PASSWORD },
      { cookie },
    );
    expect(done.status).toBe(303);
    expect(browser.cookie('postern_session')).not.toBe(planted);
  });
});

describe('too many attempts', () => {
  test('after 10 wrong ones the account waits 15 minutes, for the right password too, on every door', async () => {
    const { username } = await newPerson();
    const browser = createBrowser();
    const page = await browser.get(server.url('/login'));
    const attempt = (password: string) => browser.submit(page, '/login', { username, password });
    for (let n = 0; n < 10; n += 1) expect((await attempt(`wrong ${n}`)).status).toBe(400);
    const refused = await attempt(PASSWORD);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(890);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(900);
    expect(refused.text).toContain('You can try again in 15 minutes.');
    expect(await isSignedIn(browser)).toBe(false);
    const home = formOf(await browser.get(server.url('/')), '/login').fields;
    const again = await browser.post(server.url('/'), {
      ...home,
      username: username.toUpperCase(),
      password: PASSWORD,
    });
    expect(again.status).toBe(429);
    const pending = await browser.follow(await browser.get(authorizeUrl(server, client)), server.issuer);
    expect((await browser.submit(pending, '/login', { username, password: PASSWORD })).status).toBe(429);
    const script = await server.createClient({
      grant_types: ['password'],
      response_types: [],
      redirect_uris: [],
    });
    const form = { grant_type: 'password', username, password: PASSWORD, scope: 'profile' };
    expect((await post(server, '/oauth/token', form, script)).status).toBeGreaterThanOrEqual(400);
    server.clock.advance(901);
    expect((await attempt(PASSWORD)).status).toBe(303);
  });

  test('a right password in between starts the count anew', async () => {
    const { username } = await newPerson();
    const browser = createBrowser();
    const page = await browser.get(server.url('/login'));
    const attempt = (password: string) => browser.submit(page, '/login', { username, password });
    for (let n = 0; n < 9; n += 1) await attempt(`wrong ${n}`);
    expect((await attempt(PASSWORD)).status).toBe(303);
    for (let n = 0; n < 9; n += 1) expect((await attempt(`wrong ${n}`)).status).toBe(400);
    server.clock.advance(901);
  });

  test('after 50 wrong ones an address waits, whatever the names; others do not', async () => {
    const own = await startServer({ TRUST_PROXY: '127.0.0.1' });
    try {
      const { username } = await newPerson(own);
      const browser = createBrowser();
      const { action, fields } = formOf(await browser.get(own.url('/login')), '/login');
      const attempt = (name: string, password: string, address: string) =>
        browser.post(action, { ...fields, username: name, password }, { 'x-forwarded-for': address });
      for (let n = 0; n < 50; n += 1) {
        expect((await attempt(`guess${n}`, 'wrong one', '192.0.2.1')).status).toBe(400);
      }
      const refused = await attempt(username, PASSWORD, '192.0.2.1');
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await attempt(username, PASSWORD, '192.0.2.2')).status).toBe(303);
      own.clock.advance(901);
      expect((await attempt(username, PASSWORD, '192.0.2.1')).status).toBe(303);
    } finally {
      await own.close();
    }
  });
});

describe('signing up', () => {
  async function signUp(fields: Record<string, string>, on = server) {
    const browser = createBrowser();
    const page = await browser.submit(await browser.get(on.url('/signup')), '/signup', fields);
    return { page, browser };
  }

  test.each([
    ['seven77', 'at least 8'],
    ['🔑🔑🔑🔑🔑🔑🔑', 'at least 8'],
    ['password', 'first that attackers try'],
    ['Iloveyou1', 'first that attackers try'],
    ['somebody-new', 'cannot be the username'],
    ['x'.repeat(1100), 'at most 1024'],
  ])('the password %.20s is refused (A110)', async (password, message) => {
    const { page } = await signUp({ username: 'somebody-new', password });
    expect(page.status).toBe(400);
    expect(page.text).toContain(message);
    expect(page.text).toMatch(/name="password" type="password" value=""/);
    expect(await server.container.accounts.findByUsernameKey('somebody-new')).toBeUndefined();
  });

  test.each([
    ['64 characters', `${'a1 '.repeat(21)}z`],
    ['128 characters', `${'b2-'.repeat(42)}zz`],
    ['unicode and spaces', ' пароль с пробелами 密码 🔑 '],
    ['no digits or capitals', 'plain words only'],
  ])('a password of %s is taken as it is (A110)', async (_kind, password) => {
    people += 1;
    const username = `person${people}`;
    const { page } = await signUp({ username, password });
    expect(page.status).toBe(303);
    const attempt = async (given: string) => {
      const browser = createBrowser();
      const form = { username, password: given };
      return (await browser.submit(await browser.get(server.url('/login')), '/login', form)).status;
    };
    expect(await attempt(password)).toBe(303);
    // Nothing is cut off at 72 bytes or trimmed.
    expect(await attempt(`${password}!`)).toBe(400);
    expect(await attempt(password.slice(0, -1))).toBe(400);
  });

  test('extra fields make nobody an administrator and set nothing else (A105)', async () => {
    people += 1;
    const username = `person${people}`;
    const { page, browser } = await signUp({
      username,
      password: PASSWORD,
      is_admin: '1',
      roles: 'admin',
      id: 'chosen',
      email_verified: 'true',
      emailVerified: '1',
      created_by: 'cli',
      must_change_password: '0',
      '__proto__[roles]': 'admin',
    });
    expect(page.status).toBe(303);
    const account = await server.container.accounts.findByUsernameKey(username);
    expect(account).toMatchObject({ username, roles: [], emailVerified: false });
    expect(account?.email).toBeUndefined();
    expect(account?.id).not.toBe('chosen');
    expect((await browser.get(server.url('/account'))).text).not.toContain('admin');
  });

  test('a name that is taken, whatever its capitals, is refused and its account untouched', async () => {
    const { username } = await newPerson();
    const { page } = await signUp({ username: username.toUpperCase(), password: 'another good one' });
    expect(page.status).toBe(400);
    const browser = createBrowser();
    await signIn(server, browser, username);
    expect(await isSignedIn(browser)).toBe(true);
  });

  test.each([
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    'a\r\nSet-Cookie: x=y',
    'ad\u202emin',
  ])('the name %j is refused or shown as text (A103)', async (username) => {
    const { page } = await signUp({ username, password: PASSWORD });
    expect(page.status).toBe(400);
    expect(page.text).not.toContain('<script>alert');
    expect(page.text).not.toContain('<img src=x');
    expect(page.headers.getSetCookie().join()).not.toContain('x=y');
  });

  test.each([
    ['closed', 'made by an administrator'],
    ['invite', 'invited'],
  ])('SIGN_UP=%s shows no form, says why, and takes no post', async (setting, words) => {
    const own = await startServer({ SIGN_UP: setting });
    try {
      const browser = createBrowser();
      const login = await browser.get(own.url('/login'));
      expect(login.text).not.toContain('/signup');
      expect((await browser.get(own.url('/'))).text).not.toContain('/signup');
      const page = await browser.get(own.url('/signup'));
      expect(page.status).toBe(403);
      expect(page.text).toContain(words);
      expect(page.text).not.toContain('<form');
      const { csrf = '' } = formOf(login, '/login').fields;
      const posted = await browser.post(own.url('/signup'), { csrf, username: 'eve', password: PASSWORD });
      expect(posted.status).toBe(403);
      expect(await own.container.accounts.findByUsernameKey('eve')).toBeUndefined();
    } finally {
      await own.close();
    }
  });
});

describe('clients of one’s own (rows 63–65)', () => {
  const countClients = async () => (await server.container.clients.listAll()).length;

  async function create(browser: Browser, more: Record<string, string> = {}): Promise<Page> {
    const form = await browser.get(server.url('/create_client'));
    const done = await browser.submit(form, '/create_client', { ...CLIENT_FORM, ...more });
    return browser.follow(done, server.issuer);
  }

  test('who is not signed in is asked to, and comes back', async () => {
    const browser = createBrowser();
    for (const path of ['/create_client', '/clients/abc', '/account']) {
      const page = await browser.get(server.url(path));
      expect(page.status).toBe(303);
      expect(new URL(page.location ?? '').pathname).toBe('/login');
      expect(new URL(page.location ?? '').searchParams.get('next')).toBe(path);
    }
  });

  test('extra fields set nothing (A105)', async () => {
    const { browser, id } = await signedIn();
    const page = await create(browser, {
      client_id: 'chosen',
      client_secret: 'chosen-secret-chosen-secret-chosen-secret-123456',
      owner: 'somebody',
      owner_id: 'somebody',
      resource_server: 'on',
      trusted: 'true',
      skip_consent: 'true',
      is_admin: '1',
      permissions: 'all',
      ttl: '{"accessToken":999999}',
      'metadata[owner]': 'x',
    });
    expect(page.status).toBe(200);
    const [record] = await server.container.clients.listOf(id);
    expect(record).toMatchObject({ ownerId: id, resourceServer: false, requirePkce: false, ttl: {} });
    expect(record?.clientId).toMatch(/^[A-Za-z0-9]{24}$/);
    expect(page.text).not.toContain('chosen-secret');
    expect(Object.keys(record?.metadata ?? {}).sort()).not.toContain('skip_consent');
    expect(JSON.stringify(record)).not.toMatch(/somebody|trusted|permissions|999999|chosen/);
  });

  test('the secret is not to be had again, and is stored hashed (A109)', async () => {
    const { browser, id } = await signedIn();
    const secret = /id="new-secret">([A-Za-z0-9]{48})</.exec((await create(browser)).text)?.[1] ?? '';
    expect(secret).toHaveLength(48);
    const [record] = await server.container.clients.listOf(id);
    const page = await browser.get(server.url(`/clients/${record?.clientId}`));
    expect(page.status).toBe(200);
    expect(page.text).not.toContain(secret);
    expect(JSON.stringify(record)).not.toContain(secret);
    expect((await browser.get(server.url('/'))).text).not.toContain(secret);
  });

  test.each([
    ['client_name', '<script>alert(1)</script>'],
    ['client_name', '"><img src=x onerror=alert(1)>'],
    ['client_name', '{{7*7}}<%= 7*7 %>'],
  ])('a %s of %j is text wherever it is shown (A103)', async (field, value) => {
    const { browser, id } = await signedIn();
    expect((await create(browser, { [field]: value })).status).toBe(200);
    const [record] = await server.container.clients.listOf(id);
    const marked = { clientId: record?.clientId, secret: '' } as TestClient;
    const pages = [
      await browser.get(server.url('/')),
      await browser.get(server.url(`/clients/${record?.clientId}`)),
      await browser.follow(
        await browser.get(authorizeUrl(server, marked, { redirect_uri: CLIENT_FORM.redirect_uri })),
        server.issuer,
      ),
      await browser.get(authorizeUrl(server, marked, { redirect_uri: 'https://evil.example/' })),
    ];
    for (const page of pages) {
      expect(page.text).not.toContain(value.slice(0, 20));
      expect(page.text).not.toContain('onerror=alert(1)>');
      expect(page.text).toContain(
        value.replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&#34;'),
      );
    }
  });

  test.each([
    ['client_uri', 'javascript:alert(1)'],
    ['client_uri', 'data:image/svg+xml,<svg onload=alert(1)>'],
    ['redirect_uri', 'javascript:alert(1)'],
    ['client_name', 'Evil\u202eknaB'],
    ['client_name', 'Inv\u200bisible'],
    ['client_name', 'x'.repeat(5000)],
  ])('a %s of %.40j is refused, nothing saved (A27, A103)', async (field, value) => {
    const { browser } = await signedIn();
    const before = await countClients();
    const page = await create(browser, { [field]: value });
    expect(page.status).toBe(400);
    expect(page.text).toContain(`id="${field}-fault"`);
    expect(await countClients()).toBe(before);
  });

  test('two clients of one name are told apart by where they lead (A27)', async () => {
    const { browser, username } = await signedIn();
    const twins = [
      await server.createClient({ client_name: 'Bank', redirect_uris: ['https://bank.example/cb'] }),
      await server.createClient({ client_name: 'Bank', redirect_uris: ['https://bank.evil.example/cb'] }),
    ];
    for (const twin of twins) {
      const [redirect_uri = ''] = twin.record.metadata.redirect_uris;
      const start = await browser.get(
        authorizeUrl(server, twin, { redirect_uri, scope: 'openid profile email' }),
      );
      const consent = await browser.follow(start, server.issuer);
      expect(headingOf(consent)).toContain('Bank');
      expect(consent.text).toContain(`>${new URL(redirect_uri).host}<`);
      expect(consent.text).toContain(username);
      expect(consent.text).toMatch(/Deny[\s\S]*Allow/);
    }
  });

  test('another account can neither see, renew nor delete it: 404, nothing changed (A104)', async () => {
    const alice = await signedIn();
    await create(alice.browser, { client_name: 'Alice’s own' });
    const [before] = await server.container.clients.listOf(alice.id);
    const path = `/clients/${before?.clientId}`;
    const mallory = await signedIn();
    const { csrf = '' } = formOf(
      await mallory.browser.get(server.url('/create_client')),
      '/create_client',
    ).fields;
    const tries = [
      await mallory.browser.get(server.url(path)),
      await mallory.browser.get(server.url(path.toUpperCase().replace('/CLIENTS', '/clients'))),
      await mallory.browser.get(server.url(`${path}/`)),
      await mallory.browser.post(server.url(`${path}/rotate`), { csrf }),
      await mallory.browser.post(server.url(`${path}/delete`), { csrf }),
      await mallory.browser.get(server.url(`${path}/delete`)),
      await mallory.browser.get(server.url(`${path}/edit`)),
      await mallory.browser.get(server.url(`${path}/test?code=x&state=y`)),
      ...(await Promise.all(
        ['edit', 'check', 'test', 'end-secret', 'leases', 'leases/remove'].map((action) =>
          mallory.browser.post(server.url(`${path}/${action}`), { csrf, ...CLIENT_FORM }),
        ),
      )),
      await mallory.browser.get(server.url('/clients/nothing-of-the-kind')),
    ];
    const texts = tries.map(({ text }) =>
      text.replaceAll(/Reference[\s\S]*/g, '').replaceAll(/nonce="[^"]*"/g, ''),
    );
    for (const [at, page] of tries.entries()) {
      expect(page.status).toBe(404);
      expect(page.text).not.toContain('Alice’s own');
      expect(texts[at]).toBe(texts.at(-1));
    }
    expect(await server.container.clients.listOf(alice.id)).toEqual([before]);
    expect((await mallory.browser.get(server.url('/'))).text).not.toContain('Alice’s own');
    // Not signed in at all: asked to sign in, and nothing happens.
    const stranger = createBrowser();
    expect((await stranger.post(server.url(`${path}/delete`), { csrf })).status).toBe(303);
    expect(await server.container.clients.listOf(alice.id)).toEqual([before]);
  });

  test('deleting a client ends what it got', async () => {
    const { browser, id, username } = await signedIn();
    const own = await server.createClient({}, { owner: id });
    const { body } = await redeem(server, own, await getCode(server, own, {}, { browser, username }));
    expect((await getWith(server, '/api/me', body.access_token)).status).toBe(200);
    const page = await browser.get(server.url(`/clients/${own.clientId}/delete`));
    expect(page.text).toContain('1 live grant ends');
    expect((await browser.submit(page, '/delete')).status).toBe(303);
    expect((await getWith(server, '/api/me', body.access_token)).status).toBe(401);
    expect((await browser.get(server.url(`/clients/${own.clientId}`))).status).toBe(404);
  });

  describe('CLIENT_CREATION=admins', () => {
    let own: TestServer;
    beforeAll(async () => {
      own = await startServer({ CLIENT_CREATION: 'admins' });
    });
    afterAll(() => own.close());

    test('others neither see nor reach the form, by no spelling and no header (A106)', async () => {
      const before = await own.container.clients.listAll();
      const { browser } = await signedIn(own);
      expect((await browser.get(own.url('/'))).text).not.toContain('/create_client');
      const { csrf = '' } = formOf(await browser.get(own.url('/login')), '/login').fields;
      for (const path of [
        '/create_client',
        '/create_client/',
        '/CREATE_CLIENT',
        '//create_client',
        '/./create_client',
        '/%63reate_client',
      ]) {
        expect([403, 404]).toContain((await browser.get(own.url(path))).status);
        expect([403, 404]).toContain((await browser.post(own.url(path), { ...CLIENT_FORM, csrf })).status);
      }
      const headers = { 'x-original-url': '/create_client', 'x-rewrite-url': '/create_client' };
      const page = await browser.get(own.url('/'), headers);
      expect(headingOf(page)).toContain('Hello');
      const override = { 'x-http-method-override': 'POST', 'x-method-override': 'POST' };
      expect((await browser.get(own.url('/create_client?_method=POST'), override)).status).toBe(403);
      expect(await own.container.clients.listAll()).toEqual(before);
    });

    test('administrators do', async () => {
      const { browser, id } = await signedIn(own, { roles: ['admin'] });
      const form = await browser.get(own.url('/create_client'));
      expect((await browser.submit(form, '/create_client', CLIENT_FORM)).status).toBe(303);
      expect(await own.container.clients.listOf(id)).toHaveLength(1);
    });
  });
});

describe('forms (row 113, A95, A96)', () => {
  interface Prepared {
    readonly browser: Browser;
    readonly page: Page;
    readonly action: string;
    readonly fields: Record<string, string>;
    /** The hidden field that carries the token. */
    readonly token: 'csrf' | 'xsrf';
    /** Whether the post had its effect. */
    done(): Promise<boolean>;
  }

  const clientsOf = async (id: string) => server.container.clients.listOf(id);
  const pendingPage = async (browser: Browser) =>
    browser.follow(await browser.get(authorizeUrl(server, client)), server.issuer);
  const stillPending = async (browser: Browser, page: Page) => (await browser.get(page.url)).status === 200;

  /** Every form there is. */
  const FORMS: Record<string, () => Promise<Prepared>> = {
    'sign-in on /login': async () => {
      const { username } = await newPerson();
      const browser = createBrowser();
      const page = await browser.get(server.url('/login'));
      const fields = { username, password: PASSWORD };
      return { browser, page, action: '/login', fields, token: 'csrf', done: () => isSignedIn(browser) };
    },
    'choosing a password': async () => {
      const { username } = await newPerson(server, { mustChangePassword: true });
      const browser = createBrowser();
      const form = { username, password: PASSWORD };
      const page = await browser.submit(await browser.get(server.url('/login')), '/login', form);
      const fields = { new_password: 'a brand new password' };
      return { browser, page, action: '/login', fields, token: 'csrf', done: () => isSignedIn(browser) };
    },
    'sign-up': async () => {
      people += 1;
      const browser = createBrowser();
      const page = await browser.get(server.url('/signup'));
      const fields = { username: `person${people}`, password: PASSWORD };
      return { browser, page, action: '/signup', fields, token: 'csrf', done: () => isSignedIn(browser) };
    },
    'asking for a new password': async () => {
      const { id, username } = await newPerson(server, { email: 'a@example.org', emailVerified: true });
      const browser = createBrowser();
      const page = await browser.get(server.url('/forgot-password'));
      const done = async () => {
        await server.container.byMail.postman.idle();
        const live = await server.container.links.listLive('reset_password', server.clock.now());
        return live.some(({ accountId }) => accountId === id);
      };
      const fields = { identifier: username };
      return { browser, page, action: '/forgot-password', fields, token: 'csrf', done };
    },
    'choosing the new password': async () => {
      const { id, username } = await newPerson();
      const browser = createBrowser();
      const page = await browser.get(server.url(await linkFor(server, 'reset_password', { accountId: id })));
      const fields = { new_password: 'a brand new password' };
      const done = async () => {
        const attempt = { username, password: fields.new_password };
        const form = await createBrowser().get(server.url('/login'));
        const fresh = createBrowser();
        const answer = await fresh.submit(await fresh.get(form.url), '/login', attempt);
        return answer.status === 303;
      };
      return { browser, page, action: '/reset-password', fields, token: 'csrf', done };
    },
    ...Object.fromEntries(
      (['verify_email', 'change_email', 'undo_email_change'] as const).map((purpose) => [
        `the button of ${purpose}`,
        async (): Promise<Prepared> => {
          const email = `${purpose}@example.org`;
          const { id } = await newPerson(server, { email });
          const browser = createBrowser();
          const path = await linkFor(server, purpose, { accountId: id, email });
          const page = await browser.get(server.url(path));
          const done = async () =>
            (await server.container.auditStore.list({ accountId: id, limit: 9 })).some(({ event }) =>
              /^account\.email_(verified|changed|change_undone)$/.test(event),
            );
          const action = path.split('?')[0] ?? '';
          return { browser, page, action, fields: {}, token: 'csrf', done };
        },
      ]),
    ),
    'another e-mail address': async () => {
      const { browser, id } = await signedIn();
      const page = await browser.get(server.url('/account/email'));
      const fields = { email: `new-of-${id}@example.org`, password: PASSWORD };
      const done = async () =>
        (await server.container.links.listLive('change_email', server.clock.now())).some(
          ({ accountId }) => accountId === id,
        );
      return { browser, page, action: '/account/email', fields, token: 'csrf', done };
    },
    'another mail to confirm the address': async () => {
      const { browser, id } = await signedIn(server, { email: `again${people}@example.org` });
      const page = await browser.get(server.url('/account/email'));
      const done = async () =>
        (await server.container.links.listLive('verify_email', server.clock.now())).some(
          ({ accountId }) => accountId === id,
        );
      return { browser, page, action: '/account/email/verify', fields: {}, token: 'csrf', done };
    },
    'sign-out': async () => {
      const { browser } = await signedIn();
      const page = await browser.get(server.url('/logout'));
      const done = async () => !(await isSignedIn(browser));
      return { browser, page, action: '/logout', fields: { logout: 'yes' }, token: 'csrf', done };
    },
    'sign-out asked for by a client': async () => {
      const { browser } = await signedIn();
      const page = await browser.get(server.url(`/oauth/end_session?client_id=${client.clientId}`));
      const done = async () => !(await isSignedIn(browser));
      return {
        browser,
        page,
        action: '/end_session/confirm',
        fields: { logout: 'yes' },
        token: 'xsrf',
        done,
      };
    },
    'create client': async () => {
      const { browser, id } = await signedIn();
      const page = await browser.get(server.url('/create_client'));
      const done = async () => (await clientsOf(id)).length > 0;
      return { browser, page, action: '/create_client', fields: CLIENT_FORM, token: 'csrf', done };
    },
    'new secret': async () => {
      const { browser, id } = await signedIn();
      const own = await server.createClient({}, { owner: id });
      const page = await browser.get(server.url(`/clients/${own.clientId}`));
      const done = async () => (await clientsOf(id))[0]?.secrets[0]?.id !== own.record.secrets[0]?.id;
      return { browser, page, action: '/rotate', fields: {}, token: 'csrf', done };
    },
    'end a secret': async () => {
      const { browser, id } = await signedIn();
      const own = await server.createClient({}, { owner: id });
      await server.container.clients.rotateSecret(own.clientId, { keepOldMs: 3_600_000 });
      const page = await browser.get(server.url(`/clients/${own.clientId}`));
      const done = async () => (await clientsOf(id))[0]?.secrets.length === 1;
      return { browser, page, action: '/end-secret', fields: {}, token: 'csrf', done };
    },
    'edit client': async () => {
      const { browser, id } = await signedIn();
      const own = await server.createClient({}, { owner: id });
      const page = await browser.get(server.url(`/clients/${own.clientId}/edit`));
      const done = async () => (await clientsOf(id))[0]?.metadata.client_name === CLIENT_FORM.client_name;
      return { browser, page, action: '/edit', fields: CLIENT_FORM, token: 'csrf', done };
    },
    'add a redirect lease': async () => {
      const { browser, id } = await signedIn();
      const own = await server.createClient({}, { owner: id });
      const page = await browser.get(server.url(`/clients/${own.clientId}`));
      const fields = { redirect_uri: 'https://pull-1.example/cb', days: '7' };
      const done = async () => (await server.container.redirectLeases.listOf(own.clientId)).length === 1;
      return { browser, page, action: '/leases', fields, token: 'csrf', done };
    },
    'remove a redirect lease': async () => {
      const { browser, id } = await signedIn();
      const own = await server.createClient({}, { owner: id });
      const lease = { redirectUri: 'https://pull-1.example/cb', seconds: 3600 };
      await server.container.redirectLeases.add(own.record, lease, { actorId: id });
      const page = await browser.get(server.url(`/clients/${own.clientId}`));
      const done = async () => (await server.container.redirectLeases.listOf(own.clientId)).length === 0;
      return { browser, page, action: '/leases/remove', fields: {}, token: 'csrf', done };
    },
    'test a client': async () => {
      const { browser, id } = await signedIn();
      const own = await server.createClient({}, { owner: id });
      const page = await browser.get(server.url(`/clients/${own.clientId}`));
      const done = async () => browser.cookie('postern_test') !== undefined;
      return { browser, page, action: '/test', fields: {}, token: 'csrf', done };
    },
    'delete client': async () => {
      const { browser, id } = await signedIn();
      const own = await server.createClient({}, { owner: id });
      const page = await browser.get(server.url(`/clients/${own.clientId}/delete`));
      const done = async () => (await clientsOf(id)).length === 0;
      return { browser, page, action: '/delete', fields: {}, token: 'csrf', done };
    },
    'sign-in for a client': async () => {
      const { username } = await newPerson();
      const browser = createBrowser();
      const page = await pendingPage(browser);
      const fields = { username, password: PASSWORD };
      const done = async () =>
        !(await stillPending(browser, page)) || (await browser.get(page.url)).text.includes('/consent"');
      return { browser, page, action: '/login', fields, token: 'csrf', done };
    },
    'cancel a sign-in': async () => {
      const browser = createBrowser();
      const page = await pendingPage(browser);
      const done = async () => !(await stillPending(browser, page));
      return { browser, page, action: '/cancel', fields: {}, token: 'csrf', done };
    },
    consent: async () => {
      const { browser, id } = await signedIn();
      const page = await pendingPage(browser);
      const done = async () => (await server.container.consents.find(id, client.clientId)) !== undefined;
      return { browser, page, action: '/consent', fields: { decision: 'allow' }, token: 'csrf', done };
    },
    'the device’s code': async () => {
      const { browser, page, userCode } = await atDevice();
      const fields = { user_code: userCode };
      return { browser, page, action: '/oauth/device', fields, token: 'xsrf', done: async () => false };
    },
    'the device’s confirmation': async () => {
      const { browser, page: first, userCode } = await atDevice();
      const page = await browser.submit(first, '/oauth/device', { user_code: userCode });
      const fields = { abort: 'yes' };
      return {
        browser,
        page,
        action: '/oauth/device',
        fields,
        token: 'xsrf',
        done: async () => declined(userCode),
      };
    },
  };

  let device: TestClient;
  beforeAll(async () => {
    device = await server.createClient({
      redirect_uris: [],
      response_types: [],
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
      token_endpoint_auth_method: 'none',
      scope: 'openid profile',
    });
  });

  async function atDevice() {
    const { body } = await post(server, '/oauth/device_authorization', { scope: 'openid' }, device);
    const browser = createBrowser();
    const page = await browser.get(server.url('/oauth/device'));
    return { browser, page, userCode: String(body.user_code) };
  }

  async function declined(userCode: string): Promise<boolean> {
    const browser = createBrowser();
    const page = await browser.get(server.url('/oauth/device'));
    const answer = await browser.submit(page, '/oauth/device', { user_code: userCode });
    return !answer.text.includes('Is this your device?');
  }

  async function send(
    { browser, page, action, fields }: Prepared,
    change: Record<string, string>,
    headers = {},
  ) {
    const form = formOf(page, action);
    const all: Record<string, string | undefined> = { ...form.fields, ...fields, ...change };
    const sent = Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== '(none)');
    return browser.post(form.action, Object.fromEntries(sent) as Record<string, string>, headers);
  }

  /** Steps within a page of the library’s: nothing has happened yet, or nothing is to be kept. */
  const ANSWERED_IN_PLACE = ['the device’s code', 'the device’s confirmation'];

  describe.each(Object.entries(FORMS))('%s', (name, prepare) => {
    test('without, with a wrong and with another browser’s token it is 403 and changes nothing', async () => {
      const prepared = await prepare();
      const { token, action } = prepared;
      const other = await prepare();
      const foreign = formOf(other.page, action).fields[token] ?? '';
      expect(foreign).not.toBe('');
      for (const value of ['(none)', '', 'wrong', foreign]) {
        const answer = await send({ ...prepared, browser: prepared.browser.copy() }, { [token]: value });
        expect({ value, status: answer.status }).toEqual({ value, status: 403 });
        expect(await prepared.done()).toBe(false);
      }
    });

    test('from a foreign or null origin, or another site, it is 403 and changes nothing', async () => {
      const prepared = await prepare();
      for (const headers of [
        { origin: 'https://evil.example' },
        { origin: 'null' },
        { origin: server.issuer.replace('http:', 'https:') },
        { origin: `${server.issuer}.evil.example` },
        { 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-site': 'same-site' },
      ]) {
        const answer = await send({ ...prepared, browser: prepared.browser.copy() }, {}, headers);
        expect({ headers, status: answer.status }).toEqual({ headers, status: 403 });
        expect(await prepared.done()).toBe(false);
      }
    });

    test('as text/plain or JSON it changes nothing', async () => {
      const prepared = await prepare();
      for (const type of ['text/plain', 'application/json']) {
        const answer = await send(
          { ...prepared, browser: prepared.browser.copy() },
          {},
          { 'content-type': type },
        );
        expect(answer.status).toBeGreaterThanOrEqual(400);
        expect(answer.status).toBeLessThan(500);
        expect(await prepared.done()).toBe(false);
      }
    });

    test('as its own page sends it, it works and answers 303: a reload sends nothing again', async () => {
      const prepared = await prepare();
      const answer = await send(prepared, {}, { 'sec-fetch-site': 'same-origin' });
      expect(answer.status).toBe(ANSWERED_IN_PLACE.includes(name) ? 200 : 303);
    });
  });

  test('no form of any page is missing from this list', async () => {
    const seen = new Set<string>();
    for (const prepare of Object.values(FORMS)) {
      const { page } = await prepare();
      for (const [, action = ''] of page.text.matchAll(/<form[^>]*action="([^"]*)"/g)) {
        const path = new URL(action, server.issuer).pathname;
        seen.add(path.replace(/^(\/(?:interaction|clients))\/[^/]+/, '$1/:id'));
      }
    }
    expect([...seen].sort()).toEqual([
      '/account/email',
      '/account/email/verify',
      '/clients/:id/delete',
      '/clients/:id/edit',
      '/clients/:id/end-secret',
      '/clients/:id/leases',
      '/clients/:id/leases/remove',
      '/clients/:id/rotate',
      '/clients/:id/test',
      '/confirm-email',
      '/create_client',
      '/forgot-password',
      '/interaction/:id/cancel',
      '/interaction/:id/consent',
      '/interaction/:id/login',
      '/interaction/:id/switch',
      '/login',
      '/logout',
      '/oauth/device',
      '/oauth/end_session/confirm',
      '/reset-password',
      '/signup',
      '/undo-email-change',
      '/verify-email',
    ]);
  });

  test('the page a stale form leads to can be opened', async () => {
    for (const prepare of Object.values(FORMS)) {
      const prepared = await prepare();
      if (prepared.token !== 'csrf') continue;
      const answer = await send(prepared, { csrf: 'wrong' });
      const href = /class="button" href="([^"]*)"/.exec(answer.text)?.[1] ?? '';
      expect((await prepared.browser.get(server.url(href))).status).toBe(200);
    }
  });

  test('GET of an address that changes something changes nothing', async () => {
    const { browser, id } = await signedIn();
    const own = await server.createClient({}, { owner: id });
    const pending = await pendingPage(browser);
    const { pathname } = new URL(pending.url);
    for (const path of [
      '/logout?logout=yes',
      `/clients/${own.clientId}/delete`,
      `/clients/${own.clientId}/rotate`,
      `/clients/${own.clientId}/edit?${new URLSearchParams(CLIENT_FORM)}`,
      `/clients/${own.clientId}/end-secret?secret_id=${own.record.secrets[0]?.id}`,
      `/clients/${own.clientId}/leases?redirect_uri=https://pull-1.example/cb&days=7`,
      `/create_client?${new URLSearchParams(CLIENT_FORM)}`,
      `${pathname}/consent?decision=allow`,
      `${pathname}/cancel`,
      `${pathname}/login`,
      '/oauth/end_session/confirm?logout=yes',
      '/signup?username=viaget&password=long-enough-here',
    ]) {
      expect((await browser.get(server.url(path))).status).toBeLessThan(500);
    }
    expect(await isSignedIn(browser)).toBe(true);
    expect(await clientsOf(id)).toEqual([own.record]);
    expect(await server.container.consents.find(id, client.clientId)).toBeUndefined();
    expect(await stillPending(browser, pending)).toBe(true);
    expect(await server.container.accounts.findByUsernameKey('viaget')).toBeUndefined();
  });
});

describe('a request that is no longer there (row 66)', () => {
  test('after its hour it says so and offers to start again at the same client', async () => {
    const browser = createBrowser();
    const address = authorizeUrl(server, client, { state: 'kept' });
    const page = await browser.follow(await browser.get(address), server.issuer);
    const { username } = await newPerson();
    later(3700);
    for (const late of [
      await browser.get(page.url),
      await browser.submit(page, '/login', { username, password: PASSWORD }),
      await browser.submit(page, '/cancel'),
    ]) {
      expect(late.status).toBe(400);
      expect(headingOf(late)).toBe('This sign-in attempt has expired');
      expect(late.text).toContain('Back to Test application');
      const href = /class="button" href="([^"]*)">Start again/.exec(late.text)?.[1]?.replaceAll('&amp;', '&');
      expect(new URL(href ?? '', server.issuer).searchParams.get('state')).toBe('kept');
    }
  });

  test('what leads back outlives the request in the browser, or it would be gone when it is needed', async () => {
    const browser = createBrowser();
    const page = await browser.get(authorizeUrl(server, client));
    const lifetime = (name: string): number => {
      const line = page.headers.getSetCookie().find((cookie) => cookie.startsWith(`${name}=`)) ?? '';
      return Date.parse(/expires=([^;]*)/i.exec(line)?.[1] ?? '') - Date.now();
    };
    expect(lifetime('postern_attempt')).toBeGreaterThan(4 * lifetime('postern_interaction'));
  });

  test('in another browser it is not there', async () => {
    const { browser } = await signedIn();
    const page = await browser.follow(await browser.get(authorizeUrl(server, client)), server.issuer);
    const other = await signedIn();
    expect((await other.browser.get(page.url)).status).toBe(400);
    const { action, fields } = formOf(page, '/consent');
    const stolen = await other.browser.post(action, { ...fields, decision: 'allow' });
    expect(stolen.status).toBe(400);
    expect(await server.container.consents.find(other.id, client.clientId)).toBeUndefined();
  });
});

describe('signing out (row 83)', () => {
  test('works when nobody is signed in', async () => {
    const browser = createBrowser();
    const page = await browser.get(server.url('/logout'));
    expect(page.status).toBe(200);
    expect(headingOf(page)).toBe('You are signed out');
    const { csrf = '' } = formOf(await browser.get(server.url('/login')), '/login').fields;
    const posted = await browser.post(server.url('/logout'), { csrf, logout: 'yes' });
    expect(posted).toMatchObject({ status: 303, location: server.url('/logout') });
  });

  test('ends the session on the server, so that a kept cookie is worth nothing', async () => {
    const { browser } = await signedIn();
    const kept = browser.copy();
    const page = await browser.get(server.url('/logout'));
    expect((await browser.submit(page, '/logout', {})).location).toBe(server.url('/'));
    expect(await isSignedIn(kept)).toBe(true);
    await browser.submit(page, '/logout', { logout: 'yes' });
    expect(await isSignedIn(browser)).toBe(false);
    expect(await isSignedIn(kept)).toBe(false);
  });

  test('a disabled account is signed in nowhere', async () => {
    const { browser, id } = await signedIn();
    await server.container.disableAccounts.disable(id, { actorId: 'cli' });
    expect(await isSignedIn(browser)).toBe(false);
    expect((await browser.get(server.url('/create_client'))).status).toBe(303);
  });
});

describe('/api/me (row 80)', () => {
  const challengeOf = (answer: { headers: Headers }) => answer.headers.get('www-authenticate') ?? '';

  async function tokenFor(scope: string) {
    const { username, id, browser } = await signedIn(server, {
      displayName: 'Some Body',
      email: 'some@body.example',
    });
    const { body } = await redeem(
      server,
      client,
      await getCode(server, client, { scope }, { browser, username }),
    );
    return { token: String(body.access_token), refreshToken: String(body.refresh_token), username, id };
  }

  test('without credentials: 401, no error code, and where to learn more', async () => {
    const answer = await getWith(server, '/api/me');
    expect(answer.status).toBe(401);
    expect(challengeOf(answer)).toBe(
      `Bearer resource_metadata="${server.issuer}/.well-known/oauth-protected-resource/api/me"`,
    );
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const document = await getWith(server, '/.well-known/oauth-protected-resource/api/me');
    expect(document.body).toEqual({
      resource: `${server.issuer}/api/me`,
      authorization_servers: [server.issuer],
      scopes_supported: ['profile'],
      bearer_methods_supported: ['header'],
    });
    expect((await getWith(server, '/.well-known/oauth-protected-resource')).status).toBe(200);
  });

  test.each(['nonsense', 'eyJhbGciOiJub25lIn0.e30.', 'A'.repeat(43)])(
    'with %s: 401 invalid_token',
    async (token) => {
      const answer = await getWith(server, '/api/me', token);
      expect(answer.status).toBe(401);
      expect(challengeOf(answer)).toContain('error="invalid_token"');
      expect(challengeOf(answer)).toContain('resource_metadata="');
      expect(answer.body.error).toBe('invalid_token');
    },
  );

  test('credentials that are none: 400', async () => {
    for (const authorization of ['Basic dXNlcjpwYXNz', 'Bearer', 'Bearer a b']) {
      const response = await fetch(server.url('/api/me'), { headers: { authorization } });
      expect(response.status).toBe(400);
      expect(challengeOf(response)).toContain('error="invalid_request"');
    }
  });

  test('without the scope: 403 insufficient_scope, naming it', async () => {
    const { token } = await tokenFor('openid');
    const answer = await getWith(server, '/api/me', token);
    expect(answer.status).toBe(403);
    expect(challengeOf(answer)).toContain('error="insufficient_scope"');
    expect(challengeOf(answer)).toContain('scope="profile"');
    expect(challengeOf(answer)).toContain('resource_metadata="');
  });

  test('with the scope: id and username; what else by its own scope; a refresh token is no access token', async () => {
    const { token, refreshToken, username, id } = await tokenFor('openid profile');
    const answer = await getWith(server, '/api/me', token);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ id, username, name: 'Some Body' });
    expect(answer.body).not.toHaveProperty('email');
    expect((await getWith(server, '/api/me', refreshToken)).status).toBe(401);
    const wider = await tokenFor('openid profile email');
    expect((await getWith(server, '/api/me', wider.token)).body).toMatchObject({
      email: 'some@body.example',
    });
    const query = await fetch(server.url(`/api/me?access_token=${token}`));
    expect(query.status).toBe(401);
  });

  test('of a disabled account, or a client without a person: 401', async () => {
    const { token, id } = await tokenFor('openid profile');
    await server.container.disableAccounts.disable(id, { actorId: 'cli' });
    expect((await getWith(server, '/api/me', token)).status).toBe(401);
    const service = await server.createClient({
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      scope: 'profile',
    });
    const { body } = await post(
      server,
      '/oauth/token',
      { grant_type: 'client_credentials', scope: 'profile' },
      service,
    );
    expect((await getWith(server, '/api/me', body.access_token)).status).toBe(401);
  });
});

describe('headers and cookies', () => {
  async function everyPage(on: TestServer, headers: Record<string, string> = {}): Promise<Page[]> {
    const asked = await on.createClient();
    const browser = createBrowser();
    const { id } = await newPerson(on);
    const own = await on.createClient({}, { owner: id });
    const pages: Page[] = [];
    const get = async (path: string) => pages.push(await browser.get(on.url(path), headers));
    for (const path of [
      '/',
      '/login',
      '/logout',
      '/signup',
      '/oauth/device',
      '/nothing',
      '/oauth/authorize?client_id=x',
    ]) {
      await get(path);
    }
    let page = await browser.get(authorizeUrl(on, asked), headers);
    pages.push(page);
    while (page.location?.startsWith(on.issuer)) {
      page = await browser.get(page.location, headers);
      pages.push(page);
    }
    const form = formOf(page, '/login');
    const fields = { ...form.fields, username: `person${people}`, password: PASSWORD };
    page = await browser.post(form.action, fields, headers);
    pages.push(page);
    while (page.location?.startsWith(on.issuer)) {
      page = await browser.get(page.location, headers);
      pages.push(page);
    }
    for (const path of [
      '/',
      '/account',
      '/create_client',
      `/clients/${own.clientId}`,
      '/logout',
      '/oauth/end_session',
    ]) {
      await get(path);
    }
    const allowed = formOf(page, '/consent');
    page = await browser.post(allowed.action, { ...allowed.fields, decision: 'allow' }, headers);
    pages.push(page);
    while (page.location?.startsWith(on.issuer)) {
      page = await browser.get(page.location, headers);
      pages.push(page);
    }
    expect(page.location).toContain(`${REDIRECT_URI}?code=`);
    return pages;
  }

  function expectSafePage(page: Page, https: boolean): void {
    const of = (name: string) => page.headers.get(name) ?? '';
    const policy = new Map(
      of('content-security-policy')
        .split('; ')
        .map((part) => [part.split(' ')[0] ?? '', part] as const),
    );
    const where = page.url.replace(/[\w-]{40,}/g, '…');
    expect({ where, value: of('content-security-policy') }).not.toMatchObject({
      value: expect.stringMatching(/unsafe-inline|unsafe-eval|\*/),
    });
    expect({ where, value: policy.get('default-src') }).toEqual({ where, value: "default-src 'none'" });
    expect({ where, value: policy.get('frame-ancestors') }).toEqual({
      where,
      value: "frame-ancestors 'none'",
    });
    expect({ where, value: policy.get('base-uri') }).toEqual({ where, value: "base-uri 'none'" });
    expect({ where, value: of('x-content-type-options') }).toEqual({ where, value: 'nosniff' });
    expect({ where, value: of('referrer-policy') }).toEqual({ where, value: 'same-origin' });
    expect({ where, value: of('cache-control') }).toEqual({
      where,
      value: expect.stringContaining('no-store'),
    });
    expect({ where, value: of('x-request-id') }).not.toEqual({ where, value: '' });
    expect({ where, value: /max-age=\d{8}/.test(of('strict-transport-security')) }).toEqual({
      where,
      value: https,
    });
    expect({ where, value: of('x-powered-by') + of('server') }).toEqual({ where, value: '' });
    for (const [, nonce] of page.text.matchAll(/<(?:script|style)[^>]*nonce="([^"]*)"/g)) {
      expect(of('content-security-policy')).toContain(`'nonce-${nonce}'`);
    }
    expect(page.text).not.toMatch(/<script(?![^>]*nonce=)|<style(?![^>]*nonce=)|\son\w+="|style="/);
  }

  test('of every page on the way (A101, A102)', async () => {
    const pages = await everyPage(server);
    for (const page of pages) expectSafePage(page, false);
    const cookies = pages.flatMap(({ headers }) => headers.getSetCookie());
    expect(new Set(cookies.map((line) => line.split('=')[0]))).toEqual(
      new Set(
        ['postern_session', 'postern_interaction', 'postern_resume', 'postern_attempt']
          .flatMap((name) => [name, `${name}.sig`])
          .concat('postern_browser'),
      ),
    );
    for (const cookie of cookies) {
      expect(cookie).toMatch(/; httponly/i);
      expect(cookie).toMatch(/; samesite=lax/i);
      expect(cookie).not.toMatch(/; domain=/i);
      expect(cookie).not.toMatch(/; secure/i);
      expect(cookie.length).toBeLessThan(4096);
    }
    const nonces = pages.map(
      ({ headers }) => /nonce-([^']*)/.exec(headers.get('content-security-policy') ?? '')?.[1],
    );
    const given = nonces.filter(Boolean);
    expect(new Set(given).size).toBe(given.length);
  });

  describe('behind a proxy that ends TLS', () => {
    let secure: TestServer;
    let http: Server;
    beforeAll(async () => {
      const issuer = 'https://id.example';
      secure = await startServer({
        ISSUER: issuer,
        SECRET_KEY: 'a-secret-key-for-this-test-of-quite-some-length',
        TRUST_PROXY: '127.0.0.1',
        SIGN_UP: 'open',
      });
      const health = createHealth({ checks: [], draining: () => false });
      http = createServer(createApp(secure.container, health));
      await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    });
    afterAll(async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
      await secure.close();
    });

    /** `fetch` for a name that is not ours: the proxy's side of the connection. */
    function throughProxy(): typeof fetch {
      const { port } = http.address() as AddressInfo;
      return ((address: string, init: RequestInit) =>
        new Promise<Response>((resolve, reject) => {
          const { pathname, search, host } = new URL(address);
          const headers = {
            ...(init.headers as Record<string, string>),
            host,
            'x-forwarded-proto': 'https',
            'x-forwarded-for': '192.0.2.7',
          };
          const req = request(
            { port, host: '127.0.0.1', path: pathname + search, method: init.method, headers },
            async (res) => {
              const chunks: Buffer[] = [];
              for await (const chunk of res) chunks.push(chunk as Buffer);
              const answer = new Headers();
              for (let at = 0; at < res.rawHeaders.length; at += 2) {
                answer.append(res.rawHeaders[at] as string, res.rawHeaders[at + 1] as string);
              }
              const status = res.statusCode ?? 0;
              const body = Buffer.concat(chunks).toString();
              resolve({ status, headers: answer, text: async () => body } as Response);
            },
          );
          req.on('error', reject);
          req.end(init.body as string | undefined);
        })) as typeof fetch;
    }

    test('cookies are Secure, bound to the host by their names, and pages say HSTS (A101, A102)', async () => {
      const real = globalThis.fetch;
      globalThis.fetch = throughProxy();
      try {
        const pages = await everyPage(secure);
        for (const page of pages) expectSafePage(page, true);
        const cookies = pages.flatMap(({ headers }) => headers.getSetCookie());
        expect(cookies.length).toBeGreaterThan(6);
        for (const cookie of cookies) {
          expect(cookie).toMatch(/^__(Host|Secure)-postern_/);
          expect(cookie).toMatch(/; secure/i);
          expect(cookie).toMatch(/; httponly/i);
          expect(cookie).toMatch(/; samesite=lax/i);
          expect(cookie).not.toMatch(/; domain=/i);
          if (cookie.startsWith('__Host-')) expect(cookie).toMatch(/; path=\/(;|$)/i);
        }
        expect(cookies.some((cookie) => cookie.startsWith('__Host-postern_session='))).toBe(true);
      } finally {
        globalThis.fetch = real;
      }
    });
  });
});

describe('errors (row 116)', () => {
  test.each([
    '/nothing',
    '/clients/x/y',
    '/.well-known/nothing',
    '/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200',
    '/oauth/register',
    '/oauth/backchannel',
    '/api/nothing',
    '/interaction',
  ])('%s is 404 for browsers and programs', async (path) => {
    const page = await createBrowser().get(server.url(path));
    expect(page.status).toBe(404);
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(page.text).toContain(page.headers.get('x-request-id') ?? '(no id)');
    const answer = await getWith(server, path);
    expect(answer.status).toBe(404);
    expect(answer.headers.get('content-type')).toContain('application/json');
    expect(answer.body).toMatchObject({ error: 'not_found', request_id: answer.headers.get('x-request-id') });
  });

  test('the request id of an answer stands in the log line, one from outside in neither', async () => {
    const forged = 'forged-request-id';
    const answer = await fetch(server.url('/clients/none/such'), { headers: { 'x-request-id': forged } });
    const id = answer.headers.get('x-request-id') ?? '';
    expect(id).not.toBe(forged);
    expect(await answer.json()).toMatchObject({ request_id: id });
    const lines = server.logs.map((line) => JSON.parse(line)).filter((line) => line.request_id === id);
    expect(lines).toContainEqual(expect.objectContaining({ msg: 'request', status: 404, method: 'GET' }));
    expect(server.logs.join()).not.toContain(forged);
  });

  test('an error nobody foresaw tells its id and nothing else', async () => {
    const own = await startServer();
    try {
      const browser = createBrowser();
      const { fields } = formOf(await browser.get(own.url('/login')), '/login');
      await own.container.database.close();
      const form = { ...fields, username: 'alice', password: PASSWORD };
      const answer = await browser.post(own.url('/login'), form);
      expect(answer.status).toBeGreaterThanOrEqual(500);
      expect(answer.text).not.toMatch(/sqlite|database connection|at .*\.ts|node_modules|SELECT/i);
      expect(answer.text).toContain(answer.headers.get('x-request-id') ?? '(no id)');
      const ready = await getWith(own, '/readyz');
      expect(ready).toMatchObject({ status: 503, body: { failing: ['database'] } });
      expect(await getWith(own, '/config/health')).toMatchObject({
        status: 503,
        body: { status: 'unhealthy' },
      });
      expect((await getWith(own, '/livez')).status).toBe(200);
    } finally {
      await own.close();
    }
  });

  test.each([
    ['a repeated field', 'username=a&username=b', 400],
    ['a NUL', 'username=a%00b', 400],
    ['a broken percent sequence', 'username=%zz', 400],
    ['61 KB', `username=${'x'.repeat(61_000)}`, 413],
    ['300 fields', Array.from({ length: 300 }, (_, at) => `f${at}=1`).join('&'), 400],
  ])('a form with %s is refused, never a 500', async (_what, body, status) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html' };
    const answer = await fetch(server.url('/login'), { method: 'POST', headers, body });
    expect(answer.status).toBe(status);
  });
});

describe('small documents and probes (row 117)', () => {
  test('/livez, /readyz and /config/health answer any host, without cookies, uncached', async () => {
    for (const [path, body] of [
      ['/livez', { status: 'ok' }],
      ['/readyz', { status: 'ok' }],
      ['/config/health', { status: 'healthy' }],
    ] as const) {
      const answer = await getWith(server, path);
      expect(answer).toMatchObject({ status: 200, body });
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
  });

  test('robots.txt keeps robots out', async () => {
    const answer = await getWith(server, '/robots.txt');
    expect(answer.body).toBe('User-agent: *\nDisallow: /\n');
    expect(answer.headers.get('content-type')).toContain('text/plain');
  });

  test('security.txt names the contact and an end, and is not there without a contact', async () => {
    const { status, body } = await getWith(server, '/.well-known/security.txt');
    expect(status).toBe(200);
    expect(body).toContain('Contact: mailto:security@example.org\n');
    expect(Date.parse(/Expires: (.*)/.exec(body)?.[1] ?? '')).toBeGreaterThan(server.clock.now());
    const own = await startServer();
    try {
      expect((await getWith(own, '/.well-known/security.txt')).status).toBe(404);
    } finally {
      await own.close();
    }
  });
});
