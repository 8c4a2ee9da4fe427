import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type Browser, createBrowser, formOf, type Page } from '../support/browser.js';
import {
  authorizeUrl,
  getCode,
  getWith,
  introspect,
  post,
  redeem,
  refresh,
  signIn,
} from '../support/flow.js';
import { PASSWORD, startServer, type TestClient, type TestServer } from '../support/server.js';
import { realTime } from '../support/time.js';

/** `/account` and everything under it: profile, password, sessions, applications, data, farewell. */

const DAY = 24 * 60 * 60;
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0';
const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1';
const NEW_PASSWORD = 'seven quiet lighthouses';

let server: TestServer;
let client: TestClient;
let people = 0;

beforeAll(async () => {
  server = await startServer({ SIGN_UP: 'open' });
  client = await server.createClient({ client_name: 'Photo Album' });
});
afterAll(() => server.close());
afterEach(realTime);

interface Person {
  readonly browser: Browser;
  readonly id: string;
  readonly username: string;
}

async function newPerson(more = {}): Promise<Person> {
  people += 1;
  const { id, username } = await server.createAccount(`own${people}`, more);
  const browser = createBrowser();
  await signIn(server, browser, username);
  return { browser, id, username };
}

const open = ({ browser }: { browser: Browser }, path: string, headers = {}) =>
  browser.get(server.url(path), headers);
const at = (page: Page): string | undefined => page.location?.replace(server.issuer, '');
const isSignedIn = async (browser: Browser) => (await browser.get(server.url('/account'))).status === 200;

/** Another browser of the same person. */
async function elsewhere({ username }: Person, userAgent = IPHONE): Promise<Browser> {
  const browser = createBrowser();
  await signIn(server, browser, username);
  await browser.get(server.url('/account'), { 'user-agent': userAgent });
  return browser;
}

const events = async (accountId: string) =>
  (await server.container.auditStore.list({ accountId, limit: 100 })).map(({ event }) => event);

const POSTS = [
  '/account/profile',
  '/account/password',
  '/account/sessions/end-others',
  '/account/sessions/abc/end',
  '/account/applications/abc/revoke',
  '/account/delete',
  '/account/keep',
];

describe('who may', () => {
  test.each(['', '/profile', '/password', '/sessions', '/applications', '/export', '/delete'])(
    'nobody without signing in: /account%s',
    async (path) => {
      const page = await open({ browser: createBrowser() }, `/account${path}`);
      expect(page.status).toBe(303);
      expect(at(page)).toBe(`/login?next=${encodeURIComponent(`/account${path}`)}`);
    },
  );

  test.each(POSTS)('%s without the form’s token, or from elsewhere, changes nothing (A95)', async (path) => {
    const person = await newPerson();
    const { fields } = formOf(await open(person, '/account/profile'), '/account/profile');
    const form = { password: PASSWORD, new_password: NEW_PASSWORD, displayName: 'Mallory' };
    expect((await person.browser.post(server.url(path), form)).status).toBe(403);
    const evil = { origin: 'https://evil.example' };
    expect((await person.browser.post(server.url(path), { ...fields, ...form }, evil)).status).toBe(403);
    const account = await server.container.accounts.findById(person.id);
    expect(account?.displayName).toBeUndefined();
    expect(account?.deleteAt).toBeUndefined();
    expect(await isSignedIn(person.browser)).toBe(true);
  });
});

