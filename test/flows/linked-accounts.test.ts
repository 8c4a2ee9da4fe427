/** The linked-account doors (Invenio's OAuthClient), their REST twins, and signing out upstream. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Browser, createBrowser, formOf, type Page } from '../support/browser.js';
import { signIn } from '../support/flow.js';
import { PASSWORD } from '../support/server.js';
import {
  ADA,
  connectThrough,
  FOLLOWED,
  loginThrough,
  startWorld,
  upstreamOf,
  type World,
} from '../support/login-world.js';
import type { OidcUpstream } from '../support/upstreams.js';

const SPA = 'https://spa.example';
const PAGE = '/account/settings/linkedaccounts/';

let world: World;
let other: OidcUpstream;
let second: OidcUpstream;

beforeAll(async () => {
  world = await startWorld({
    upstreams: {
      other: { LOGOUT_URL: 'https://other.example/bye' },
      second: { TITLE: 'A second server' },
      linkonly: { LINK_ONLY: 'true' },
      hidden: { HIDE: 'true' },
    },
    env: { ALLOWED_ORIGINS: SPA },
  });
  other = world.upstreams.other as OidcUpstream;
  second = world.upstreams.second as OidcUpstream;
});
afterAll(() => world.close());
let count = 0;
let browser: Browser;
beforeEach(() => {
  count += 1;
  browser = createBrowser();
  const person = {
    ...ADA,
    sub: `l-${count}`,
    preferred_username: `linked${count}`,
    email: `l${count}@there.example`,
  };
  other.person = person;
  second.person = { ...person, email: `m${count}@there.example` };
});

const url = (path: string) => world.server.url(path);
const get = (path: string, headers = {}) => browser.get(url(path), headers);
const through = (path: string, headers = {}) => loginThrough(world, path, browser, headers);
const connecting = (path: string) => connectThrough(world, path, browser);
const identityOf = (one: OidcUpstream) => world.server.container.identities.find(one.issuer, one.person.sub);
const signedInAs = async (): Promise<string | undefined> =>
  /Signed in as <strong><bdi>([^<]*)</.exec((await get('/')).text)?.[1];
/** The payload in the query of a redirect. */
const payloadOf = ({ location = '' }: Page) => Object.fromEntries(new URL(location).searchParams);

