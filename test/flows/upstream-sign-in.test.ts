/** Signing in through an upstream: the buttons of our own pages and of a pending request, and what goes wrong. */
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type Browser, createBrowser } from '../support/browser.js';
import { answerOf, authorizeUrl, newPkce, redeem, walk } from '../support/flow.js';
import { PASSWORD } from '../support/server.js';
import { ADA, loginThrough, startWorld, upstreamOf, type World } from '../support/login-world.js';
import type { OidcUpstream } from '../support/upstreams.js';

let world: World;
let other: OidcUpstream;
let second: OidcUpstream;

beforeAll(async () => {
  world = await startWorld({
    upstreams: {
      other: {},
      second: {},
      hidden: { HIDE: 'true' },
      linkonly: { LINK_ONLY: 'true' },
      closed: { AUTO_PROVISION: 'false' },
      staff: { ALLOWED_DOMAINS: 'staff.example' },
    },
  });
  other = world.upstreams.other as OidcUpstream;
  second = world.upstreams.second as OidcUpstream;
});
afterAll(() => world.close());
let count = 0;
beforeEach(() => {
  count += 1;
  other.wrong = {};
  // Somebody else each time.
  other.person = {
    ...ADA,
    sub: `sub-${count}`,
    preferred_username: `ada${count}x`,
    email: `a${count}@there.example`,
  };
  second.person = other.person;
});

const start = (app = 'other', next = '/account') => `/login/upstream/${app}?${new URLSearchParams({ next })}`;
const accountOf = (username: string) => world.server.container.accounts.findByUsernameKey(username);
/** The person's first, which makes the account. */
const upstreamSignIn = async () => {
  const { browser, callback } = await begun();
  expect((await browser.get(callback)).status).toBe(303);
};
const signedInAs = async (browser: Browser): Promise<string | undefined> =>
  /Signed in as <strong><bdi>([^<]*)</.exec(
    (await browser.get(world.server.url('/login?local=1'))).text,
  )?.[1] ?? /Signed in as <strong><bdi>([^<]*)</.exec((await browser.get(world.server.url('/'))).text)?.[1];

/** As far as the callback's address. */
async function begun(
  browser = createBrowser(),
  path = start(),
): Promise<{ browser: Browser; callback: string }> {
  const page = await browser.get(world.server.url(path));
  return { browser, callback: await upstreamOf(browser, page, world.server.issuer) };
}

test('a link that is undone while its login is being completed opens nothing', async () => {
  const { container } = world.server;
  await upstreamSignIn();
  const account = await accountOf(`ada${count}x`);
  const { browser, callback } = await begun();
  const record = container.audit.record.bind(container.audit);
  const audited = jest.spyOn(container.audit, 'record').mockImplementation(async (event) => {
    await record(event);
    if (event.event === 'account.sign_in') await container.endAccess(account?.id ?? '');
  });
  const page = await browser.get(callback);
  audited.mockRestore();
  expect([page.status, page.text]).toEqual([403, expect.stringContaining('Please sign in again')]);
  expect(await signedInAs(browser)).toBeUndefined();
});

