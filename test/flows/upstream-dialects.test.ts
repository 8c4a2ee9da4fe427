/** Upstreams that speak OAuth 2.0 alone, or OAuth 1.0a, through every door that is not OpenID Connect's own. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { type Browser, createBrowser, type Page } from '../support/browser.js';
import { acceptedByDserver } from '../support/flask-jwt.js';
import { answerOf, authorizeUrl, newPkce, signIn, walk } from '../support/flow.js';
import { FOLLOWED, upstreamOf } from '../support/login-world.js';
import { startServer, type TestServer } from '../support/server.js';
import {
  type OAuth1Fake,
  type OAuth2Fake,
  startOAuth1Fake,
  startOAuth2Fake,
} from '../support/upstream-fakes.js';

const APP = 'https://app.example';
const LINKED = '/account/settings/linkedaccounts/';

let server: TestServer;
let cat: OAuth2Fake;
let bird: OAuth1Fake;
let browser: Browser;
let count = 0;

beforeAll(async () => {
  cat = await startOAuth2Fake();
  bird = await startOAuth1Fake('the secret of bird');
  server = await startServer({
    ALLOWED_ORIGINS: APP,
    OAUTH2_FRONTEND_URL: APP,
    UPSTREAM_CAT_PROTOCOL: 'oauth2',
    UPSTREAM_CAT_ISSUER: 'https://cat.example',
    UPSTREAM_CAT_AUTHORIZATION_URL: `${cat.address}/authorize`,
    UPSTREAM_CAT_TOKEN_URL: `${cat.address}/token`,
    UPSTREAM_CAT_USERINFO_URL: `${cat.address}/user`,
    UPSTREAM_CAT_EMAILS_URL: `${cat.address}/user/emails`,
    UPSTREAM_CAT_CLIENT_ID: 'us',
    UPSTREAM_CAT_CLIENT_SECRET: 'the secret of cat',
    UPSTREAM_CAT_ATTRIBUTE_MAP: 'id:user_id,login:username,name:display_name,email:email',
    UPSTREAM_BIRD_ISSUER: 'https://bird.example',
    UPSTREAM_BIRD_REQUEST_TOKEN_URL: `${bird.address}/request`,
    UPSTREAM_BIRD_AUTHORIZATION_URL: `${bird.address}/authorize`,
    UPSTREAM_BIRD_TOKEN_URL: `${bird.address}/access`,
    UPSTREAM_BIRD_USERINFO_URL: `${bird.address}/user`,
    UPSTREAM_BIRD_CLIENT_ID: 'us',
    UPSTREAM_BIRD_CLIENT_SECRET: 'the secret of bird',
    UPSTREAM_BIRD_ATTRIBUTE_MAP: 'screen_name:username,name:display_name,email:email',
  });
});
afterAll(async () => {
  await server.close();
  await cat.close();
  await bird.close();
});
beforeEach(() => {
  count += 1;
  browser = createBrowser();
  const email = `${count}@animals.example`;
  cat.user = { json: { id: count, login: `cat${count}`, name: 'Octo Cat' } };
  cat.emails = { json: [{ email, primary: true, verified: true }] };
  bird.user = { id: count, screen_name: `bird${count}`, name: 'Tweety', email };
  bird.denies = false;
});

const through = async (path: string): Promise<Page> =>
  browser.get(await upstreamOf(browser, await browser.get(server.url(path)), server.issuer));
const signedInAs = async (): Promise<string | undefined> =>
  /Signed in as <strong><bdi>([^<]*)</.exec((await browser.get(server.url('/'))).text)?.[1];
const tokenOf = (page: Page): string =>
  new URLSearchParams(new URL(page.location ?? 'x:').hash.slice(1)).get('token') ?? '';
const jwtOf = (page: Page): string => new URL(page.location ?? 'x:').searchParams.get('jwt') ?? '';
const next = new URLSearchParams({ next: `${APP}/page` });

describe.each(['cat', 'bird'])('%s', (app) => {
  const name = () => `${app}${count}`;

  test('/oauth/login/<app>/, and the same person again', async () => {
    for (let times = 0; times < 2; times += 1) {
      browser = createBrowser();
      expect((await through(`/oauth/login/${app}/`)).location).toBe(server.url(LINKED));
      expect(await signedInAs()).toBe(name());
    }
    const account = await server.container.accounts.findByUsernameKey(name());
    // OAuth 1.0a has no way to say that an address is proven.
    expect(account).toMatchObject({ email: `${count}@animals.example`, emailVerified: app === 'cat' });
    const held = await server.container.identities.find(`https://${app}.example`, String(count));
    expect(held).toMatchObject({ accountId: account?.id, upstreamId: app });
  });

  test('/api/oauth/login/<app>/', async () => {
    const done = await through(`/api/oauth/login/${app}/?next=/demo`);
    expect(new URL(done.location ?? '').searchParams.get('message')).toBe('Successfully signed up.');
    expect(await signedInAs()).toBe(name());
  });

  test('/auth/login: a token that dserver takes, with where it comes from', async () => {
    const token = tokenOf(await through(`/auth/login?provider=${app}`));
    const pem = await (await fetch(server.url('/public_key'))).text();
    // The plugin's default names people by their id there; OAuth 1.0a's mapping here names none.
    expect(acceptedByDserver(token, pem, server.clock.now())).toBe(app === 'cat' ? String(count) : name());
    expect(decodeJwt(token)).toMatchObject({ provider: app, provider_user_id: String(count) });
  });

  test('/auth/begin: a user token for whose address is proven, and for nobody else', async () => {
    const page = await through(`/auth/begin?provider=${app}&${next}`);
    expect(page.location?.startsWith(`${APP}/page`)).toBe(true);
    expect(jwtOf(page) !== '').toBe(app === 'cat');
  });

  test('/auth/begin: the address of the account that it is connected to will do', async () => {
    const { id } = await server.createAccount(`own${app}`, {
      email: `own@${app}.example`,
      emailVerified: true,
    });
    await signIn(server, browser, `own${app}`);
    const asked = await browser.get(server.url(`/oauth/login/${app}/`), FOLLOWED);
    const begun = await browser.submit(asked, `/oauth/login/${app}/`);
    const linked = await browser.get(await upstreamOf(browser, begun, server.issuer));
    expect(linked.location).toBe(server.url(`${LINKED}?done=linked`));
    const jwt = jwtOf(await through(`/auth/begin?provider=${app}&${next}`));
    expect(decodeJwt(jwt).userid).toBe(id);
  });

  test('the request of a client, in one pass', async () => {
    const client = await server.createClient();
    const { challenge } = newPkce();
    const url = authorizeUrl(server, client, { code_challenge: challenge, code_challenge_method: 'S256' });
    const asked = await browser.follow(await browser.get(url), server.issuer);
    const way = new RegExp(`href="(/interaction/[^"]+/upstream/${app})"`).exec(asked.text)?.[1] ?? '';
    const back = await through(way);
    expect(
      answerOf(await walk(server, browser, await browser.follow(back, server.issuer))).get('code'),
    ).toMatch(/./);
  });

  test('a callback without its browser, or twice, is nothing', async () => {
    const callback = await upstreamOf(
      browser,
      await browser.get(server.url(`/login/upstream/${app}?next=/account`)),
      server.issuer,
    );
    expect((await createBrowser().get(callback)).status).toBe(403);
    expect((await browser.get(callback)).location).toBe(server.url('/account'));
    expect((await browser.get(callback)).status).toBe(403);
  });
});

test('row 101, 6: an upstream that names nobody, at each door’s own error', async () => {
  cat.user = { json: { login: 'nameless' } };
  const rest = await through('/api/oauth/login/cat/');
  expect(Object.fromEntries(new URL(rest.location ?? '').searchParams)).toEqual({
    message: 'Token not found.',
    code: '400',
  });
  const dserver = await through('/auth/login?provider=cat');
  expect([dserver.status, dserver.location]).toEqual([302, server.url('/login?error=auth_failed')]);
  expect((await through(`/auth/begin?provider=cat&${next}`)).location).toBe(`${APP}/page`);
  expect(await signedInAs()).toBeUndefined();
});

test('a person who says no at an OAuth 1.0a upstream is told so', async () => {
  bird.denies = true;
  const answer = await through('/oauth/login/bird/');
  expect(answer.location).toBe(server.url('/?notice=login_denied'));
  expect(await signedInAs()).toBeUndefined();
});
