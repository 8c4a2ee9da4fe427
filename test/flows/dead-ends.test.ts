import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { createBrowser, formOf, type Page } from '../support/browser.js';
import { answerOf, authorizeUrl, signIn, walk } from '../support/flow.js';
import { PASSWORD, startServer, type TestClient, type TestServer } from '../support/server.js';
import { later, realTime } from '../support/time.js';

/**
 * The dead ends people complained about elsewhere (`stack-and-ux.md` §4, by number): each has a page here that
 * says what happened and leads on.
 */

let server: TestServer;
let client: TestClient;
let people = 0;

beforeAll(async () => {
  server = await startServer({ SIGN_UP: 'open' });
  client = await server.createClient({ client_name: 'Photo Album', client_uri: 'https://app.example/home' });
});
afterAll(() => server.close());
afterEach(realTime);

const newPerson = (more = {}) => {
  people += 1;
  return server.createAccount(`lost${people}`, more);
};

const headingOf = (page: Page): string => /<h1[^>]*>([\s\S]*?)<\/h1>/.exec(page.text)?.[1]?.trim() ?? '';
const wayOn = (page: Page, label: string): string | undefined =>
  [...page.text.matchAll(/<a class="button[^"]*" href="([^"]*)">([^<]*)<\/a>/g)]
    .find(([, , text]) => text === label)?.[1]
    ?.replaceAll('&amp;', '&');

/** What every one of them must hold: a title, a cause and a reference, no bare code and no stack. */
function expectPage(page: Page, status: number, title: RegExp): void {
  expect(page.status).toBe(status);
  expect(headingOf(page)).toMatch(title);
  expect(page.text).toContain(page.headers.get('x-request-id') ?? '(no id)');
  expect(page.text).not.toMatch(/\bat \w+ \(|node_modules|SessionNotFound/);
}

const start = async (browser = createBrowser(), params = {}) => ({
  browser,
  page: await browser.follow(await browser.get(authorizeUrl(server, client, params)), server.issuer),
});

describe('2: the first administrator from another machine (keycloak#35069)', () => {
  test('the printed password works from any address; nothing is "local access only"', async () => {
    const own = await startServer({
      ISSUER: 'http://localhost:5999',
      TRUST_PROXY: '127.0.0.1,::1',
      PORT: '5999',
    });
    try {
      const made = await own.container.bootstrap();
      expect(made).toMatchObject({ outcome: 'created', oneTimePassword: expect.any(String) });
      const { oneTimePassword = '', username } = made as { oneTimePassword?: string; username: string };
      const info = { ip: '203.0.113.9', requestId: 'r' };
      const result = await own.container.authenticate({ username, password: oneTimePassword }, info);
      expect(result.outcome).toBe('must_change');
    } finally {
      await own.close();
    }
  });
});

describe('2: …and on the pages themselves', () => {
  test('from another machine behind a proxy: printed password, a password of one’s own, then administering', async () => {
    const own = await startServer({ TRUST_PROXY: '127.0.0.1,::1' });
    try {
      const made = await own.container.bootstrap();
      const { oneTimePassword = '', username } = made as { oneTimePassword?: string; username: string };
      const far = { 'x-forwarded-for': '203.0.113.9' };
      const browser = createBrowser();
      const { action, fields } = formOf(await browser.get(own.url('/login'), far), '/login');
      const choose = await browser.post(action, { ...fields, username, password: oneTimePassword }, far);
      expect(headingOf(choose)).toBe('Choose a new password');
      const next = formOf(choose, '/login');
      const done = await browser.post(
        next.action,
        { ...next.fields, new_password: 'a gate in the back wall' },
        far,
      );
      expect(done).toMatchObject({ status: 303, location: own.url('/') });
      const home = await browser.get(own.url('/'), far);
      expect(headingOf(home)).toContain('Hello');
      expect(home.text).toContain('admin</span>');
      const [row] = await own.container.auditStore.list({ limit: 1 });
      expect(row?.ip).toBe('203.0.113.9');
    } finally {
      await own.close();
    }
  });

  test('a printed password that was lost: the next start, or a command, makes another one', async () => {
    const own = await startServer();
    try {
      const first = await own.container.bootstrap();
      own.clock.advance(24 * 3600 + 1);
      const again = await own.container.bootstrap();
      expect(again).toMatchObject({ outcome: 'renewed', oneTimePassword: expect.any(String) });
      expect(again).not.toEqual(first);
      const { oneTimePassword = '', username } = again as { oneTimePassword?: string; username: string };
      const browser = createBrowser();
      const form = { username, password: oneTimePassword };
      const page = await browser.submit(await browser.get(own.url('/login')), '/login', form);
      expect(headingOf(page)).toBe('Choose a new password');
    } finally {
      await own.close();
    }
  });
});

describe('3: "Cookie not found" after reopening a tab (keycloak#32462, #46564)', () => {
  test('without any cookie the page says so, and leads home', async () => {
    const { page } = await start();
    const late = await createBrowser().get(page.url);
    expectPage(late, 400, /has expired/);
    expect(late.text).toContain('cookie');
    // There is nothing here to start again with, so it is not promised.
    expect(late.text).toContain('go back to the application');
    expect(wayOn(late, 'Start again')).toBeUndefined();
    expect(wayOn(late, 'Home page')).toBe('/');
  });

  test('with the browser’s own cookie it leads back to the application and into the same request', async () => {
    const { username } = await newPerson();
    const { browser, page } = await start();
    await browser.follow(await browser.submit(page, '/cancel'), server.issuer);
    const late = await browser.get(page.url);
    expectPage(late, 400, /has expired/);
    expect(wayOn(late, 'Back to Photo Album')).toBe('https://app.example/home');
    const again = wayOn(late, 'Start again') as string;
    const end = await walk(server, browser, await browser.get(server.url(again)), username);
    expect(answerOf(end).get('code')).toBeTruthy();
    expect(answerOf(end).get('state')).toBe('the-state');
  });
});

describe('4: "Invalid parameter: redirect_uri" (keycloak#10528, #15304, #18324)', () => {
  const WRONG = 'https://app.example/callback-typo';
  const ask = (browser = createBrowser()) => start(browser, { redirect_uri: WRONG });

  test('a stranger is told which address was received, for which application, and nothing of what is registered', async () => {
    const { page } = await ask();
    expectPage(page, 400, /not registered/);
    expect(page.text).toContain(WRONG);
    expect(page.text).toContain('Photo Album');
    expect(page.text).not.toContain('https://app.example/cb.');
    expect(page.text).not.toContain('Registered are');
    expect(page.location).toBeUndefined();
    expect(wayOn(page, 'Back to Photo Album')).toBe('https://app.example/home');
  });

  test('somebody else who is signed in is a stranger, too', async () => {
    const { username } = await newPerson();
    const browser = createBrowser();
    await signIn(server, browser, username);
    const { page } = await ask(browser);
    expect(page.text).not.toContain('Registered are');
    expect(wayOn(page, 'Edit this client')).toBeUndefined();
  });

  test('its owner sees what is registered and where to change it; an administrator sees the list', async () => {
    const owner = await newPerson();
    const admin = await newPerson({ roles: ['admin'] });
    const own = await server.createClient({ client_name: 'Mine' }, { owner: owner.id });
    const wrong = authorizeUrl(server, own, { redirect_uri: WRONG });
    const browser = createBrowser();
    await signIn(server, browser, owner.username);
    const page = await browser.get(wrong);
    expectPage(page, 400, /not registered/);
    expect(page.text).toContain('Registered are: https://app.example/cb.');
    const edit = wayOn(page, 'Edit this client') as string;
    expect((await browser.get(server.url(edit))).status).toBe(200);

    const other = createBrowser();
    await signIn(server, other, admin.username);
    const seen = await other.get(wrong);
    expect(seen.text).toContain('Registered are: https://app.example/cb.');
    expect(wayOn(seen, 'Edit this client')).toBeUndefined();
  });
});

describe('5: a used or expired sign-in that fails only after the password was typed (hydra#2820, #2057)', () => {
  test('it is found on opening the page, and again before the password is looked at', async () => {
    const { username, id } = await newPerson();
    const { browser, page } = await start();
    later(3700);
    const opened = await browser.get(page.url);
    expectPage(opened, 400, /has expired/);
    const posted = await browser.submit(page, '/login', { username, password: PASSWORD });
    expectPage(posted, 400, /has expired/);
    const rows = await server.container.auditStore.list({ accountId: id, limit: 10 });
    expect(rows.map(({ event }) => event)).not.toContain('account.sign_in');
    expect(wayOn(posted, 'Start again')).toContain('/oauth/authorize?');
    realTime();
    const end = await walk(
      server,
      browser,
      await browser.get(server.url(wayOn(posted, 'Start again') as string)),
      username,
    );
    expect(answerOf(end).get('code')).toBeTruthy();
  });

  test('the form of a request that was finished in another tab leads on as well', async () => {
    const { username } = await newPerson();
    const { browser, page } = await start();
    await walk(server, browser, page, username);
    const stale = await browser.submit(page, '/login', { username, password: PASSWORD });
    expectPage(stale, 400, /has expired/);
    expect(stale.text).toContain('finished in another tab');
    expect(wayOn(stale, 'Start again')).toContain('/oauth/authorize?');
  });
});

describe('8: SessionNotFound after idling (node-oidc-provider#545, #644, #798)', () => {
  test('the library’s own resume address names the application and begins again', async () => {
    const { username } = await newPerson();
    const { browser, page } = await start();
    const uid = /\/interaction\/([\w-]+)/.exec(page.url)?.[1];
    later(3700);
    const lost = await browser.get(server.url(`/oauth/authorize/${uid}`));
    expectPage(lost, 400, /has expired/);
    expect(wayOn(lost, 'Back to Photo Album')).toBe('https://app.example/home');
    realTime();
    const end = await walk(
      server,
      browser,
      await browser.get(server.url(wayOn(lost, 'Start again') as string)),
      username,
    );
    expect(answerOf(end).get('code')).toBeTruthy();
  });
});

describe('10: one message for a wrong password and a broken server; consent shown without a reason (dex#1530, #3540)', () => {
  test('a wrong password is said in the form, with the name kept', async () => {
    const { username } = await newPerson();
    const { browser, page } = await start();
    const wrong = await browser.submit(page, '/login', { username, password: 'not the one' });
    expect(wrong.status).toBe(400);
    expect(wrong.text).toContain('The username or the password is wrong.');
    expect(wrong.text).toContain(`value="${username}"`);
  });

  test('a busy database is 503, says to wait, blames nobody’s password and leads back to the form', async () => {
    const own = await startServer();
    const { username } = await own.createAccount('waiting');
    const browser = createBrowser();
    const page = await browser.get(own.url('/login?next=/account'));
    const other = new BetterSqlite3(own.container.config.database.file as string);
    try {
      const { action, fields } = formOf(page, '/login');
      const form = { ...fields, username, password: PASSWORD };
      other.exec('BEGIN IMMEDIATE');
      const busy = await browser.post(action, form, { referer: page.url });
      expectPage(busy, 503, /Busy|busy/);
      expect(busy.headers.get('retry-after')).toBe('2');
      expect(busy.text).not.toContain('password is wrong');
      const back = wayOn(busy, 'Try again') as string;
      expect(back).toBe('/login?next=/account');
      // Another site’s address is never a way on.
      const led = await browser.post(action, form, { referer: 'https://evil.example/login' });
      expect(led.text).not.toContain('evil.example');
      expect(wayOn(led, 'Try again')).toBeUndefined();
      other.exec('ROLLBACK');
      const again = await browser.submit(await browser.get(own.url(back)), '/login', {
        username,
        password: PASSWORD,
      });
      expect(again).toMatchObject({ status: 303, location: own.url('/account') });
    } finally {
      other.close();
      await own.close();
    }
  });

  test('a database that fails is 500 with a reference, and blames nobody’s password', async () => {
    const own = await startServer();
    const { username } = await own.createAccount('patient');
    const browser = createBrowser();
    const page = await browser.get(own.url('/login'));
    await own.container.database.run(
      own.container.database.sql.raw('ALTER TABLE accounts RENAME TO away') as never,
    );
    const down = await browser.submit(page, '/login', { username, password: PASSWORD });
    expectPage(down, 500, /wrong on our side/);
    expect(down.text).not.toContain('password is wrong');
    expect(down.text).toContain(down.headers.get('x-request-id') ?? '(no id)');
    await own.container.database.run(
      own.container.database.sql.raw('ALTER TABLE away RENAME TO accounts') as never,
    );
    await own.close();
  });

  test('consent says why it is asked: first time, more than before, asked by the application, native application', async () => {
    const { username } = await newPerson();
    const browser = createBrowser();
    await signIn(server, browser, username);
    const first = await start(browser, { scope: 'openid profile' });
    expect(first.page.text).toContain('not allowed this application anything yet');
    await browser.follow(await browser.submit(first.page, '/consent', { decision: 'allow' }), server.issuer);
    const more = await start(browser, { scope: 'openid profile email' });
    expect(more.page.text).toContain('wants more than you allowed so far');
    const forced = await start(browser, { scope: 'openid profile', prompt: 'consent' });
    expect(forced.page.text).toContain('the application wants you to confirm it');

    const native = await server.createClient({
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://127.0.0.1/cb'],
    });
    const challenge = { code_challenge: 'a'.repeat(43), code_challenge_method: 'S256' };
    const url = authorizeUrl(server, native, { ...challenge, redirect_uri: 'http://127.0.0.1:9/cb' });
    const once = await browser.follow(await browser.get(url), server.issuer);
    await browser.follow(await browser.submit(once, '/consent', { decision: 'allow' }), server.issuer);
    const twice = await browser.follow(await browser.get(url), server.issuer);
    expect(twice.text).toContain('cannot prove that it is the same one');
  });
});

describe('12: a consent page that everybody must write, and a state that is wrongly required (better-auth#1160)', () => {
  test('the flow ends well with our own pages and without state', async () => {
    const { username } = await newPerson();
    const { browser, page } = await start(createBrowser(), { state: undefined });
    const end = await walk(server, browser, page, username);
    expect(answerOf(end).get('code')).toBeTruthy();
    expect(answerOf(end).has('state')).toBe(false);
  });
});