describe('profile', () => {
  test('what cannot be is refused at its field, and nothing is saved', async () => {
    const person = await newPerson({ displayName: 'Before' });
    const page = await open(person, '/account/profile');
    const refused = await person.browser.submit(page, '/account/profile', {
      displayName: 'a\u202Eb',
      givenName: 'x'.repeat(200),
      locale: 'no such tag!',
    });
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('<title>Error: Your profile');
    for (const field of ['displayName', 'givenName', 'locale'])
      expect(refused.text).toContain(`href="#${field}"`);
    expect((await server.container.accounts.findById(person.id))?.displayName).toBe('Before');
  });

  test('an address says whether somebody typed it, vouched for it, or followed a link mailed to it', async () => {
    const said = async (person: Person) =>
      /E-mail<\/dt>[\s\S]*?<div class="small">([^<]*)</.exec((await open(person, '/account')).text)?.[1];
    expect(await said(await newPerson({ email: 'a@example.org' }))).toBe(
      'set by an administrator, not verified',
    );
    expect(await said(await newPerson({ email: 'a@example.org', createdBy: 'self' }))).toBe(
      'typed by you, not verified',
    );
    expect(await said(await newPerson({ email: 'a@example.org', emailVerified: true }))).toBe(
      'set by an administrator',
    );
    const person = await newPerson({ email: 'a@example.org', createdBy: 'self' });
    const { accounts, database } = server.container;
    await database.write([accounts.proveEmailStep(person.id, 'a@example.org', server.clock.now())]);
    expect(await said(person)).toBe('verified by mail');
  });

  test('fields beyond the four are ignored (A105)', async () => {
    const person = await newPerson();
    const page = await open(person, '/account/profile');
    await person.browser.submit(page, '/account/profile', {
      displayName: 'Ada',
      email: 'x@example.org',
      emailVerified: '1',
      roles: 'admin',
      username: 'root',
      id: 'chosen',
    });
    const account = await server.container.accounts.findById(person.id);
    expect(account).toMatchObject({
      id: person.id,
      username: person.username,
      roles: [],
      displayName: 'Ada',
    });
    expect(account?.email).toBeUndefined();
  });

  test('is saved, with where each value came from, and claims follow', async () => {
    const person = await newPerson({ displayName: 'By admin', familyName: 'Kept' });
    const before = await open(person, '/account');
    expect(before.text.match(/set by an administrator/g)).toHaveLength(2);
    const page = await open(person, '/account/profile');
    const saved = await person.browser.submit(page, '/account/profile', {
      displayName: ' Ada ',
      givenName: '',
      familyName: 'Kept',
      locale: 'de-at',
    });
    expect(at(saved)).toBe('/account?done=profile');
    const after = await person.browser.follow(saved, server.issuer);
    expect(after.text).toContain('Your profile has been saved.');
    expect(after.text.match(/typed by you/g)).toHaveLength(2);
    expect(after.text.match(/set by an administrator/g)).toHaveLength(1);
    const code = await getCode(server, client, {}, person);
    const { body } = await redeem(server, client, code);
    const claims = (await getWith(server, '/oauth/userinfo', body.access_token)).body;
    expect(claims).toMatchObject({ name: 'Ada', family_name: 'Kept', locale: 'de-AT' });
    expect(await events(person.id)).toContain('account.profile_changed');
  });
});

describe('password', () => {
  const change = async ({ browser }: Person, form: Record<string, string>) =>
    browser.submit(await browser.get(server.url('/account/password')), '/account/password', form);

  test('not without the current one, nor with a bad new one (A111)', async () => {
    const person = await newPerson();
    const other = await elsewhere(person);
    const wrong = await change(person, { password: 'not the one', new_password: NEW_PASSWORD });
    expect(wrong.status).toBe(400);
    expect(wrong.text).toContain('This is not your current password.');
    const weak = await change(person, { password: PASSWORD, new_password: 'short' });
    expect(weak.status).toBe(400);
    expect(weak.text).toContain('href="#new_password"');
    expect(await isSignedIn(other)).toBe(true);
    await signIn(server, createBrowser(), person.username);
  });

  test('guesses are counted with those at sign-in', async () => {
    const person = await newPerson();
    for (let turn = 0; turn < 10; turn += 1)
      await change(person, { password: 'no', new_password: NEW_PASSWORD });
    const late = await change(person, { password: PASSWORD, new_password: NEW_PASSWORD });
    expect(late.status).toBe(429);
    expect(late.headers.get('retry-after')).toBeTruthy();
    server.clock.advance(901);
  });

  test('is changed; other browsers end, this one stays (A111)', async () => {
    const person = await newPerson();
    const other = await elsewhere(person);
    const done = await change(person, { password: PASSWORD, new_password: NEW_PASSWORD });
    expect(at(done)).toBe('/account?done=password');
    expect(await isSignedIn(person.browser)).toBe(true);
    expect(await isSignedIn(other)).toBe(false);
    await expect(signIn(server, createBrowser(), person.username)).rejects.toThrow('400');
    expect(await events(person.id)).toEqual(
      expect.arrayContaining(['account.password_changed', 'session.ended']),
    );
  });

  test('other browsers stay where the box was emptied (A111)', async () => {
    const person = await newPerson();
    const other = await elsewhere(person);
    const { action, fields } = formOf(await open(person, '/account/password'), '/account/password');
    const { end_others: _box, ...rest } = fields;
    await person.browser.post(action, { ...rest, password: PASSWORD, new_password: NEW_PASSWORD });
    expect(await isSignedIn(other)).toBe(true);
  });
});

