import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createBrowser } from '../support/browser.js';
import { authorizeUrl, post, signIn } from '../support/flow.js';
import { startServer, type TestServer } from '../support/server.js';

/** Attack rows about accounts that no other file shows on the pages: A103 (names of people), A114. */

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ SIGN_UP: 'open' });
});
afterAll(() => server.close());

describe('A103: what a person is called is text wherever it is shown', () => {
  test.each([
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    '{{1234*1234}}<%= 1234*1234 %>',
  ])('%s', async (displayName) => {
    const client = await server.createClient({ client_name: 'Album' });
    const username = `person${Math.abs(displayName.length * 31)}`;
    await server.createAccount(username);
    const browser = createBrowser();
    await signIn(server, browser, username);
    const form = await browser.get(server.url('/account/profile'));
    const names = { displayName, givenName: displayName, familyName: displayName };
    expect((await browser.submit(form, '/account/profile', names)).status).toBe(303);
    const consent = await browser.follow(await browser.get(authorizeUrl(server, client)), server.issuer);
    expect(consent.text).toContain('/consent"');
    for (const page of [
      consent,
      ...(await Promise.all(
        ['/', '/account', '/account/profile', '/account/delete', '/logout'].map((path) =>
          browser.get(server.url(path)),
        ),
      )),
    ]) {
      expect(page.status).toBe(200);
      for (const raw of ['<script>alert', '<img src=x', '1522756']) expect(page.text).not.toContain(raw);
      if (displayName.includes('<')) expect(page.text).not.toContain(displayName);
    }
    // In data it is what was typed, and the type says that it is no page.
    const data = await browser.get(server.url('/account/export'));
    expect(data.headers.get('content-type')).toContain('application/json');
    expect(data.headers.get('x-content-type-options')).toBe('nosniff');
    expect(JSON.parse(data.text).profile.displayName).toBe(displayName);
  });
});

describe('A114: a fresh server', () => {
  test('has no account that a guess opens, before and after its first administrator is made', async () => {
    const own = await startServer();
    try {
      const guess = async (username: string, password: string) => {
        const browser = createBrowser();
        const form = { username, password };
        return (await browser.submit(await browser.get(own.url('/login')), '/login', form)).status;
      };
      const script = await own.createClient({
        grant_types: ['password'],
        response_types: [],
        redirect_uris: [],
      });
      for (const round of ['before', 'after']) {
        for (const [username, password] of [
          ['admin', 'admin'],
          ['admin', 'password'],
          ['admin', ''],
          ['administrator', 'administrator'],
          ['root', 'root'],
          ['postern', 'postern'],
        ] as const) {
          expect([round, username, await guess(username, password)]).toEqual([round, username, 400]);
        }
        const grant = { grant_type: 'password', username: 'admin', password: 'admin' };
        expect((await post(own, '/oauth/token', grant, script)).body.error).toBe('invalid_grant');
        if (round === 'before') expect((await own.container.bootstrap()).outcome).toBe('created');
        own.clock.advance(901);
      }
      const admins = await own.container.accounts.listHolders('admin');
      expect(admins.map(({ account }) => account.mustChangePassword)).toEqual([true]);
    } finally {
      await own.close();
    }
  });
});