describe('/oauth/login', () => {
  test.each<[string, string | undefined, string]>([
    ['row 89: nothing', undefined, PAGE],
    ['a path', '/demo?a=b', '/demo?a=b'],
    ['row 89: another site, cut to its path', 'https://evil.example/demo?x=1', '/demo?x=1'],
    ['another site without a scheme', '//evil.example/demo', '/demo'],
    ['a backslash', '/\\evil.example/demo', PAGE],
    ['another site with a user name', 'https://localhost@evil.example/demo', PAGE],
    ['a script', 'javascript:alert(1)', PAGE],
    ['row 89: a listed origin, kept', `${SPA}/back?x=1`, `${SPA}/back?x=1`],
    ['a listed origin as a user name', `${SPA}@evil.example/demo`, PAGE],
  ])('leads on to where it may: %s', async (_name, next, expected) => {
    const query = next === undefined ? '' : `?${new URLSearchParams({ next })}`;
    const done = await through(`/oauth/login/other/${query}`);
    expect([done.status, done.location]).toEqual([302, new URL(expected, url('/')).href]);
    expect(await signedInAs()).toBe(`linked${count}`);
  });

  test('row 86: 302 with state; unknown and hidden are 404', async () => {
    const begun = await get('/oauth/login/other/');
    expect(begun.status).toBe(302);
    expect(new URL(begun.location ?? '').searchParams.get('state')).toMatch(/^.{43}$/);
    for (const app of ['nobody', 'hidden', '%2e%2e']) {
      expect((await get(`/oauth/login/${app}/`)).status).toBe(404);
    }
    for (const path of [
      '/oauth/authorized/nobody/',
      '/api/oauth/authorized/nobody/',
      '/api/oauth/login/nobody/',
    ]) {
      expect((await get(path)).status).toBe(404);
    }
  });

  test('row 87: the login page, where nothing redirects by itself', async () => {
    const page = await get('/oauth/login?next=/account');
    expect(page.status).toBe(200);
    expect(page.text).toContain('A second server');
    expect(formOf(page, '/login').fields).toMatchObject({ next: '/account' });
  });

  test('row 87: with the flag on and one visible way, straight there, and next is kept', async () => {
    const env = { OAUTHCLIENT_AUTO_REDIRECT_TO_EXTERNAL_LOGIN: 'true' };
    // What is hidden, or for linking alone, is no second way.
    const upstreams = { other: {}, hidden: { HIDE: 'true' }, linkonly: { LINK_ONLY: 'true' } };
    const own = await startWorld({ env, upstreams });
    try {
      const led = await browser.get(own.server.url('/oauth/login?next=%2Fdemo%3Fa%3Db%26c'));
      expect([led.status, led.location]).toEqual([
        302,
        own.server.url('/oauth/login/other/?next=%2Fdemo%3Fa%3Db%26c'),
      ]);
      const begun = await browser.get(led.location ?? '');
      const done = await browser.get(await upstreamOf(browser, begun, own.server.issuer));
      expect(done.location).toBe(own.server.url('/demo?a=b&c'));
      // The way to the form stays, for whoever has a password, and after a failure: no loop.
      for (const query of ['local', 'error=auth_failed']) {
        expect((await browser.get(own.server.url(`/oauth/login?${query}`))).status).toBe(200);
      }
    } finally {
      await own.close();
    }
    const two = await startWorld({ env, upstreams: { other: {}, second: {} } });
    const page = await browser.get(two.server.url('/oauth/login?next=/demo'));
    await two.close();
    expect(page.status).toBe(200);
  });

  test('row 88: 300 seconds', async () => {
    const callback = await upstreamOf(browser, await get('/oauth/login/other/'), world.server.issuer);
    world.server.clock.advance(301);
    expect((await browser.get(callback)).status).toBe(403);
  });

  test.each([
    ['access_denied', 'You rejected the authentication request.'],
    ['server_error', 'Authorization with remote service failed.'],
  ])('row 90: %s upstream is a word on the home page', async (error, message) => {
    const callback = new URL(
      await upstreamOf(browser, await get('/oauth/login/other/'), world.server.issuer),
    );
    callback.searchParams.delete('code');
    callback.searchParams.set('error', error);
    const answer = await browser.get(callback.href);
    expect([answer.status, new URL(answer.location ?? '').pathname]).toEqual([302, '/']);
    expect((await browser.get(answer.location ?? '')).text).toContain(message);
    expect(await signedInAs()).toBeUndefined();
  });
});