describe('sessions', () => {
  const endActions = (page: Page) =>
    [...page.text.matchAll(/action="(\/account\/sessions\/[\w-]+\/end)"/g)].map(([, path]) => path as string);

  test('are listed in plain words, this one marked, without their secrets', async () => {
    const person = await newPerson();
    await open(person, '/account', { 'user-agent': FIREFOX });
    await elsewhere(person);
    const page = await open(person, '/account/sessions');
    expect(page.text).toContain('this browser');
    expect(page.text.match(/First seen \d/g)).toHaveLength(2);
    expect(page.text).toMatch(/127\.0\.0\.1|::1/);
    const cookie = person.browser.cookie('postern_session') as string;
    expect(page.text).not.toContain(cookie);
    for (const { sessionUid } of await server.container.ownSessions.list(person.id))
      expect(page.text).not.toContain(sessionUid);
  });

  test('a session begun at an application is listed, with its device', async () => {
    people += 1;
    const { id, username } = await server.createAccount(`own${people}`);
    await getCode(server, client, {}, { username });
    expect(await server.container.ownSessions.list(id)).toHaveLength(1);
  });

  test('somebody else’s cannot be ended: 404, and it lives (IDOR)', async () => {
    const [alice, bob] = [await newPerson(), await newPerson()];
    const [facts] = await server.container.ownSessions.list(alice.id);
    const { fields } = formOf(await open(bob, '/account/profile'), '/account/profile');
    const answer = await bob.browser.post(server.url(`/account/sessions/${facts?.id}/end`), fields);
    expect(answer.status).toBe(404);
    expect(await isSignedIn(alice.browser)).toBe(true);
  });

  test('ending one ends its browser and the tokens bound to it, at once, and no other', async () => {
    const person = await newPerson();
    const other = createBrowser();
    const there = await redeem(
      server,
      client,
      await getCode(server, client, {}, { browser: other, username: person.username }),
    );
    const here = await redeem(server, client, await getCode(server, client, {}, person));
    const page = await open(person, '/account/sessions');
    expect(endActions(page)).toHaveLength(1);
    const done = await person.browser.submit(page, endActions(page)[0] as string);
    expect(at(done)).toBe('/account/sessions?done=ended');
    expect(await isSignedIn(other)).toBe(false);
    expect((await getWith(server, '/oauth/userinfo', there.body.access_token)).status).toBe(401);
    expect((await introspect(server, client, there.body.access_token)).active).toBe(false);
    expect((await refresh(server, client, there.body.refresh_token)).status).toBe(400);
    expect((await getWith(server, '/oauth/userinfo', here.body.access_token)).status).toBe(200);
    expect(await isSignedIn(person.browser)).toBe(true);
    expect(await events(person.id)).toContain('session.ended');
    expect(endActions(await open(person, '/account/sessions'))).toHaveLength(0);
  });

  test('ending all others leaves this one', async () => {
    const person = await newPerson();
    const others = [await elsewhere(person), await elsewhere(person)];
    const page = await open(person, '/account/sessions');
    await person.browser.submit(page, '/account/sessions/end-others');
    for (const browser of others) expect(await isSignedIn(browser)).toBe(false);
    expect(await isSignedIn(person.browser)).toBe(true);
  });

  test('a session that was signed out of is not listed', async () => {
    const person = await newPerson();
    const other = await elsewhere(person);
    await other.submit(await other.get(server.url('/logout')), '/logout', { logout: 'yes' });
    expect(await server.container.ownSessions.list(person.id)).toHaveLength(1);
  });

  test('“last seen” follows, in steps of minutes', async () => {
    const person = await newPerson();
    const [first] = await server.container.ownSessions.list(person.id);
    server.clock.advance(301);
    await open(person, '/account');
    const [later] = await server.container.ownSessions.list(person.id);
    expect(later?.firstSeenAt).toBe(first?.firstSeenAt);
    expect((later?.lastSeenAt ?? 0) - (first?.lastSeenAt ?? 0)).toBeGreaterThanOrEqual(300_000);
  });
});

