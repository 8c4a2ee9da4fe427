import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type Browser, createBrowser, formOf, type Page } from '../support/browser.js';
import {
  answerOf,
  authorizeUrl,
  type CodeGrant,
  getWith,
  introspect,
  newPkce,
  post,
  redeem,
  refresh,
  signIn,
} from '../support/flow.js';
import { PASSWORD, startServer, type TestClient, type TestServer } from '../support/server.js';
import { realTime } from '../support/time.js';

/** The consent page: who asks, who answers, what would be shared, and what is left out (A26, A27). */

let server: TestServer;
let client: TestClient;
let people = 0;

beforeAll(async () => {
  server = await startServer({ SIGN_UP: 'open' });
});
afterAll(() => server.close());
afterEach(realTime);

const SCOPE = 'openid profile email offline_access';

interface Asked {
  readonly browser: Browser;
  readonly page: Page;
  readonly username: string;
  readonly id: string;
  readonly pkce: ReturnType<typeof newPkce>;
}

const ask = (browser: Browser, of: TestClient, pkce: ReturnType<typeof newPkce>, params = {}) =>
  browser.get(
    authorizeUrl(server, of, {
      scope: SCOPE,
      code_challenge: pkce.challenge,
      code_challenge_method: 'S256',
      ...params,
    }),
  );

/** Somebody new, signed in, before the consent page of a client. */
async function asked(params = {}, metadata = {}, more = {}): Promise<Asked> {
  people += 1;
  const username = `asked${people}`;
  const { id } = await server.createAccount(username, {
    displayName: 'Ada Lovelace',
    email: `${username}@example.org`,
    emailVerified: true,
  });
  client = await server.createClient(metadata, more);
  const browser = createBrowser();
  await signIn(server, browser, username);
  const pkce = newPkce();
  const page = await browser.follow(await ask(browser, client, pkce, params), server.issuer);
  return { browser, page, username, id, pkce };
}

async function decide({ browser, page }: Asked, form: Record<string, string>): Promise<Page> {
  const { action, fields } = formOf(page, '/consent');
  const boxes = Object.keys(fields).filter((name) => name.startsWith('scope:'));
  const kept = Object.fromEntries(Object.entries(fields).filter(([name]) => !boxes.includes(name)));
  return browser.follow(await browser.post(action, { ...kept, ...form }), server.issuer);
}

const codeOf = (page: Page, { pkce, browser }: Asked): CodeGrant => ({
  code: answerOf(page).get('code') as string,
  pkce,
  browser,
});