describe('the linked accounts page', () => {
  const account = () => world.server.createAccount(`own${count}`);
  const rows = ({ text }: Page) => [...text.matchAll(/<dt><bdi>([^<]*)/g)].map(([, title]) => title);

  test('row 94: anonymous people sign in first; the list is sorted, with Connect, tick and Disconnect', async () => {
    const anonymous = await get(PAGE);
    expect(anonymous.location).toBe(url(`/login?${new URLSearchParams({ next: PAGE })}`));
    await account();
    await signIn(world.server, browser, `own${count}`);
    const before = await get(PAGE);
    expect(rows(before)).toEqual(['A second server', 'The linkonly server', 'The other server']);
    expect(formOf(before, '/oauth/login/other/').fields).toHaveProperty('csrf');
    expect(before.text).not.toContain('disconnect');
    const begun = await browser.submit(before, '/oauth/login/other/');
    const linked = await browser.get(await upstreamOf(browser, begun, world.server.issuer));
    expect(linked.location).toBe(url(`${PAGE}?done=linked`));
    const after = await browser.get(linked.location ?? '');
    expect(after.text).toContain('Connected</span>');
    expect(after.text).toContain('href="/oauth/disconnect/other/"');
    expect(after.text).not.toContain('action="/oauth/login/other/"');
    expect((await get('/account')).text).toContain(`href="${PAGE}"`);
    expect(await signedInAs()).toBe(`own${count}`);
    expect(await identityOf(other)).toMatchObject({ linkedBy: 'link' });
  });

  test('row 97: what is for linking alone can be linked', async () => {
    const linkonly = world.upstreams.linkonly as OidcUpstream;
    linkonly.person = { ...ADA, sub: `lo-${count}` };
    await account();
    await signIn(world.server, browser, `own${count}`);
    await connecting('/oauth/login/linkonly/');
    expect(await identityOf(linkonly)).toBeDefined();
  });

  test('row 95: an identity of somebody else changes nothing', async () => {
    await loginThrough(world, '/oauth/login/other/');
    const held = await identityOf(other);
    await account();
    await signIn(world.server, browser, `own${count}`);
    const refused = await connecting('/oauth/login/other/');
    const page = await browser.follow(refused, world.server.issuer);
    expect(page.text).toContain('External service is already linked to another account.');
    expect((await identityOf(other))?.accountId).toBe(held?.accountId);
    expect(await signedInAs()).toBe(`own${count}`);
  });

  test('a link begun by one account is not made to another', async () => {
    await account();
    await world.server.createAccount(`next${count}`);
    await signIn(world.server, browser, `own${count}`);
    const begun = await browser.submit(await get('/oauth/login/other/', FOLLOWED), '/oauth/login/other/');
    const callback = await upstreamOf(browser, begun, world.server.issuer);
    await signIn(world.server, browser, `next${count}`);
    const refused = await browser.get(callback);
    expect(refused.status).toBe(403);
    expect(refused.text).toContain(`href="${PAGE}"`);
    expect(refused.text).not.toContain('local=1');
    expect(await identityOf(other)).toBeUndefined();
  });

  const doors = ['/oauth/login/other/', '/api/oauth/login/other/'];
  const addressOf = async (path: string) => browser.get(url(`${path}?next=/demo`), FOLLOWED);

  test.each(doors)('no link connects an account, whatever site it stands on: %s', async (door) => {
    await account();
    await signIn(world.server, browser, `own${count}`);
    const sites = door.startsWith('/api') ? ['same-origin'] : ['same-origin', 'same-site', 'cross-site'];
    for (const site of sites) {
      const asked = await get(`${door}?next=/demo`, { 'sec-fetch-site': site });
      expect([asked.status, asked.location]).toEqual([200, undefined]);
      expect(asked.text).toContain('Connect <bdi>The other server</bdi>?');
    }
    expect((await browser.post(url(door), { next: '/demo' })).status).toBe(403);
    const begun = await browser.submit(await addressOf(door), door);
    // Wherever else the upstream leads to, no form's policy is in the way.
    expect([begun.status, begun.location]).toEqual([200, undefined]);
    const done = await browser.get(await upstreamOf(browser, begun, world.server.issuer));
    expect(new URL(done.location ?? '').pathname).toBe('/demo');
    expect(await identityOf(other)).toBeDefined();
    expect(await signedInAs()).toBe(`own${count}`);
  });

  test('nor one that leads there after the sign-in', async () => {
    await account();
    const next = '/oauth/login/other/';
    const form = await get(`/login?${new URLSearchParams({ next })}`);
    const signedIn = await browser.submit(form, '/login', { username: `own${count}`, password: PASSWORD });
    expect(signedIn.location).toBe(url(next));
    const asked = await browser.get(signedIn.location ?? '', FOLLOWED);
    expect(asked.text).toContain('Connect <bdi>The other server</bdi>?');
  });

  test.each(doors)('an address that was typed connects, where the sign-in is fresh: %s', async (door) => {
    await account();
    await signIn(world.server, browser, `own${count}`);
    const typed = () => get(door, { 'sec-fetch-site': 'none' });
    expect(await typed()).toMatchObject({ status: 302 });
    expect(await get(door)).toMatchObject({ status: 302 });
    world.server.clock.advance(601);
    expect((await typed()).text).toMatch(/type="password"/);
  });

  test.each(doors)('a sign-in of long ago asks for the password: %s', async (door) => {
    await account();
    await signIn(world.server, browser, `own${count}`);
    world.server.clock.advance(601);
    const asked = await addressOf(door);
    expect(asked.text).toMatch(/type="password"/);
    const { fields } = formOf(asked, door);
    // The button of the linked accounts page: it knows no password.
    const pressed = await browser.post(url(door), fields);
    expect([pressed.status, pressed.headers.get('refresh')]).toEqual([200, null]);
    expect(pressed.text).toMatch(/type="password"/);
    for (const password of ['', 'not this one at all']) {
      const refused = await browser.submit(asked, door, { password });
      expect([refused.status, refused.location]).toEqual([400, undefined]);
    }
    const begun = await browser.submit(pressed, door, { password: PASSWORD });
    await browser.get(await upstreamOf(browser, begun, world.server.issuer));
    expect(await identityOf(other)).toBeDefined();
  });

  test('who has no password signs in once more, and is led back to the question', async () => {
    await through('/oauth/login/other/');
    const asked = await addressOf('/oauth/login/second/');
    expect(asked.text).not.toMatch(/type="password"/);
    const again = /href="(\/oauth\/login\/other\/\?fresh=1[^"]*)"/.exec(asked.text)?.[1] ?? '';
    const { csrf = '' } = formOf(await get('/logout'), '/logout').fields;
    const refused = await browser.post(url('/oauth/login/second/'), { csrf, password: PASSWORD });
    expect([refused.status, await identityOf(second)]).toEqual([400, undefined]);
    expect(refused.text).not.toContain('This is not your password.');
    other.wrong = { claims: ({ auth_time: _theirs, ...claims }) => claims };
    const back = await through(again.replaceAll('&amp;', '&'));
    other.wrong = {};
    const page = await browser.get(back.location ?? '', { 'sec-fetch-site': 'cross-site' });
    expect(formOf(page, '/oauth/login/second/').fields).toMatchObject({ next: '/demo' });
    const begun = await browser.submit(page, '/oauth/login/second/');
    await browser.get(await upstreamOf(browser, begun, world.server.issuer));
    expect(await identityOf(second)).toBeDefined();
  });
});