describe('connected applications', () => {
  test('one without access, or of another person, is 404 and keeps what it has (IDOR)', async () => {
    const [alice, bob] = [await newPerson(), await newPerson()];
    const { body } = await redeem(server, client, await getCode(server, client, {}, alice));
    const { fields } = formOf(await open(bob, '/account/profile'), '/account/profile');
    const revoke = (id: string) => bob.browser.post(server.url(`/account/applications/${id}/revoke`), fields);
    expect((await revoke(client.clientId)).status).toBe(404);
    expect((await revoke('nothing-like-it')).status).toBe(404);
    expect((await getWith(server, '/oauth/userinfo', body.access_token)).status).toBe(200);
    expect(await server.container.consents.find(alice.id, client.clientId)).toBeDefined();
  });

  test('are listed with what for and since when; taking back ends every token and the remembered consent', async () => {
    const person = await newPerson();
    const code = await getCode(server, client, { scope: 'openid profile offline_access' }, person);
    const { body } = await redeem(server, client, code);
    const page = await open(person, '/account/applications');
    expect(page.text).toContain('Photo Album');
    expect(page.text).toContain('See your name and username');
    expect(page.text).toMatch(/Allowed since \d+ \w+ \d{4}, last used \d+ \w+ \d{4}, \d\d:\d\d UTC/);
    const done = await person.browser.submit(page, '/revoke');
    expect(at(done)).toBe('/account/applications?done=disconnected');
    expect((await getWith(server, '/oauth/userinfo', body.access_token)).status).toBe(401);
    expect((await refresh(server, client, body.refresh_token)).status).toBe(400);
    expect((await open(person, '/account/applications')).text).toContain('No application has access');
    const again = await person.browser.follow(
      await person.browser.get(authorizeUrl(server, client)),
      server.issuer,
    );
    expect(again.text).toContain('/consent');
    expect(await events(person.id)).toEqual(expect.arrayContaining(['consent.withdrawn', 'grant.revoked']));
  });

  test('tokens that were got with the password are there, too', async () => {
    const direct = await server.createClient({
      client_name: 'Command line',
      grant_types: ['password'],
      response_types: [],
      redirect_uris: [],
    });
    const person = await newPerson();
    const form = { grant_type: 'password', username: person.username, password: PASSWORD, scope: 'openid' };
    const { body } = await post(server, '/oauth/token', form, direct);
    const page = await open(person, '/account/applications');
    expect(page.text).toContain('Command line');
    await person.browser.submit(page, '/revoke');
    expect((await getWith(server, '/oauth/userinfo', body.access_token)).status).toBe(401);
  });
});