describe('boxes that were emptied', () => {
  test('the tokens name what remains, UserInfo gives no more, and the page is not shown in a circle', async () => {
    const step = await asked();
    const end = await decide(step, { decision: 'allow', 'scope:profile': 'yes' });
    const { body } = await redeem(server, client, codeOf(end, step));
    expect(body.scope).toBe('openid profile');
    const { body: person } = await getWith(server, '/oauth/userinfo', body.access_token);
    expect(person.name).toBe('Ada Lovelace');
    expect(person.email).toBeUndefined();
  });

  test('the first part of the name is no way round: openid stays, whatever the form says', async () => {
    const step = await asked();
    const end = await decide(step, { decision: 'allow' });
    const { body } = await redeem(server, client, codeOf(end, step));
    expect(body.scope).toBe('openid');
  });

  test('an unticked offline_access: the refresh token ends with the browser session', async () => {
    const step = await asked();
    const end = await decide(step, { decision: 'allow', 'scope:profile': 'yes', 'scope:email': 'yes' });
    const { body } = await redeem(server, client, codeOf(end, step));
    expect(body.scope).toBe('openid profile email');
    await step.browser.submit(await step.browser.get(server.url('/logout')), '/logout', { logout: 'yes' });
    expect((await refresh(server, client, body.refresh_token)).status).toBe(400);
    expect((await introspect(server, client, body.access_token)).active).toBe(false);
  });

  test('a scope nobody asked for cannot be slipped in by the form', async () => {
    const step = await asked({ scope: 'openid profile' });
    const end = await decide(step, { decision: 'allow', 'scope:profile': 'yes', 'scope:email': 'yes' });
    const { body } = await redeem(server, client, codeOf(end, step));
    expect(body.scope).toBe('openid profile');
  });

  test('what was allowed is remembered; asking for the unticked scope again shows the page again, marked new', async () => {
    const step = await asked();
    await decide(step, { decision: 'allow', 'scope:profile': 'yes' });
    const consent = await server.container.consents.find(step.id, client.clientId);
    expect(consent?.scopes).toEqual(['openid', 'profile']);

    const same = await step.browser.follow(
      await ask(step.browser, client, step.pkce, { scope: 'openid profile' }),
      server.issuer,
    );
    expect(answerOf(same).get('code')).toBeTruthy();

    const again = await step.browser.follow(
      await ask(step.browser, client, step.pkce, { scope: 'openid profile email' }),
      server.issuer,
    );
    expect(again.status).toBe(200);
    expect(again.text).toContain('wants more than you allowed so far');
    expect(again.text).toMatch(/See your e-mail address <span class="tag">new<\/span>/);
    const end = await decide(
      { ...step, page: again },
      {
        decision: 'allow',
        'scope:profile': 'yes',
        'scope:email': 'yes',
      },
    );
    const { body } = await redeem(server, client, codeOf(end, step));
    expect(body.scope).toBe('openid profile email');
  });

  test('a device gets what remains, too', async () => {
    const grant = 'urn:ietf:params:oauth:grant-type:device_code';
    const device = await server.createClient({
      redirect_uris: [],
      response_types: [],
      grant_types: [grant, 'refresh_token'],
    });
    const { username } = await server.createAccount('with-device');
    const browser = createBrowser();
    await signIn(server, browser, username);
    const { body } = await post(server, '/oauth/device_authorization', { scope: SCOPE }, device);
    const confirm = await browser.submit(await browser.get(server.url('/oauth/device')), '/oauth/device', {
      user_code: body.user_code,
    });
    const page = await browser.follow(
      await browser.submit(confirm, '/oauth/device', { confirm: 'yes' }),
      server.issuer,
    );
    const { action, fields } = formOf(page, '/consent');
    const kept = { csrf: fields.csrf ?? '', decision: 'allow', 'scope:profile': 'yes' };
    const done = await browser.follow(await browser.post(action, kept), server.issuer);
    expect(done.text).toContain('Your device is connected');
    const form = { grant_type: grant, device_code: body.device_code };
    const answer = await post(server, '/oauth/token', form, device);
    expect(answer.body.scope).toBe('openid profile');
    const next = await refresh(server, device, answer.body.refresh_token);
    expect(next.body.scope).toBe('openid profile');
  });

  test('what was allowed before can be taken back on the page, for tokens given before, too', async () => {
    const step = await asked({ scope: 'openid profile email' });
    const first = await decide(step, { decision: 'allow', 'scope:profile': 'yes', 'scope:email': 'yes' });
    const before = (await redeem(server, client, codeOf(first, step))).body;
    const page = await step.browser.follow(
      await ask(step.browser, client, step.pkce, { scope: 'openid profile email', prompt: 'consent' }),
      server.issuer,
    );
    expect(page.text).toContain('the application wants you to confirm it');
    const end = await decide({ ...step, page }, { decision: 'allow', 'scope:profile': 'yes' });
    expect((await redeem(server, client, codeOf(end, step))).body.scope).toBe('openid profile');
    expect((await getWith(server, '/oauth/userinfo', before.access_token)).body.email).toBeUndefined();
    const consent = await server.container.consents.find(step.id, client.clientId);
    expect(consent?.scopes).toEqual(['openid', 'profile']);
  });
});

