/**
 * Coming to the permission service through an upstream: what the original's front end does (it asks
 * `/auth/check`, navigates to the address it is told, finds `jwt` in its own), with Google as a real OpenID
 * provider and GitHub as it answers.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { createBrowser, type Browser, type Page } from '../support/browser.js';
import { freePort } from '../support/free-port.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { type OAuth2Fake, startOAuth2Fake } from '../support/upstream-fakes.js';
import { upstreamOf } from '../support/login-world.js';
import { type OidcUpstream, startOidcUpstream } from '../support/upstreams.js';

const APP = 'https://app.example';
const NEXT = `${APP}/page?a=1&b=2`;

interface World {
  readonly server: TestServer;
  readonly google: OidcUpstream;
  readonly github: OAuth2Fake;
  close(): Promise<void>;
}

async function startWorld(env: Record<string, string> = {}): Promise<World> {
  const port = await freePort();
  const base = env.EXTERNAL_ADDRESS ?? `http://localhost:${port}`;
  const google = await startOidcUpstream({ redirectUris: [new URL('/auth/oauth_callback', base).href] });
  const github = await startOAuth2Fake();
  const server = await startServer(
    {
      ALLOWED_ORIGINS: APP,
      GOOGLE_KEY: google.clientId,
      GOOGLE_SECRET: google.clientSecret,
      UPSTREAM_GOOGLE_ISSUER: google.issuer,
      UPSTREAM_GOOGLE_METADATA_URL: `${google.issuer}/.well-known/openid-configuration`,
      GITHUB_KEY: 'k',
      GITHUB_SECRET: 's',
      UPSTREAM_GITHUB_ISSUER: github.address,
      UPSTREAM_GITHUB_AUTHORIZATION_URL: `${github.address}/authorize`,
      UPSTREAM_GITHUB_TOKEN_URL: `${github.address}/token`,
      UPSTREAM_GITHUB_USERINFO_URL: `${github.address}/user`,
      UPSTREAM_GITHUB_EMAILS_URL: `${github.address}/user/emails`,
      ...env,
    },
    port,
  );
  return {
    server,
    google,
    github,
    async close() {
      await server.close();
      await google.close();
      await github.close();
    },
  };
}

const BOB = { sub: 'g1', name: 'Bob', email: 'bob@example.org', email_verified: true };

let world: World;
let octo: Pick<OAuth2Fake, 'user' | 'emails'>;
beforeAll(async () => {
  world = await startWorld();
  octo = { user: world.github.user, emails: world.github.emails };
});
// Whoever came in another test.
beforeEach(() => {
  Object.assign(world.google, { person: BOB, wrong: {} });
  Object.assign(world.github, octo);
});
afterAll(() => world.close());

// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever was answered.
async function check(server: TestServer, params: Record<string, string> = {}): Promise<any> {
  return (await fetch(server.url(`/auth/check?${new URLSearchParams(params)}`))).json();
}

const beginAt = async (server: TestServer, provider: string, next = NEXT): Promise<string> =>
  (await check(server, { jwt: '', next })).providers[provider].url;

/** From our begin address to the callback, which is not visited yet. */
const there = async (browser: Browser, url: string): Promise<string> =>
  upstreamOf(browser, await browser.get(url), 'http://localhost:');

async function login(
  { server }: World,
  provider: string,
  { next = NEXT, browser = createBrowser() }: { next?: string; browser?: Browser } = {},
): Promise<Page> {
  return browser.get(await there(browser, await beginAt(server, provider, next)));
}

const tokenOf = (page: Page): string => new URL(page.location ?? page.url).searchParams.get('jwt') ?? '';