describe('A80: a callback that does not belong to a login of this browser', () => {
  test('another browser is refused, and does not use the login up', async () => {
    const { browser, callback } = await begun();
    const stranger = createBrowser();
    await begun(stranger);
    for (const one of [createBrowser(), stranger]) {
      expect((await one.get(callback)).status).toBe(403);
      expect(await signedInAs(one)).toBeUndefined();
    }
    expect((await browser.get(callback)).status).toBe(303);
    expect(await signedInAs(browser)).toBe(`ada${count}x`);
  });

  test.each<[string, (url: URL) => void]>([
    ['no state', (url) => url.searchParams.delete('state')],
    ['a state of nobody', (url) => url.searchParams.set('state', 'a'.repeat(43))],
    ['an empty state', (url) => url.searchParams.set('state', '')],
    ['two states', (url) => url.searchParams.append('state', 'b')],
    ['two codes', (url) => url.searchParams.append('code', 'b')],
    ['no code', (url) => url.searchParams.delete('code')],
    ['another issuer', (url) => url.searchParams.set('iss', 'https://evil.example')],
    ['another app', (url) => void Object.assign(url, { pathname: '/oauth/authorized/second/' })],
    ['the REST door', (url) => void Object.assign(url, { pathname: '/api/oauth/authorized/other/' })],
    ['the one-provider door', (url) => void Object.assign(url, { pathname: '/login/authorize' })],
  ])('%s', async (_name, change) => {
    const { browser, callback } = await begun();
    const url = new URL(callback);
    change(url);
    const page = await browser.get(url.href);
    expect(page.status === 302 ? answerOf(page).get('code') : String(page.status)).toMatch(/^40[03]$/);
    expect(await signedInAs(browser)).toBeUndefined();
    expect(await accountOf(`ada${count}x`)).toBeUndefined();
  });

  test('the second use of a callback', async () => {
    const { browser, callback } = await begun();
    expect((await browser.get(callback)).status).toBe(303);
    expect((await browser.get(callback)).status).toBe(403);
  });

  test('row 88: too late', async () => {
    const { browser, callback } = await begun();
    world.server.clock.advance(601);
    expect((await browser.get(callback)).status).toBe(403);
    expect(await signedInAs(browser)).toBeUndefined();
  });

  test('of twenty at once one wins, and one account is made', async () => {
    const { browser, callback } = await begun();
    const answers = await Promise.all(Array.from({ length: 20 }, () => browser.copy().get(callback)));
    expect(answers.map(({ status }) => status).sort()).toEqual([303, ...Array(19).fill(403)]);
    expect(await accountOf(`ada${count}x`)).toBeDefined();
  });

  test('two tabs of one browser go on side by side', async () => {
    second.person = { ...other.person, email: `tab${count}@there.example` };
    const { browser, callback } = await begun();
    const tab = await begun(browser, start('second', '/demo'));
    expect((await browser.get(tab.callback)).location).toBe(world.server.url('/demo'));
    expect((await browser.get(callback)).location).toBe(world.server.url('/account'));
  });
});

describe('two logins begun at once in a browser that had no cookie yet', () => {
  /** Both requests are sent before either answer comes: neither brings a cookie. */
  async function twice() {
    second.person = { ...other.person, email: `twice${count}@there.example` };
    const pages = await Promise.all(
      [start(), start('second', '/demo')].map((path) => createBrowser().get(world.server.url(path))),
    );
    const lines = pages.flatMap(({ headers }) => headers.getSetCookie());
    const cookies = lines
      .filter((line) => line.startsWith('postern_login_'))
      .map((line) => line.split(';')[0]);
    expect(new Set(cookies.map((pair) => pair?.split('=')[0])).size).toBe(2);
    const callbacks = await Promise.all(
      pages.map((page) => upstreamOf(createBrowser(), page, world.server.issuer)),
    );
    return { cookie: cookies.join('; '), cookies, callbacks };
  }
  const back = (callback = '', cookie = '') => createBrowser().get(callback, { cookie });

  test.each([
    ['in order', [0, 1]],
    ['the other way round', [1, 0]],
  ])('both end well: %s', async (_name, order) => {
    const { cookie, callbacks } = await twice();
    const places = ['/account', '/demo'];
    for (const n of order) {
      expect((await back(callbacks[n], cookie)).location).toBe(world.server.url(places[n] ?? ''));
    }
  });

  test('A80: neither opens with the cookie of the other, nor is used up by it', async () => {
    const { cookies, callbacks } = await twice();
    expect((await back(callbacks[0], cookies[1])).status).toBe(403);
    expect((await back(callbacks[1], cookies[0])).status).toBe(403);
    expect((await back(callbacks[0], cookies[0])).status).toBe(303);
  });

  test('whoever has a cookie is given no other, and sign-out takes all of them away', async () => {
    const { cookie, cookies, callbacks } = await twice();
    const again = await createBrowser().get(world.server.url(start()), { cookie });
    expect(again.headers.getSetCookie()).toEqual([]);
    const callback = await upstreamOf(createBrowser(), again, world.server.issuer);
    expect((await back(callback, cookie)).status).toBe(303);
    for (const path of ['/oauth/logout', '/auth/logout']) {
      const left = (await createBrowser().get(world.server.url(path), { cookie })).headers.getSetCookie();
      for (const pair of cookies) {
        expect(left).toContainEqual(
          expect.stringMatching(new RegExp(`^${pair?.split('=')[0]}=; .*Max-Age=0`)),
        );
      }
    }
    expect((await back(callbacks[1])).status).toBe(403);
  });
});