describe('what the page says', () => {
  test('who asks, who registered it and when, and the values themselves', async () => {
    const owner = await server.createAccount('maker');
    const { page, username } = await asked({}, { client_name: 'Photo Album' }, { owner: owner.id });
    expect(page.text).toContain('Photo Album');
    expect(page.text).toContain('app.example');
    expect(page.text).toMatch(/Registered by maker on \d+ \w+ \d{4}\./);
    expect(page.text).toContain('Nobody here has checked this application');
    expect(page.text).toContain('Name: Ada Lovelace');
    expect(page.text).toContain(`Username: ${username}`);
    expect(page.text).toContain(`E-mail: ${username}@example.org`);
    expect(page.text).toContain('not allowed this application anything yet');
  });

  test('an administrator’s registration is not marked', async () => {
    const owner = await server.createAccount('boss', { roles: ['admin'] });
    const own = await asked({}, {}, { owner: owner.id });
    expect(own.page.text).toContain('Registered by boss on');
    expect(own.page.text).not.toContain('Nobody here has checked');
    const { page } = await asked();
    expect(page.text).toContain('Registered by an administrator on');
    expect(page.text).not.toContain('Nobody here has checked');
  });

  test('an unverified address says so, an absent one too; no image comes from outside', async () => {
    const { username } = await server.createAccount('bare', { displayName: '\u200Dbare' });
    const of = await server.createClient({ logo_uri: 'https://app.example/logo.png' });
    const browser = createBrowser();
    await signIn(server, browser, username);
    const page = await browser.follow(await ask(browser, of, newPkce()), server.issuer);
    expect(page.text).toContain('Nothing there yet');
    expect(page.text).not.toContain('logo.png');
    expect(page.text).not.toContain('\u200D');
  });

  test('a name that came past the rules is shown harmless: no bidi, no zero width, short (A27)', async () => {
    const owner = await server.createAccount('spoofer');
    const of = await server.createClient({}, { owner: owner.id });
    const spoofed = `\u202EknaB\u200B ruoY\u2066${'x'.repeat(5000)}`;
    const metadata = JSON.stringify({ ...of.record.metadata, client_name: spoofed });
    const { database } = server.container;
    await database.run(
      database.sql('clients').where('client_id', of.clientId).update({ metadata, version: 2 }),
    );
    const { username } = await server.createAccount('spoofed');
    const browser = createBrowser();
    const login = await browser.follow(await ask(browser, of, newPkce()), server.issuer);
    expect(login.text).not.toMatch(/[\u202A-\u202E\u2066-\u2069\u200B]/);
    const page = await browser.follow(
      await browser.submit(login, '/login', { username, password: PASSWORD }),
      server.issuer,
    );
    expect(page.text).toContain('/consent');
    expect(page.text).not.toMatch(/[\u202A-\u202E\u2066-\u2069\u200B]/);
    expect(page.text).not.toContain('x'.repeat(100));
  });
});

describe('not you?', () => {
  test('without the page’s token nothing is shown, and nobody is signed out', async () => {
    const { browser, page } = await asked();
    const { action } = formOf(page, '/switch');
    expect((await browser.post(action, {})).status).toBe(403);
    const foreign = await browser.post(action, formOf(page, '/switch').fields, {
      origin: 'https://evil.example',
    });
    expect(foreign.status).toBe(403);
    expect((await browser.get(server.url('/account'))).status).toBe(200);
  });

  test('another account signs in within the same request, and the answer is for it', async () => {
    const step = await asked();
    const other = await server.createAccount(`${step.username}-other`);
    const form = await step.browser.follow(await step.browser.submit(step.page, '/switch'), server.issuer);
    expect(form.status).toBe(200);
    expect(form.text).toContain('to continue to');
    const wrong = await step.browser.submit(form, '/login', { username: other.username, password: 'no' });
    expect(wrong.status).toBe(400);
    let page = await step.browser.follow(
      await step.browser.submit(wrong, '/login', { username: other.username, password: PASSWORD }),
      server.issuer,
    );
    if (page.text.includes('data-autosubmit')) {
      page = await step.browser.follow(
        await step.browser.submit(page, '/oauth/end_session/confirm'),
        server.issuer,
      );
    }
    expect(page.text).toContain(`${step.username}-other`);
    const end = await decide({ ...step, page }, { decision: 'allow', 'scope:profile': 'yes' });
    const { body } = await redeem(server, client, codeOf(end, step));
    const { body: person } = await getWith(server, '/oauth/userinfo', body.access_token);
    expect(person.sub).toBe(other.id);
  });
});