describe('export', () => {
  test('holds what is known of oneself, of nobody else, and no secret', async () => {
    const other = await newPerson();
    const person = await newPerson({ displayName: 'Ada' });
    const own = await server.createClient({ client_name: 'Mine' }, { owner: person.id });
    const { body } = await redeem(server, client, await getCode(server, client, {}, person));
    const page = await open(person, '/account/export');
    expect(page.headers.get('content-type')).toContain('application/json');
    expect(page.headers.get('content-disposition')).toContain('attachment');
    expect(page.headers.get('cache-control')).toContain('no-store');
    const data = JSON.parse(page.text);
    expect(data.profile).toMatchObject({ id: person.id, username: person.username, displayName: 'Ada' });
    expect(data.consents).toEqual([expect.objectContaining({ clientId: client.clientId })]);
    expect(data.clients).toEqual([expect.objectContaining({ clientId: own.clientId })]);
    expect(data.sessions).toHaveLength(1);
    expect(data.events.map(({ event }: { event: string }) => event)).toContain('account.sign_in');
    const session = person.browser.cookie('postern_session') as string;
    for (const secret of [
      own.secret,
      client.secret,
      body.access_token,
      body.refresh_token,
      session,
      PASSWORD,
      '$argon2',
    ])
      expect(page.text).not.toContain(secret);
    for (const name of [other.id, `"${other.username}"`]) expect(page.text).not.toContain(name);
  });
});