describe('what the browser is given', () => {
  test('A82: state, nonce and a PKCE challenge go upstream, nothing of them is readable here', async () => {
    const browser = createBrowser();
    const page = await browser.get(world.server.url(start()));
    const sent = new URL(page.location ?? '').searchParams;
    for (const name of ['state', 'nonce', 'code_challenge']) expect(sent.get(name)).toMatch(/^.{43,}$/);
    expect(sent.get('code_challenge_method')).toBe('S256');
    const [cookie = ''] = page.headers.getSetCookie().filter((line) => line.startsWith('postern_login_'));
    const [name, value] = cookie.split(/[=;]/) as [string, string];
    expect(cookie).toMatch(/^postern_login_[\w-]{8}=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(browser.cookie(name)).toBe(value);
    const { database } = world.server.container;
    const rows = JSON.stringify(await database.all(database.sql('login_transactions')));
    for (const secret of [sent.get('state'), sent.get('nonce'), value]) {
      expect(rows).not.toContain(secret);
    }
  });

  test('every page that leads upstream also has the local form', async () => {
    const browser = createBrowser();
    for (const path of ['/login', '/', '/oauth/login', '/signup']) {
      const { text } = await browser.get(world.server.url(path));
      expect(text).toContain('The other server');
      expect(text).toMatch(/type="password"/);
      expect(text).not.toMatch(/The (hidden|linkonly) server/);
    }
    const { callback } = await begun();
    expect((await browser.get(callback)).text).toContain('href="/login?local=1"');
  });
});

describe('who may come in', () => {
  test.each<[string, object | undefined, number]>([
    ['removed', undefined, 404],
    ['switched off', { clientId: undefined }, 403],
    ['opened for linking alone', { linkOnly: true }, 403],
  ])('A57: an upstream that was %s meanwhile ends no login', async (_name, change, status) => {
    const { browser, callback } = await begun();
    const { upstreams } = world.server.container;
    const { find } = upstreams;
    Object.assign(upstreams, { find: (id: string) => change && { ...find(id), ...change } });
    const page = await browser.get(callback).finally(() => Object.assign(upstreams, { find }));
    expect(page.status).toBe(status);
    expect(await signedInAs(browser)).toBeUndefined();
    expect(await accountOf(`ada${count}x`)).toBeUndefined();
  });

  test('a disabled account is refused', async () => {
    await loginThrough(world, start());
    const account = await accountOf(`ada${count}x`);
    await world.server.container.disableAccounts.disable(account?.id ?? '', { actorId: 'cli' });
    const again = await loginThrough(world, start());
    expect(again.status).toBe(403);
    expect(again.text).toContain('disabled');
    expect(await signedInAs(again.browser)).toBeUndefined();
  });

  test('… and so is somebody new with the proven address of a disabled account', async () => {
    await loginThrough(world, start());
    const account = await accountOf(`ada${count}x`);
    await world.server.container.disableAccounts.disable(account?.id ?? '', { actorId: 'cli' });
    second.person = { ...other.person, sub: 'fresh' };
    expect((await loginThrough(world, start('second'))).status).toBe(403);
  });

  test('A85: the same subject, name and address elsewhere is somebody else', async () => {
    await loginThrough(world, start());
    second.person = { ...other.person, email: 'elsewhere@there.example' };
    const there = await loginThrough(world, start('second'));
    expect(await signedInAs(there.browser)).toBe(`ada${count}x1`);
  });

  test.each<[string, unknown]>([
    ['false', false],
    ['missing', undefined],
    ['text', 'true'],
    ['a number', 1],
  ])(
    'A83: an address that is not proven links to nobody: email_verified %s',
    async (_name, email_verified) => {
      const { server } = world;
      const victim = `victim${count}`;
      await server.createAccount(victim, { email: `${victim}@there.example`, emailVerified: true });
      other.person = { ...other.person, email: `${victim}@there.example`, email_verified };
      const { browser } = await loginThrough(world, start());
      expect(await signedInAs(browser)).toBe(`ada${count}x`);
      expect(await accountOf(`ada${count}x`)).toMatchObject({ emailVerified: false });
    },
  );

  test.each<[string, string | undefined]>([
    ['admin', 'admin'],
    ['root', 'root'],
    ['a path', '../x'],
    ['300 characters', 'x'.repeat(300)],
    ['nothing', ''],
    ['an ORCID iD', '0000-0002-1825-0097'],
    ['another alphabet', 'аdmin'],
    ['markup', '<script>alert(1)</script>'],
  ])('A92: a user name that is %s is mapped and gives no rights', async (_name, preferred_username) => {
    other.person = {
      sub: other.person.sub,
      preferred_username,
      email: `n${count}@there.example`,
      email_verified: true,
    };
    const { browser } = await loginThrough(world, start());
    const name = (await signedInAs(browser)) ?? '';
    expect(name).toMatch(/^[a-z0-9][a-z0-9._-]{1,63}$/);
    expect(['admin', 'root', '0000-0002-1825-0097']).not.toContain(name);
    expect((await accountOf(name))?.roles).toEqual([]);
  });

  test('row 57: a taken user name is numbered; a later one is never taken over', async () => {
    await world.server.createAccount(`bob${count}x`);
    other.person = { ...other.person, preferred_username: `Bob${count}x` };
    const { browser } = await loginThrough(world, start());
    expect(await signedInAs(browser)).toBe(`bob${count}x1`);
    other.person = { ...other.person, preferred_username: 'renamed' };
    expect(await signedInAs((await loginThrough(world, start())).browser)).toBe(`bob${count}x1`);
  });

  test('row 97: hidden is 404 and not listed; for linking alone signs nobody in', async () => {
    const browser = createBrowser();
    for (const path of [start('hidden'), '/oauth/login/hidden/', '/oauth/login/nobody/', start('nobody')]) {
      expect((await browser.get(world.server.url(path))).status).toBe(404);
    }
    const refused = await browser.get(world.server.url('/oauth/login/linkonly/'));
    expect([refused.status, refused.location]).toEqual([403, undefined]);
    expect(refused.text).toContain('You can only link The linkonly server if you have already signed in');
  });

  test('no account is made where the upstream may not make one', async () => {
    (world.upstreams.closed as OidcUpstream).person = other.person;
    const { status, text } = await loginThrough(world, start('closed'));
    expect(status).toBe(403);
    expect(text).toContain('No account here belongs to your');
    expect(await accountOf(`ada${count}x`)).toBeUndefined();
  });

  test('only proven addresses of the allowed domains come in', async () => {
    const staff = world.upstreams.staff as OidcUpstream;
    staff.person = { ...ADA, sub: `s${count}`, email: 'a@staff.example', email_verified: false };
    expect((await loginThrough(world, start('staff'))).status).toBe(403);
    staff.person = { ...ADA, sub: `s${count}`, email: 'a@staff.example.evil.example' };
    expect((await loginThrough(world, start('staff'))).status).toBe(403);
    staff.person = { ...ADA, sub: `s${count}`, email: `a${count}@STAFF.example` };
    expect((await loginThrough(world, start('staff'))).status).toBe(303);
  });

  test('an account about to be deleted opens nothing but the choice to keep it', async () => {
    const { server } = world;
    const first = await loginThrough(world, start());
    const id = (await accountOf(`ada${count}x`))?.id ?? '';
    await server.container.leaving.ask(id, { ip: '::1', requestId: 'r' });
    expect(await signedInAs(first.browser)).toBeUndefined();
    const again = await loginThrough(world, start());
    expect(again.location).toContain('/oauth/keep/other/?ticket=');
    const choice = await again.browser.get(again.location ?? '');
    expect(await signedInAs(again.browser)).toBeUndefined();
    const kept = await again.browser.submit(choice, '/oauth/keep/');
    expect([kept.status, kept.location]).toEqual([303, server.url('/account')]);
    expect(await signedInAs(again.browser)).toBe(`ada${count}x`);
    expect((await accountOf(`ada${count}x`))?.deleteAt).toBeUndefined();
  });
});

describe('a sign-in for a client of ours', () => {
  async function authorize(browser: Browser) {
    const { server } = world;
    const client = await server.createClient();
    const pkce = newPkce();
    const url = authorizeUrl(server, client, {
      code_challenge: pkce.challenge,
      code_challenge_method: 'S256',
    });
    const page = await browser.follow(await browser.get(url), server.issuer);
    const [, href = ''] = /href="(\/interaction\/[^"]+\/upstream\/other)"/.exec(page.text) ?? [];
    return { client, pkce, href, page };
  }

  test('one pass: upstream, consent, code', async () => {
    const { server } = world;
    const browser = createBrowser();
    const { client, pkce, href } = await authorize(browser);
    const back = await loginThrough(world, href, browser);
    expect(back.location).toMatch(/\/interaction\/[^/]+\/upstream\?ticket=/);
    const answer = answerOf(await walk(server, browser, back));
    const { status, body } = await redeem(server, client, { code: answer.get('code') ?? '', pkce, browser });
    expect(status).toBe(200);
    const claims = JSON.parse(Buffer.from(body.id_token.split('.')[1], 'base64url').toString());
    expect(claims.sub).toBe((await accountOf(`ada${count}x`))?.id);
    expect(await signedInAs(browser)).toBe(`ada${count}x`);
    // What the upstream said is known to the session that began there.
    expect((await browser.get(server.url('/'))).text).toContain(
      'What <bdi>The other server</bdi> says about you',
    );
  });

  test('the arrival is good for its own request, browser and once', async () => {
    const browser = createBrowser();
    const { href, page } = await authorize(browser);
    const back = await loginThrough(world, href, browser);
    const ticket = back.location ?? '';
    const another = await authorize(browser.copy());
    const foreign = ticket.replace(/\/interaction\/[^/]+/, new URL(another.page.url).pathname);
    expect((await browser.get(foreign)).status).toBe(400);
    expect((await createBrowser().get(ticket)).status).toBe(400);
    const wrong = await browser.get(`${page.url}/upstream?ticket=${'a'.repeat(43)}`);
    expect(wrong.status).toBe(403);
    expect((await browser.get(ticket)).status).toBe(303);
    expect(await signedInAs(createBrowser())).toBeUndefined();
  });

  test('the arrival ends with the access of its account', async () => {
    const browser = createBrowser();
    const { href } = await authorize(browser);
    const back = await loginThrough(world, href, browser);
    const id = (await accountOf(`ada${count}x`))?.id ?? '';
    await world.server.container.accounts.beginAccessEpoch(id);
    const late = await browser.get(back.location ?? '');
    expect([late.status, late.location]).toEqual([403, undefined]);
    expect(await signedInAs(browser)).toBeUndefined();
  });

  test('a refusal upstream leads back to the sign-in page of the same request', async () => {
    const browser = createBrowser();
    const { href, page } = await authorize(browser);
    const begunPage = await browser.get(world.server.url(href));
    const url = new URL(await upstreamOf(browser, begunPage, world.server.issuer));
    url.searchParams.delete('code');
    url.searchParams.set('error', 'access_denied');
    const refused = await browser.get(url.href);
    expect(refused.status).toBe(400);
    expect(refused.text).toContain(`href="${new URL(page.url).pathname}"`);
    const again = await browser.get(page.url);
    const done = await walk(world.server, browser, again, await password());
    expect(answerOf(done).get('code')).toMatch(/./);
  });

  async function password(): Promise<string> {
    await world.server.createAccount(`local${count}`);
    return `local${count}`;
  }

  test('a password sign-in in the same browser forgets the upstream', async () => {
    const { browser } = await loginThrough(world, start());
    const { server } = world;
    const home = () => browser.get(server.url('/'));
    expect((await home()).text).toContain('What <bdi>The other server</bdi> says about you');
    const id = (await accountOf(`ada${count}x`))?.id ?? '';
    await server.container.setPassword(id, PASSWORD);
    const form = await browser.get(server.url('/login?local=1'));
    const done = await browser.submit(form, '/login', { username: `ada${count}x`, password: PASSWORD });
    expect(done.status).toBe(303);
    expect((await home()).text).not.toContain('says about you');
  });
});

test('a refusal upstream is a word on the sign-in page', async () => {
  const { browser, callback } = await begun();
  const url = new URL(callback);
  url.searchParams.delete('code');
  url.searchParams.set('error', 'access_denied');
  const page = await browser.follow(await browser.get(url.href), world.server.issuer);
  expect(page.text).toContain('You rejected the authentication request.');
  expect(page.url).toContain('next=%2Faccount');
});