describe('row 96: disconnecting', () => {
  async function linked(): Promise<void> {
    await world.server.createAccount(`own${count}`);
    await signIn(world.server, browser, `own${count}`);
    await connecting('/oauth/login/other/');
  }
  const disconnect = async (fields = {}) =>
    browser.submit(await get('/oauth/disconnect/other/'), '/oauth/disconnect/other/', fields);

  test('GET changes nothing, from whatever site', async () => {
    await linked();
    for (const site of ['same-origin', 'cross-site', 'none']) {
      expect((await get('/oauth/disconnect/other/', { 'sec-fetch-site': site })).status).toBe(200);
    }
    expect(await identityOf(other)).toBeDefined();
  });

  test('POST without our form’s token is 403, with it the link is gone', async () => {
    await linked();
    expect((await browser.post(url('/oauth/disconnect/other/'), {})).status).toBe(403);
    expect((await disconnect()).location).toBe(url(`${PAGE}?done=disconnected`));
    expect(await identityOf(other)).toBeUndefined();
    expect((await get('/oauth/disconnect/other/')).status).toBe(404);
    // The identity is nobody's: its next sign-in is somebody new.
    browser = createBrowser();
    await through('/oauth/login/other/');
    expect(await signedInAs()).toBe(`linked${count}`);
  });

  test('whoever came in through it is signed out; the session that disconnects it stays', async () => {
    await linked();
    const another = (await loginThrough(world, '/oauth/login/other/')).browser;
    const byPassword = createBrowser();
    await signIn(world.server, byPassword, `own${count}`);
    await through('/oauth/login/other/');
    second.wrong = { claims: ({ auth_time: _theirs, ...claims }) => claims };
    other.wrong = second.wrong;
    await through('/oauth/login/other/?fresh=1');
    other.wrong = {};
    second.wrong = {};
    expect((await disconnect()).status).toBe(303);
    const isSignedIn = async (one: Browser) => (await one.get(url('/account'))).status === 200;
    expect(await Promise.all([browser, byPassword, another].map(isSignedIn))).toEqual([true, true, false]);
  });

  test('while somebody signs in through it: they are refused, and no token is kept of what has ended', async () => {
    await linked();
    const { identities, upstreamSide } = world.server.container;
    const { find } = identities;
    const { accountId = '' } = (await identityOf(other)) ?? {};
    Object.assign(identities, {
      async find(...of: Parameters<typeof find>) {
        Object.assign(identities, { find });
        const found = await find(...of);
        await disconnect();
        return found;
      },
    });
    const late = await loginThrough(world, '/oauth/login/other/', createBrowser());
    expect(late.status).toBe(403);
    expect(late.text).toContain('not known here any more');
    expect(await identityOf(other)).toBeUndefined();
    const kept = upstreamSide.access.vault.tokenFor(accountId, 'other');
    await expect(kept).rejects.toMatchObject({ reason: 'none' });
  });

  test('a sign-in of long ago asks for the password', async () => {
    await linked();
    world.server.clock.advance(601);
    const page = await get('/oauth/disconnect/other/');
    expect(page.text).toMatch(/type="password"/);
    for (const password of ['', 'not this one at all']) {
      const refused = await browser.submit(page, '/oauth/disconnect/', { password });
      expect(refused.status).toBe(400);
    }
    expect(await identityOf(other)).toBeDefined();
    expect((await browser.submit(page, '/oauth/disconnect/', { password: PASSWORD })).status).toBe(303);
    expect(await identityOf(other)).toBeUndefined();
  });

  test('A89: the last way in stays, with the reason', async () => {
    await through('/oauth/login/other/');
    const page = await get('/oauth/disconnect/other/');
    expect(page.status).toBe(400);
    expect(page.text).toContain('the only way you can sign in');
    const list = await get(PAGE);
    expect(list.text).not.toContain('href="/oauth/disconnect/other/"');
    // A second identity makes the first spare, and is then the last itself.
    // Their clocks are not ours, which has been moved: they say nothing of when this was.
    const silent = { claims: ({ auth_time: _theirs, ...claims }: Record<string, unknown>) => claims };
    Object.assign(other, { wrong: silent });
    await through('/oauth/login/other/?fresh=1');
    Object.assign(other, { wrong: {} });
    await connecting('/oauth/login/second/');
    Object.assign(second, { wrong: silent });
    await through('/oauth/login/second/?fresh=1');
    Object.assign(second, { wrong: {} });
    expect((await disconnect()).status).toBe(303);
    expect((await get('/oauth/disconnect/second/')).status).toBe(400);
    expect(await identityOf(second)).toBeDefined();
  });

  test('unknown is 404, anonymous people sign in first', async () => {
    expect((await get('/oauth/disconnect/other/')).location).toContain('/login?next=');
    await linked();
    expect((await get('/oauth/disconnect/nobody/')).status).toBe(404);
  });
});