describe('deletion', () => {
  const askDeletion = async ({ browser }: Person, password = PASSWORD) =>
    browser.submit(await browser.get(server.url('/account/delete')), '/account/delete', { password });

  test('not without the password', async () => {
    const person = await newPerson();
    const refused = await askDeletion(person, 'not the one');
    expect(refused.status).toBe(400);
    expect((await server.container.accounts.findById(person.id))?.deleteAt).toBeUndefined();
    expect(await isSignedIn(person.browser)).toBe(true);
  });

  test('ends everything at once, names the day, and removes nothing for 14 days', async () => {
    const person = await newPerson();
    const other = await elsewhere(person);
    const code = await getCode(server, client, { scope: 'openid offline_access' }, person);
    const { body } = await redeem(server, client, code);
    await server.createClient({ client_name: 'Soon gone' }, { owner: person.id });
    expect((await open(person, '/account/delete')).text).toContain('Soon gone');
    const gone = await person.browser.follow(await askDeletion(person), server.issuer);
    expect(gone.text).toMatch(/will be deleted on \d+ \w+ \d{4}/);
    for (const browser of [person.browser, other]) expect(await isSignedIn(browser)).toBe(false);
    expect((await refresh(server, client, body.refresh_token)).status).toBe(400);
    expect((await getWith(server, '/oauth/userinfo', body.access_token)).status).toBe(401);
    server.clock.advance(14 * DAY - 60);
    await server.container.leaving.finish();
    expect(await server.container.accounts.findById(person.id)).toBeDefined();
  });

  test('not the only administrator’s: the page says why, and a post is refused with the right password', async () => {
    const own = await startServer();
    try {
      const { id } = await own.createAccount('chief', { roles: ['admin'] });
      const shut = await own.createAccount('shut', { roles: ['admin'] });
      await own.container.disableAccounts.disable(shut.id, { actorId: 'cli' });
      const browser = createBrowser();
      await signIn(own, browser, 'chief');
      const page = await browser.get(own.url('/account/delete'));
      expect(page.text).toContain('You are the only administrator here');
      expect(page.text).not.toContain('Delete my account');
      const { csrf = '' } = formOf(await browser.get(own.url('/account/profile')), '/profile').fields;
      const refused = await browser.post(own.url('/account/delete'), { csrf, password: PASSWORD });
      expect(refused.status).toBe(400);
      expect(refused.text).toContain('You are the only administrator here');
      expect((await own.container.accounts.findById(id))?.deleteAt).toBeUndefined();
      expect((await browser.get(own.url('/account'))).status).toBe(200);
      // Somebody else of that role, and it goes.
      await own.container.disableAccounts.enable(shut.id, { actorId: 'cli' });
      const form = await browser.get(own.url('/account/delete'));
      expect((await browser.submit(form, '/account/delete', { password: PASSWORD })).status).toBe(303);
      expect((await own.container.accounts.findById(id))?.deleteAt).toBeDefined();
    } finally {
      await own.close();
    }
  });

  test('meanwhile the password opens nothing but the choice to keep the account', async () => {
    const person = await newPerson();
    const direct = await server.createClient({
      grant_types: ['password'],
      response_types: [],
      redirect_uris: [],
    });
    await askDeletion(person);
    const form = { grant_type: 'password', username: person.username, password: PASSWORD };
    expect((await post(server, '/oauth/token', form, direct)).body.error).toBe('invalid_grant');
    const browser = createBrowser();
    const choice = await browser.submit(await browser.get(server.url('/login')), '/login', {
      username: person.username,
      password: PASSWORD,
    });
    expect(choice.status).toBe(200);
    expect(choice.text).toContain('Keep your account?');
    expect(await isSignedIn(browser)).toBe(false);
    const { action, fields } = formOf(choice, '/login');
    const forged = await browser.post(action, { ...fields, ticket: 'forged' });
    expect(forged.status).toBe(400);
    expect((await server.container.accounts.findById(person.id))?.deleteAt).toBeDefined();

    const kept = await browser.post(action, fields);
    expect(kept.status).toBe(303);
    expect(await isSignedIn(browser)).toBe(true);
    expect((await server.container.accounts.findById(person.id))?.deleteAt).toBeUndefined();
    // Once: the ticket is no second way in.
    const again = createBrowser();
    const page = await again.get(server.url('/login'));
    const replay = await again.submit(page, '/login', { ticket: fields.ticket as string, keep: 'yes' });
    expect(replay.status).toBe(400);
    expect(await isSignedIn(again)).toBe(false);
    server.clock.advance(15 * DAY);
    await server.container.leaving.finish();
    expect(await server.container.accounts.findById(person.id)).toBeDefined();
    expect(await events(person.id)).toContain('account.deletion_undone');
  });

  test('the choice stands inside an application’s request, too, and leads on there', async () => {
    const person = await newPerson();
    await askDeletion(person);
    const browser = createBrowser();
    const login = await browser.follow(await browser.get(authorizeUrl(server, client)), server.issuer);
    const choice = await browser.submit(login, '/login', { username: person.username, password: PASSWORD });
    expect(choice.text).toContain('Keep your account?');
    const next = await browser.follow(await browser.submit(choice, '/login'), server.issuer);
    expect(next.text).toContain('/consent');
  });

  test('when its time has come, account, roles, consents and clients go; the trail stays; the name is free', async () => {
    const person = await newPerson();
    const user = await newPerson();
    const own = await server.createClient({}, { owner: person.id });
    const { body } = await redeem(server, own, await getCode(server, own, {}, user));
    await redeem(server, client, await getCode(server, client, {}, person));
    await askDeletion(person);
    server.clock.advance(14 * DAY + 1);
    expect(await server.container.leaving.finish()).toBeGreaterThanOrEqual(1);
    const { accounts, consents, clients, database } = server.container;
    expect(await accounts.findById(person.id)).toBeUndefined();
    expect(await consents.listOf(person.id)).toEqual([]);
    expect(await clients.find(own.clientId)).toBeUndefined();
    expect((await getWith(server, '/oauth/userinfo', body.access_token)).status).toBe(401);
    for (const table of ['client_secrets', 'session_facts', 'account_roles']) {
      const column = table === 'client_secrets' ? { client_id: own.clientId } : { account_id: person.id };
      expect(await database.all(database.sql(table).where(column))).toEqual([]);
    }
    expect(await events(person.id)).toEqual(expect.arrayContaining(['account.deleted', 'client.deleted']));
    await server.createAccount(person.username);
    expect(await server.container.leaving.finish()).toBe(0);
  });
});
