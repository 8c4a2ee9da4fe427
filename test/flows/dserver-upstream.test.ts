/** dserver tokens for people who sign in through an upstream: the plugin's own flow, names, and who gets whose. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { createBrowser, type Page } from '../support/browser.js';
import { freePort } from '../support/free-port.js';
import { acceptedByDserver } from '../support/flask-jwt.js';
import { getJson, postJson } from '../support/json-calls.js';
import { PASSWORD, startServer } from '../support/server.js';
import { ADA, loginThrough, startWorld, upstreamOf, type World } from '../support/login-world.js';
import { type OidcUpstream, type Person, startOidcUpstream } from '../support/upstreams.js';

const FRONTEND = 'https://lookup.example';
const ERROR = `${FRONTEND}/login?error=auth_failed`;
const ENV = {
  OAUTH2_FRONTEND_URL: FRONTEND,
  OAUTH2_LOGIN_SUCCESS_REDIRECT: `${FRONTEND}/`,
  OAUTH2_LOGIN_ERROR_REDIRECT: ERROR,
  DSERVER_LOCAL_ACCOUNTS: 'true',
};

let world: World;
let there: OidcUpstream;
let count = 0;

beforeAll(async () => {
  world = await startWorld({ env: ENV, upstreams: { other: { USERNAME_FIELD: 'user_id' } } });
  there = world.upstreams.other as OidcUpstream;
});
afterAll(() => world.close());
beforeEach(() => {
  count += 1;
  there.wrong = {};
  there.person = personOf(`sub-${count}`);
});

const personOf = (sub: string, more: Partial<Person> = {}): Person => ({
  ...ADA,
  sub,
  preferred_username: `ada-${sub}`,
  email: `${sub}@there.example`,
  ...more,
});
const tokenIn = (page: Page): string =>
  new URLSearchParams(new URL(page.location ?? 'x:').hash.slice(1)).get('token') ?? '';
const claimsIn = (page: Page) => decodeJwt(tokenIn(page));

describe('the login of the plugin', () => {
  test('row 1, 4: begins at the upstream, with state, PKCE and a nonce', async () => {
    const answer = await getJson(world.server, '/auth/login');
    expect(answer.status).toBe(302);
    const query = new URL(answer.headers.get('location') ?? '').searchParams;
    expect(query.get('response_type')).toBe('code');
    expect(query.get('client_id')).toBe(there.clientId);
    expect(query.get('redirect_uri')).toBe(`${world.server.issuer}/auth/callback/other`);
    expect(query.get('code_challenge_method')).toBe('S256');
    for (const name of ['state', 'nonce', 'code_challenge', 'scope']) expect(query.get(name)).toBeTruthy();
  });

  test('row 7, 24, 25: ends with a token that dserver takes', async () => {
    const page = await loginThrough(world, '/auth/login');
    expect(page.status).toBe(302);
    expect(page.location).toMatch(/^https:\/\/lookup\.example\/#token=[^&#]+$/);
    const sub = `sub-${count}`;
    expect(claimsIn(page)).toMatchObject({
      sub,
      username: sub,
      provider: 'other',
      provider_user_id: sub,
      email: `${sub}@there.example`,
      name: 'Ada Lovelace',
      permissions: ['search', 'retrieve'],
    });
    const pem = (await getJson(world.server, '/public_key')).body;
    expect(acceptedByDserver(tokenIn(page), pem, world.server.clock.now())).toBe(sub);
    expect(world.server.logs.join('')).not.toContain(tokenIn(page));
  });

  test('row 10, 17: the session has it too, and refreshing keeps where it came from', async () => {
    const page = await loginThrough(world, '/auth/login');
    const { status, text } = await page.browser.get(world.server.url('/auth/token'));
    expect(status).toBe(200);
    const answer = JSON.parse(text);
    expect(answer).toMatchObject({ username: `sub-${count}`, provider: 'other', token_type: 'Bearer' });
    expect(answer.token).toBe(tokenIn(page));
    const refreshed = await postJson(world.server, '/auth/refresh', { token: answer.token });
    expect(decodeJwt(refreshed.body.token)).toMatchObject({
      provider: 'other',
      provider_user_id: `sub-${count}`,
      email: `sub-${count}@there.example`,
    });
  });

  test('a session that began at another door gets the same name', async () => {
    const page = await loginThrough(world, `/login/upstream/other?next=${encodeURIComponent('/account')}`);
    const { text } = await page.browser.get(world.server.url('/auth/token'));
    expect(JSON.parse(text)).toMatchObject({ username: `sub-${count}`, provider: 'other' });
  });

  test('row 19: info names the upstream', async () => {
    expect((await getJson(world.server, '/auth/info')).body).toEqual({
      provider: 'other',
      login_url: `${world.server.issuer}/auth/login`,
      configured: true,
    });
  });

  test('row 3: next survives the way there and back; a foreign one does not', async () => {
    const go = async (next: string) =>
      (await loginThrough(world, `/auth/login?next=${encodeURIComponent(next)}`)).location?.split('#')[0];
    expect(await go('/datasets/abc')).toBe(`${world.server.issuer}/datasets/abc`);
    expect(await go(`${FRONTEND}/d?x=1`)).toBe(`${FRONTEND}/d?x=1`);
    expect(await go('https://evil.example/')).toBe(`${FRONTEND}/`);
  });
});

describe('row 5, 6: what goes wrong is the error redirect', () => {
  const callbackOf = async (browser = createBrowser()) =>
    upstreamOf(browser, await browser.get(world.server.url('/auth/login')), world.server.issuer);
  const failed = { status: 302, location: ERROR };

  test.each<[string, (url: URL) => void]>([
    ['no state', (url) => url.searchParams.delete('state')],
    ['a wrong state', (url) => url.searchParams.set('state', 'x'.repeat(43))],
    ['no code', (url) => url.searchParams.delete('code')],
    ['a wrong code', (url) => url.searchParams.set('code', 'x')],
    [
      'an error of the upstream',
      (url) => {
        url.searchParams.delete('code');
        url.searchParams.set('error', 'server_error');
      },
    ],
  ])('%s', async (_what, change) => {
    const browser = createBrowser();
    const url = new URL(await callbackOf(browser));
    change(url);
    const page = await browser.get(url.href);
    expect(page).toMatchObject(failed);
    expect((await browser.get(world.server.url('/auth/token'))).status).toBe(401);
  });

  test('a state used before, and one of another browser', async () => {
    const browser = createBrowser();
    const callback = await callbackOf(browser);
    expect(await createBrowser().get(callback)).toMatchObject(failed);
    expect((await browser.get(callback)).location).toContain('#token=');
    expect(await browser.get(callback)).toMatchObject(failed);
  });

  test('a callback out of nowhere, which leaves no trace in the audit trail', async () => {
    const { database } = world.server.container;
    const failedLogins = async () =>
      (await database.all(database.sql('audit_events').where({ event: 'dserver.login', outcome: 'failure' })))
        .length;
    const before = await failedLogins();
    const browser = createBrowser();
    expect(await browser.get(world.server.url('/auth/callback'))).toMatchObject(failed);
    expect(await browser.get(world.server.url('/auth/callback?error=access_denied'))).toMatchObject(failed);
    expect(await failedLogins()).toBe(before);
  });
});

describe('whose name it is (contract §7)', () => {
  const local = async (username: string, as = 'self') =>
    world.server.container.register.register({ username, password: PASSWORD, createdBy: as });
  const passwordToken = (username: string) =>
    postJson(world.server, '/token', { username, password: PASSWORD });

  test('takeover by sign-up: a local account of the very name gets no token of the person who has it', async () => {
    const sub = `sub-${count}`;
    // It was there first, under the name by which the upstream knows somebody else.
    await local(sub);
    expect(claimsIn(await loginThrough(world, '/auth/login')).sub).toBe(sub);
    const answer = await passwordToken(sub);
    expect(answer).toMatchObject({ status: 403, body: { code: 'name_taken' } });
    expect(answer.body).not.toHaveProperty('token');
    const browser = createBrowser();
    const form = await browser.get(world.server.url('/login?local=1'));
    await browser.submit(form, '/login', { username: sub, password: PASSWORD });
    expect((await browser.get(world.server.url('/auth/token'))).status).toBe(403);
    // And the person goes on getting theirs.
    expect(claimsIn(await loginThrough(world, '/auth/login')).sub).toBe(sub);
  });

  test('takeover the other way round: a name a local account holds is not given through an upstream', async () => {
    await local('grace', 'cli');
    expect((await passwordToken('grace')).status).toBe(200);
    there.person = personOf('GRACE');
    const page = await loginThrough(world, '/auth/login');
    expect(page).toMatchObject({ status: 302, location: ERROR });
    const { status, text } = await page.browser.get(world.server.url('/auth/token'));
    expect(status).toBe(403);
    expect(JSON.parse(text).error).toContain('Another account here holds the name');
  });

  test('the name stays what it was at the first mint', async () => {
    const { sub = '' } = claimsIn(await loginThrough(world, '/auth/login'));
    there.person = personOf(sub, { preferred_username: 'somebody-else', name: 'Countess' });
    expect(claimsIn(await loginThrough(world, '/auth/login')).sub).toBe(sub);
  });

  test('it is never cut or numbered: one that is too long is refused', async () => {
    there.person = personOf('x'.repeat(65));
    expect(await loginThrough(world, '/auth/login')).toMatchObject({ status: 302, location: ERROR });
  });

  test('without DSERVER_LOCAL_ACCOUNTS whoever signed up gets none; an administrator can allow it', async () => {
    const strict = await startServer();
    const { id } = await strict.container.register.signUp({ username: 'mallory', password: PASSWORD });
    const ask = () => postJson(strict, '/token', { username: 'mallory', password: PASSWORD });
    expect(await ask()).toMatchObject({ status: 403, body: { code: 'not_allowed' } });
    await strict.container.dserver.rights.set(id, { allowed: true }, 'cli');
    expect((await ask()).status).toBe(200);
    await strict.createAccount('made-by-cli');
    const made = await postJson(strict, '/token', { username: 'made-by-cli', password: PASSWORD });
    expect(made.status).toBe(200);
    await strict.close();
  });

  test('signing up under something like an ORCID iD or an address is refused, in every spelling', async () => {
    const { signUp } = world.server.container.register;
    for (const username of [
      '0000-0002-1825-0097',
      '000000021825009X',
      '0000-0002-1825-009x',
      '００００-0002-1825-0097',
      'alice@example.org',
    ]) {
      await expect(signUp({ username, password: PASSWORD })).rejects.toMatchObject({ code: 'invalid_input' });
    }
  });

  test('an account made by an upstream has no name of its own choosing', async () => {
    const { id } = await local('from-elsewhere', 'upstream:other');
    expect(id).toBeTruthy();
    expect(await passwordToken('from-elsewhere')).toMatchObject({
      status: 403,
      body: { code: 'name_unsettled' },
    });
  });

  test('of two first mints of one account at once, both end with the same name', async () => {
    await local('twice', 'cli');
    const answers = await Promise.all([1, 2, 3, 4].map(() => passwordToken('twice')));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });
});

describe('an e-mail address as the name', () => {
  test('counts only where the upstream says it is proven', async () => {
    const mailed = await startWorld({ env: ENV, upstreams: { mail: { USERNAME_FIELD: 'email' } } });
    const upstream = mailed.upstreams.mail as OidcUpstream;
    upstream.person = personOf('a', { email: 'victim@there.example', email_verified: false });
    expect(await loginThrough(mailed, '/auth/login')).toMatchObject({ status: 302, location: ERROR });
    upstream.person = personOf('b', { email: 'victim@there.example', email_verified: true });
    expect(claimsIn(await loginThrough(mailed, '/auth/login')).sub).toBe('victim@there.example');
    await mailed.close();
  });
});

test('rows 1, 10, 19, 24: the plugin by its own settings, at its own address, under its name', async () => {
  const port = await freePort();
  const issuer = `http://localhost:${port}`;
  const lab = await startOidcUpstream({
    redirectUris: [`${issuer}/auth/callback`],
    person: personOf('ada-in-the-lab'),
  });
  const plugin = {
    OAUTH2_PROVIDER_NAME: 'My Lab',
    OAUTH2_AUTHORIZATION_URL: `${lab.issuer}/auth`,
    OAUTH2_TOKEN_URL: `${lab.issuer}/token`,
    OAUTH2_USERINFO_URL: `${lab.issuer}/me`,
    OAUTH2_CLIENT_ID: lab.clientId,
    OAUTH2_CLIENT_SECRET: lab.clientSecret,
    OAUTH2_SCOPE: 'openid profile email',
  };
  const server = await startServer({ ...ENV, ...plugin }, port);
  const one = { ...world, server };
  expect((await getJson(server, '/auth/info')).body).toEqual({
    provider: 'My Lab',
    login_url: `${issuer}/auth/login`,
    configured: true,
  });
  for (const path of ['/auth/login', '/auth/login?provider=my-lab', '/auth/login?provider=My%20Lab']) {
    const page = await loginThrough(one, path);
    expect(new URL(page.callback).pathname).toBe('/auth/callback');
    expect(claimsIn(page)).toMatchObject({ sub: 'ada-in-the-lab', provider: 'My Lab' });
    const session = JSON.parse((await page.browser.get(server.url('/auth/token'))).text);
    expect(session).toMatchObject({ username: 'ada-in-the-lab', provider: 'My Lab' });
  }
  await server.close();
  await lab.close();
});

describe('several upstreams', () => {
  test('a person chooses, a program is told, and an unknown one is nowhere', async () => {
    const many = await startWorld({ env: ENV, upstreams: { one: {}, two: {}, hidden: { HIDE: 'true' } } });
    const browser = createBrowser();
    const page = await browser.get(many.server.url('/auth/login?next=%2Fdatasets'));
    expect(page.status).toBe(200);
    expect(page.text).toContain('The one server');
    expect(page.text).toContain('provider=two&amp;next=%2Fdatasets');
    expect(page.text).toContain('provider=local');
    expect(page.text).not.toContain('The hidden server');
    const program = await getJson(many.server, '/auth/login');
    expect(program.status).toBe(400);
    expect(program.body.providers.map(({ provider }: { provider: string }) => provider)).toEqual([
      'one',
      'two',
    ]);
    expect((await browser.get(many.server.url('/auth/login?provider=nobody'))).status).toBe(404);
    const done = await loginThrough(many, '/auth/login?provider=two&next=%2Fdatasets');
    expect(done.location).toContain('/datasets#token=');
    await many.close();
  });

  test('mix-up: an answer at another one’s address, or at the plugin’s, is nobody’s (RFC 9700 §4.4)', async () => {
    const many = await startWorld({ env: ENV, upstreams: { one: {}, two: {} } });
    for (const path of ['/auth/callback/two', '/auth/callback']) {
      const browser = createBrowser();
      const begun = await browser.get(many.server.url('/auth/login?provider=one'));
      const callback = new URL(await upstreamOf(browser, begun, many.server.issuer));
      expect(callback.pathname).toBe('/auth/callback/one');
      callback.pathname = path;
      expect((await browser.get(callback.href)).location).toBe(ERROR);
      expect((await browser.get(many.server.url('/auth/token'))).status).toBe(401);
    }
    await many.close();
  });
});

test('A56: an account disabled between the upstream and us gets nothing', async () => {
  const page = await loginThrough(world, '/auth/login');
  const { jti = '' } = claimsIn(page);
  const minted = await world.server.container.dserver.ledger.find(jti);
  await world.server.container.disableAccounts.disable(minted?.family.accountId ?? '', { actorId: 'cli' });
  expect(await loginThrough(world, '/auth/login')).toMatchObject({ status: 302, location: ERROR });
  expect((await postJson(world.server, '/auth/verify', { token: tokenIn(page) })).status).toBe(401);
});