describe('row 46: the ways to sign in', () => {
  test('are those whose key and secret are both set', async () => {
    const { providers } = await check(world.server, { next: NEXT });
    expect(Object.keys(providers)).toEqual(['google', 'github']);
    const own = await startServer({ GOOGLE_KEY: 'k', GITHUB_KEY: 'k', GITHUB_SECRET: 's' });
    expect(Object.keys((await check(own)).providers)).toEqual(['github']);
    await own.close();
  });

  test('begin at an address of ours that keeps next, or / in place of a foreign one', async () => {
    const url = new URL(await beginAt(world.server, 'google'));
    expect(url.origin + url.pathname).toBe(world.server.url('/auth/begin'));
    expect(url.searchParams.get('next')).toBe(NEXT);
    for (const next of ['http://example.com', 'https://evil.example', '//evil.example', 'javascript:1']) {
      expect(new URL(await beginAt(world.server, 'google', next)).searchParams.get('next')).toBe('/');
    }
  });

  test('an unknown one is not found', async () => {
    for (const query of ['', '?provider=nobody', '?provider=google&provider=github']) {
      expect((await fetch(world.server.url(`/auth/begin${query}`))).status).toBe(404);
    }
  });
});

describe('row 48: the callback', () => {
  test('good response: back to next with jwt, the rest of its query kept; check and authorize work', async () => {
    const page = await login(world, 'google');
    expect(page.status).toBe(302);
    expect(page.location).toMatch(/^https:\/\/app\.example\/page\?a=1&b=2&jwt=[^&#]+$/);
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
    expect(page.headers.get('cache-control')).toBe('no-store');
    const token = tokenOf(page);
    const { authenticated, profile } = await check(world.server, { jwt: token, next: NEXT });
    expect(authenticated).toBe(true);
    expect(profile).toMatchObject({
      id: decodeJwt(token).userid,
      provider_id: 'google:g1',
      username: 'bob',
      name: 'Bob',
      email: 'bob@example.org',
    });
    expect(world.server.logs.join('')).not.toContain(token.split('.')[2]);
  });

  test('an old jwt in next is replaced', async () => {
    const page = await login(world, 'google', { next: `${APP}/?jwt=old` });
    expect(tokenOf(page).split('.')).toHaveLength(3);
    expect(page.location?.match(/jwt=/g)).toHaveLength(1);
  });

  test('parameters that come several times stay as they are, in order; every jwt among them goes', async () => {
    const next = `${APP}/page?tag=a&jwt=one&tag=b&x=&jwt=two&tag=a`;
    const page = await login(world, 'google', { next });
    expect(page.location).toMatch(/^https:\/\/app\.example\/page\?tag=a&tag=b&x=&tag=a&jwt=[^&#]+$/);
    expect(tokenOf(page).split('.')).toHaveLength(3);
    // Which of two would be meant is not guessed at.
    const twice = `/auth/begin?${new URLSearchParams({ provider: 'google' })}&next=${NEXT}&next=${NEXT}`;
    const browser = createBrowser();
    const back = await browser.get(await there(browser, world.server.url(twice)));
    expect([back.status, back.location]).toEqual([302, world.server.url('/')]);
  });

  test('row 47: good response twice: the state is used up, and the second ends at /', async () => {
    const browser = createBrowser();
    const address = await there(browser, await beginAt(world.server, 'google'));
    expect(tokenOf(await browser.get(address))).not.toBe('');
    const second = await browser.get(address);
    expect([second.status, second.location]).toEqual([302, world.server.url('/')]);
  });

  test('row 47, A80: another browser’s state ends at /, and the browser it belongs to is not harmed', async () => {
    const browser = createBrowser();
    const address = await there(browser, await beginAt(world.server, 'google'));
    const stolen = await createBrowser().get(address);
    expect([stolen.status, stolen.location]).toEqual([302, world.server.url('/')]);
    expect(tokenOf(await browser.get(address))).not.toBe('');
  });

  test('row 47: a state is good for ten minutes', async () => {
    const own = await startWorld();
    try {
      own.google.person = BOB;
      const browser = createBrowser();
      const address = await there(browser, await beginAt(own.server, 'google'));
      own.server.clock.advance(601);
      expect((await browser.get(address)).location).toBe(own.server.url('/'));
    } finally {
      await own.close();
    }
  });

  test.each(['', '?state=x&code=y', '?code=y', '?state=a&state=b', '?error=access_denied'])(
    'bad state (%s): to /',
    async (query) => {
      const { status, location } = await createBrowser().get(
        world.server.url(`/auth/oauth_callback${query}`),
      );
      expect([status, location]).toEqual([302, world.server.url('/')]);
    },
  );

  test('bad response: to next without jwt, a planted one taken out', async () => {
    const browser = createBrowser();
    const next = `${APP}/?jwt=planted&a=1`;
    for (const spoil of [
      (url: URL) => url.searchParams.set('code', 'wrong'),
      (url: URL) => {
        url.searchParams.delete('code');
        url.searchParams.set('error', 'access_denied');
      },
    ]) {
      const back = new URL(await there(browser, await beginAt(world.server, 'google', next)));
      spoil(back);
      const page = await browser.get(back.href);
      expect([page.status, page.location]).toEqual([302, `${APP}/?a=1`]);
    }
  });

  test('an upstream that cannot be reached: to next without jwt', async () => {
    const own = await startWorld();
    try {
      await own.google.close();
      const page = await createBrowser().get(await beginAt(own.server, 'google'));
      expect([page.status, page.location]).toEqual([302, NEXT]);
    } finally {
      await own.server.close();
      await own.github.close();
    }
  });

  test('next that is not allowed: to /, with no jwt anywhere', async () => {
    for (const next of ['https://evil.example/', '/account']) {
      const page = await login(world, 'google', { next });
      expect([page.status, page.location]).toEqual([302, world.server.url('/')]);
    }
    // Past /auth/check, straight at the beginning.
    const browser = createBrowser();
    const url = `${world.server.url('/auth/begin')}?provider=google&next=https://evil.example/`;
    expect((await browser.get(await there(browser, url))).location).toBe(world.server.url('/'));
  });

  test('jwt in the fragment, by setting', async () => {
    const own = await startWorld({ PERMISSION_TOKEN_DELIVERY: 'fragment' });
    try {
      own.google.person = BOB;
      const page = await login(own, 'google');
      expect(page.location).toMatch(/^https:\/\/app\.example\/page\?a=1&b=2#jwt=[^&#?]+$/);
    } finally {
      await own.close();
    }
  });

  test('row 61: EXTERNAL_ADDRESS with or without a scheme gives the callback', async () => {
    for (const EXTERNAL_ADDRESS of ['id.example.org', 'https://id.example.org']) {
      const own = await startServer({
        EXTERNAL_ADDRESS,
        ALLOWED_ORIGINS: APP,
        GITHUB_KEY: 'k',
        GITHUB_SECRET: 's',
      });
      const url = new URL(await beginAt(own, 'github'));
      expect(url.origin + url.pathname).toBe('https://id.example.org/auth/begin');
      const begun = await fetch(own.url(url.pathname + url.search), { redirect: 'manual' });
      const location = new URL(begun.headers.get('location') ?? '');
      expect(location.searchParams.get('redirect_uri')).toBe('https://id.example.org/auth/oauth_callback');
      await own.close();
    }
  });
});

describe('rows 55, 56: whose address', () => {
  test('an unverified one lets nobody in', async () => {
    for (const email_verified of [false, 'true', 1, undefined]) {
      world.google.person = {
        sub: `unverified-${email_verified}`,
        email: 'victim@example.org',
        ...(email_verified === undefined ? {} : { email_verified }),
      };
      expect(tokenOf(await login(world, 'google'))).toBe('');
    }
    expect((await (await fetch(world.server.url('/auth/resolve?username=victim'))).json()) as object).toEqual(
      {
        userid: null,
      },
    );
  });

  test('GitHub: the verified primary one, whatever the profile shows', async () => {
    const page = await login(world, 'github');
    const { profile } = await check(world.server, { jwt: tokenOf(page) });
    expect(profile).toMatchObject({
      username: 'octo',
      email: 'octo@octo.example',
      provider_id: 'github:42',
      name: 'Octo Cat',
    });
  });

  test('row 56: an address that an account here has asks for a proof first, and then the login goes on', async () => {
    const { server, github } = world;
    await server.createAccount('holder', { email: 'dup@example.org', emailVerified: true });
    github.user = {
      json: { id: 77, login: 'duplicate', name: 'Dup', avatar_url: 'https://avatars.example/77' },
    };
    github.emails = { json: [{ email: 'dup@example.org', primary: true, verified: true }] };
    const browser = createBrowser();
    const question = await browser.follow(await login(world, 'github', { browser }), server.issuer);
    expect([question.status, tokenOf(question)]).toEqual([200, '']);
    const done = await browser.follow(
      await browser.submit(question, '/oauth/link/', { username: 'holder', password: PASSWORD }),
      server.issuer,
    );
    expect(done.location).toContain(`${NEXT}&jwt=`);
    const holder = await server.container.accounts.findByUsernameKey('holder');
    expect(await check(server, { jwt: tokenOf(done) })).toMatchObject({
      profile: { id: holder?.id, username: 'duplicate', avatar_url: 'https://avatars.example/77' },
    });
  });

  test('row 56: a verified secondary address that an account here has wins; an unverified one does not', async () => {
    const { server, github } = world;
    await server.createAccount('elder', { email: 'elder@example.org', emailVerified: true });
    github.user = { json: { id: 78, login: 'younger', name: 'Young' } };
    const listed = (verified: boolean) => [
      { email: 'younger@example.org', primary: true, verified: true },
      { email: 'Elder@Example.org', primary: false, verified },
    ];
    github.emails = { json: listed(true) };
    const browser = createBrowser();
    const desk = await browser.follow(await login(world, 'github', { browser }), server.issuer);
    expect([desk.status, tokenOf(desk)]).toEqual([200, '']);
    expect(desk.text.toLowerCase()).toContain('elder@example.org');
    const done = await browser.follow(
      await browser.submit(desk, '/oauth/link/', { username: 'elder', password: PASSWORD }),
      server.issuer,
    );
    const holder = await server.container.accounts.findByUsernameKey('elder');
    expect((await check(server, { jwt: tokenOf(done) })).profile).toMatchObject({
      id: holder?.id,
      email: 'elder@example.org',
      idhash: createHash('md5').update('elder@example.org').digest('hex'),
    });
    github.user = { json: { id: 79, login: 'claimant', name: 'No' } };
    github.emails = { json: listed(false) };
    const other = await check(server, { jwt: tokenOf(await login(world, 'github')) });
    expect(other.profile).toMatchObject({ username: 'claimant', email: 'younger@example.org' });
    expect(other.profile.id).not.toBe(holder?.id);
  });

  test('row 56: a secondary address of an account that was shut lets nobody in anew', async () => {
    const { server, github } = world;
    const { id } = await server.createAccount('shut', { email: 'shut@example.org', emailVerified: true });
    await server.container.disableAccounts.disable(id, { actorId: 'cli' });
    github.user = { json: { id: 80, login: 'returned', name: 'Again' } };
    github.emails = {
      json: [
        { email: 'returned@example.org', primary: true, verified: true },
        { email: 'shut@example.org', primary: false, verified: true },
      ],
    };
    expect(tokenOf(await login(world, 'github'))).toBe('');
    expect(await server.container.accounts.findByUsernameKey('returned')).toBeUndefined();
  });

  test('row 56: a claim by the name of that list counts for nothing where no list was asked for', async () => {
    const { google, server } = world;
    await server.createAccount('listed', { email: 'listed@example.org', emailVerified: true });
    google.person = { sub: 'g-list', email: 'lister@example.org', email_verified: true };
    google.wrong = { claims: (claims) => ({ ...claims, verified_emails: ['listed@example.org'] }) };
    const page = await login(world, 'google');
    expect((await check(world.server, { jwt: tokenOf(page) })).profile).toMatchObject({ username: 'lister' });
  });

  test('GitHub: without a verified one, nobody', async () => {
    const { github } = world;
    github.user = { json: { id: 43, login: 'unproven', email: 'public@example.org' } };
    github.emails = { json: [{ email: 'public@example.org', primary: true, verified: false }] };
    expect(tokenOf(await login(world, 'github'))).toBe('');
  });

  test('row 57: a second bob of another address becomes bob1; each login finds the same person again', async () => {
    await login(world, 'google');
    world.google.person = { sub: 'g2', name: 'Other', email: 'bob@elsewhere.example', email_verified: true };
    const first = await check(world.server, { jwt: tokenOf(await login(world, 'google')) });
    const again = await check(world.server, { jwt: tokenOf(await login(world, 'google')) });
    expect(first.profile.username).toBe('bob1');
    expect(again.profile).toEqual(first.profile);
  });
});