describe('row 101: the REST doors', () => {
  const login = (query = '') => through(`/api/oauth/login/other/${query}`);

  test('every login ends in a message and a code', async () => {
    const made = await login('?next=/demo');
    expect(new URL(made.location ?? '').pathname).toBe('/demo');
    expect(payloadOf(made)).toEqual({ message: 'Successfully signed up.', code: '200', next_url: '/demo' });
    browser = createBrowser();
    expect(payloadOf(await login())).toMatchObject({ message: 'Successfully authorized.', code: '200' });
    expect(await signedInAs()).toBe(`linked${count}`);
  });

  test('a listed origin is led back to, another is cut', async () => {
    const back = await login(`?${new URLSearchParams({ next: `${SPA}/app?x=1` })}`);
    expect(back.location).toContain(`${SPA}/app?x=1&message=Successfully`);
    browser = createBrowser();
    const cut = await login(`?${new URLSearchParams({ next: 'https://evil.example/app' })}`);
    expect(new URL(cut.location ?? '').origin).toBe(world.server.issuer);
  });

  test.each<[string, (callback: URL) => void, string, string]>([
    [
      'denied',
      (it) => it.searchParams.set('error', 'access_denied'),
      'You rejected the authentication request.',
      '400',
    ],
    [
      'refused',
      (it) => it.searchParams.set('error', 'server_error'),
      'Authorization with remote service failed.',
      '400',
    ],
    ['no state', (it) => it.searchParams.delete('state'), 'Invalid state.', '403'],
    ['two codes', (it) => it.searchParams.append('code', 'b'), 'Invalid response.', '500'],
  ])('%s', async (_name, change, message, code) => {
    const callback = new URL(
      await upstreamOf(browser, await get('/api/oauth/login/other/'), world.server.issuer),
    );
    change(callback);
    const answer = await browser.get(callback.href);
    expect(answer.status).toBe(302);
    expect(payloadOf(answer)).toEqual({ message, code });
    expect(await signedInAs()).toBeUndefined();
  });

  test('linked elsewhere, and an account that is shut', async () => {
    await loginThrough(world, '/oauth/login/other/');
    await world.server.createAccount(`own${count}`);
    await signIn(world.server, browser, `own${count}`);
    expect(payloadOf(await connecting('/api/oauth/login/other/'))).toEqual({
      message: 'External service is already linked to another account.',
      code: '400',
    });
    const { accounts, disableAccounts } = world.server.container;
    const id = (await accounts.findByUsernameKey(`linked${count}`))?.id ?? '';
    await disableAccounts.disable(id, { actorId: 'cli' });
    browser = createBrowser();
    expect(payloadOf(await login())).toEqual({ message: 'Unauthorized.', code: '401' });
  });

  test('a message goes to one known origin', async () => {
    const query = (next: string) => `?${new URLSearchParams({ response: 'postmessage', next })}`;
    for (const [next, target] of [
      [`${SPA}/app`, SPA],
      ['https://evil.example/app', world.server.issuer],
      ['/demo', world.server.issuer],
    ] as const) {
      browser = createBrowser();
      const page = await login(query(next));
      expect(page.status).toBe(200);
      expect(page.text).toContain(`data-target="${target}"`);
      expect(page.text).toMatch(/data-post-message="\{&#34;message&#34;:&#34;Successfully/);
      // A page that is cut off from its opener could not answer it.
      expect(page.headers.get('cross-origin-opener-policy')).toBeNull();
    }
  });

  const rest = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
    browser.post(url(path), form, { accept: 'application/json', ...headers });

  test('signing up: fields are judged, then it is done', async () => {
    other.person = { sub: `l-${count}` };
    const pending = await login();
    const ticket = new URL(pending.location ?? '').searchParams.get('ticket') ?? '';
    const path = '/api/oauth/signup/other/';
    expect((await get(`${path}?ticket=${ticket}`)).location).toContain('/oauth/signup/other/?ticket=');
    expect(payloadOf(await get(path))).toEqual({ message: 'Unauthorized.', code: '401' });
    const typed = { ticket, username: `rest${count}`, email: `r${count}@there.example`, full_name: 'R' };
    const bad = await rest(path, { ...typed, username: 'admin' });
    expect([bad.status, JSON.parse(bad.text)]).toMatchObject([
      400,
      { message: 'Form validation error.', code: 400 },
    ]);
    expect((await rest(path, typed, { origin: 'https://evil.example' })).status).toBe(403);
    const done = await rest(path, typed, { origin: SPA });
    expect([done.status, JSON.parse(done.text)]).toEqual([
      200,
      { message: 'Successfully signed up.', code: 200, next_url: '/' },
    ]);
    const again = await rest(path, typed);
    expect([again.status, JSON.parse(again.text)]).toEqual([401, { message: 'Unauthorized.', code: 401 }]);
  });

  test('disconnecting', async () => {
    const path = '/api/oauth/disconnect/other/';
    expect(JSON.parse((await rest(path, {})).text)).toEqual({ message: 'Unauthorized.', code: 401 });
    await world.server.createAccount(`own${count}`);
    await signIn(world.server, browser, `own${count}`);
    await connecting('/api/oauth/login/other/');
    expect(await identityOf(other)).toBeDefined();
    expect((await get(path)).location).toBe(url('/oauth/disconnect/other/'));
    expect((await rest(path, {}, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await rest(path, {}, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect(await identityOf(other)).toBeDefined();
    const done = await rest(path, {});
    expect([done.status, JSON.parse(done.text)]).toEqual([
      200,
      { message: 'Successfully disconnected.', code: 200 },
    ]);
    expect(await identityOf(other)).toBeUndefined();
  });
});

describe('row 102: /oauth/logout', () => {
  test('signs out and leads to the upstream’s logout address, or home', async () => {
    await through('/oauth/login/other/');
    const asked = await get('/oauth/logout', { 'sec-fetch-site': 'cross-site' });
    expect(asked.status).toBe(200);
    expect(asked.headers.get('content-security-policy')).toContain('https://other.example');
    expect(await signedInAs()).toBe(`linked${count}`);
    const left = await get('/oauth/logout');
    expect([left.status, left.location]).toEqual([302, 'https://other.example/bye']);
    expect(await signedInAs()).toBeUndefined();
    expect((await get('/oauth/logout')).location).toBe(url('/'));
  });

  test('its form', async () => {
    await through('/oauth/login/other/');
    const asked = await get('/oauth/logout', { 'sec-fetch-site': 'cross-site' });
    expect((await browser.post(url('/oauth/logout'), { logout: 'yes' })).status).toBe(403);
    const left = await browser.submit(asked, '/oauth/logout', { logout: 'yes' });
    expect([left.status, left.location]).toEqual([303, 'https://other.example/bye']);
    expect(await signedInAs()).toBeUndefined();
  });
});
