/** The OpenID Foundation's RP-Initiated-Logout modules by their own names, and `/logout` beside them. */
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { SignJWT } from 'jose';
import { type Browser, createBrowser, formOf, type Page } from '../support/browser.js';
import { authorizeUrl, getWith, introspect, refresh, signIn } from '../support/flow.js';
import { authorize, type Outcome } from '../support/relying-party.js';
import { startServer, type TestClient, type TestServer } from '../support/server.js';
import { later, realTime } from '../support/time.js';

const BACK = 'https://app.example/signed-out';
const CONFIRM = '/oauth/end_session/confirm';

let server: TestServer;
let client: TestClient;
let foreign: TestClient;
let browser: Browser;
let outcome: Outcome;

beforeAll(async () => {
  server = await startServer();
  await server.createAccount('alice');
  await server.createAccount('bob');
  client = await server.createClient({ post_logout_redirect_uris: [BACK] });
  foreign = await server.createClient({
    client_name: 'Another one',
    post_logout_redirect_uris: ['https://foreign.example/'],
  });
});
beforeEach(async () => {
  browser = createBrowser();
  outcome = await authorize(server, client, { responseType: 'code' }, {}, { browser });
});
afterAll(async () => {
  realTime();
  await server.close();
});

const endSession = (params: Record<string, string>, of = browser): Promise<Page> =>
  of.get(server.url(`/oauth/end_session?${new URLSearchParams(params)}`));
const hint = () => ({ id_token_hint: String(outcome.idToken?.text) });
const confirm = (page: Page, logout = true) => browser.submit(page, CONFIRM, logout ? { logout: 'yes' } : {});
/** Whether the authorization endpoint still knows somebody in this browser. */
async function isSignedIn(of = browser): Promise<boolean> {
  const page = await of.get(
    authorizeUrl(server, client, {
      prompt: 'none',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    }),
  );
  return new URL(String(page.location)).searchParams.get('error') !== 'login_required';
}
async function expectErrorPage(page: Page): Promise<void> {
  expect(page.status).toBe(400);
  expect(page.location).toBeUndefined();
  expect(page.text).toContain('<h1>');
  expect(page.text).not.toMatch(/href="https:\/\/(evil|foreign)\.example/);
  expect(await isSignedIn()).toBe(true);
}

describe('refused: an error page, no redirect, still signed in', () => {
  const signedBy = async (claims: object, alg: string) => {
    const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const secret = Buffer.from(client.secret || client.clientId);
    return new SignJWT({ ...claims }).setProtectedHeader({ alg }).sign(alg === 'HS256' ? secret : key);
  };
  const parts = () => String(outcome.idToken?.text).split('.') as [string, string, string];
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = () => outcome.idToken?.claims as Record<string, unknown>;

  const hints: [string, () => string | Promise<string>][] = [
    ['oidcc-rp-initiated-logout-bad-id-token-hint: not a token', () => 'not-a-token'],
    [
      'oidcc-rp-initiated-logout-modified-id-token-hint: another subject, the old signature',
      () => [parts()[0], encode({ ...claims(), sub: 'bob' }), parts()[2]].join('.'),
    ],
    [
      'A99 oidcc-rp-initiated-logout-modified-id-token-hint: a broken signature',
      () => `${parts()[0]}.${parts()[1]}.${'A'.repeat(parts()[2].length)}`,
    ],
    ['A99: forged with alg none', () => `${encode({ alg: 'none' })}.${parts()[1]}.`],
    ['A99: forged with HS256 and the client secret', () => signedBy(claims(), 'HS256')],
    ['A99: signed with a foreign key', () => signedBy(claims(), 'RS256')],
    [
      'A99: of an unknown client',
      () => `${parts()[0]}.${encode({ ...claims(), aud: 'nobody' })}.${parts()[2]}`,
    ],
    ['A99: without an audience', () => `${parts()[0]}.${encode({ sub: 'x' })}.${parts()[2]}`],
    [
      'A99: an audience that is a list',
      () => `${parts()[0]}.${encode({ ...claims(), aud: [client.clientId] })}.${parts()[2]}`,
    ],
  ];
  test.each(hints)('%s', async (_name, make) => {
    await expectErrorPage(await endSession({ id_token_hint: await make(), post_logout_redirect_uri: BACK }));
  });

  const addresses: [string, string][] = [
    ['oidcc-rp-initiated-logout-bad-post-logout-redirect-uri', 'https://evil.example/'],
    ['oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri', `${BACK}?extra=1`],
    ['A100: a path below', `${BACK}/more`],
    ['A100: user information', 'https://app.example@evil.example/signed-out'],
    ['A100: a script', 'javascript:alert(1)'],
    ['A100: the address of another client', 'https://foreign.example/'],
  ];
  test.each(addresses)('%s, with a hint', async (_name, address) => {
    await expectErrorPage(await endSession({ ...hint(), post_logout_redirect_uri: address }));
  });
  test.each(addresses)('%s, with a client_id', async (_name, address) => {
    await expectErrorPage(
      await endSession({ client_id: client.clientId, post_logout_redirect_uri: address }),
    );
  });

  test('a hint of one client with the client_id of another', async () => {
    await expectErrorPage(await endSession({ ...hint(), client_id: foreign.clientId }));
  });

  test('an unknown client_id', async () => {
    await expectErrorPage(await endSession({ client_id: 'nobody', post_logout_redirect_uri: BACK }));
  });

  test('A11: a parameter twice', async () => {
    const page = await browser.get(server.url('/oauth/end_session?state=a&state=b'));
    await expectErrorPage(page);
  });

  test('a confirmation without the token of its page, or from a foreign page', async () => {
    const page = await endSession(hint());
    const { action, fields } = formOf(page, CONFIRM);
    const wrong = await browser.post(action, { xsrf: 'wrong', logout: 'yes' });
    expect(wrong.status).toBe(403);
    const crossSite = await browser.post(
      action,
      { ...fields, logout: 'yes' },
      { origin: 'https://evil.example' },
    );
    expect(crossSite.status).toBe(403);
    expect(await isSignedIn()).toBe(true);
  });
});

describe('signing out', () => {
  test('oidcc-rp-initiated-logout: asks, then goes back with state; session and tokens are gone', async () => {
    const page = await endSession({ ...hint(), post_logout_redirect_uri: BACK, state: 'x"<>&%20+/=' });
    expect(page.status).toBe(200);
    expect(page.text).toContain('Sign out?');
    expect(page.text).toContain('Test application');
    expect(page.headers.get('content-security-policy')).toContain("form-action 'self' https://app.example;");
    const done = await confirm(page);
    expect(done.status).toBe(303);
    expect(done.location?.startsWith(`${BACK}?`)).toBe(true);
    expect(new URL(String(done.location)).searchParams.get('state')).toBe('x"<>&%20+/=');
    expect(await isSignedIn()).toBe(false);
    expect((await getWith(server, '/oauth/userinfo', outcome.accessToken)).status).toBe(401);
    expect(await introspect(server, client, String(outcome.accessToken))).toEqual({ active: false });
    expect((await refresh(server, client, String(outcome.refreshToken))).body.error).toBe('invalid_grant');
    expect((await browser.get(server.url('/account'))).location).toContain('/login');
  });

  test('oidcc-rp-initiated-logout-no-state: goes back without one', async () => {
    const done = await confirm(await endSession({ ...hint(), post_logout_redirect_uri: BACK }));
    expect(done.location).toBe(BACK);
  });

  test.each([
    ['oidcc-rp-initiated-logout-no-params', () => ({})],
    ['oidcc-rp-initiated-logout-no-post-logout-redirect-uri', () => hint()],
    ['oidcc-rp-initiated-logout-only-state', () => ({ state: 'lost' })],
    [
      'A99 A100 oidcc-rp-initiated-logout-no-id-token-hint, an evil address',
      () => ({ post_logout_redirect_uri: 'https://evil.example/', state: 's' }),
    ],
    ['oidcc-rp-initiated-logout-no-id-token-hint', () => ({ post_logout_redirect_uri: BACK, state: 's' })],
  ])('%s: asks first, then says so here, without going anywhere', async (_module, params) => {
    const page = await endSession(params() as Record<string, string>);
    expect(page.text).toContain('Sign out?');
    expect(await isSignedIn()).toBe(true);
    const done = await browser.follow(await confirm(page), server.issuer);
    expect(done.status).toBe(200);
    expect(done.location).toBeUndefined();
    expect(done.text).toContain('igned out');
    expect(done.text).not.toContain('evil.example');
    expect(await isSignedIn()).toBe(false);
  });

  test('with a client_id instead of a hint it goes back too', async () => {
    const done = await confirm(
      await endSession({ client_id: client.clientId, post_logout_redirect_uri: BACK, state: 's' }),
    );
    expect(done.location).toBe(`${BACK}?state=s`);
  });

  test('the request may be a POST (OIDC RP-Initiated Logout §2)', async () => {
    const page = await browser.post(
      server.url('/oauth/end_session'),
      { ...hint(), post_logout_redirect_uri: BACK, state: 's' },
      { origin: 'https://app.example', 'sec-fetch-site': 'cross-site' },
    );
    const asked = await browser.follow(page, server.issuer);
    expect(asked.text).toContain('Sign out?');
    expect((await confirm(asked)).location).toBe(`${BACK}?state=s`);
  });

  test('an expired ID Token is still a good hint', async () => {
    later(2 * 3600);
    const done = await confirm(await endSession({ ...hint(), post_logout_redirect_uri: BACK }));
    expect(done.location).toBe(BACK);
  });

  test('staying signed in keeps the session, and the audit trail tells of no sign-out', async () => {
    const { database } = server.container;
    const signOuts = () =>
      database.all(database.sql('audit_events').select('event').where('event', 'account.sign_out'));
    const before = await signOuts();
    const page = await endSession(hint());
    const stay = await browser.follow(await confirm(page, false), server.issuer);
    expect(stay.status).toBe(200);
    expect((await browser.get(server.url('/account'))).status).toBe(200);
    expect(await signOuts()).toEqual(before);
    await confirm(await endSession(hint()));
    expect(await signOuts()).toHaveLength(before.length + 1);
  });

  test('a stranger’s sign-out leaves nothing in the audit trail', async () => {
    const { database } = server.container;
    const signOuts = () =>
      database.all(database.sql('audit_events').select('event').where('event', 'account.sign_out'));
    const before = await signOuts();
    const stranger = createBrowser();
    const page = await endSession({}, stranger);
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
    expect(xsrf).not.toBe('');
    const done = await stranger.post(server.url('/oauth/end_session/confirm'), { xsrf, logout: 'yes' });
    expect(done.status).toBe(303);
    expect(await signOuts()).toEqual(before);
  });

  test('somebody else is signed in than the hint names: asked, not signed out', async () => {
    const other = createBrowser();
    await signIn(server, other, 'bob');
    const page = await endSession({ ...hint(), post_logout_redirect_uri: BACK }, other);
    expect(page.text).toContain('Sign out?');
    expect(await isSignedIn(other)).toBe(true);
  });
});

describe('nobody is signed in (seed row 83: the originals answer 500)', () => {
  test('end_session with hint and address goes back, by a button for browsers without JavaScript', async () => {
    const nobody = createBrowser();
    const page = await endSession({ ...hint(), post_logout_redirect_uri: BACK, state: 's' }, nobody);
    expect(page.status).toBe(200);
    expect(page.text).toMatch(/<button[^>]*type="submit"/);
    const done = await nobody.submit(page, CONFIRM);
    expect(done.location).toBe(`${BACK}?state=s`);
  });

  test('A100: an evil address is an error page here too', async () => {
    const nobody = createBrowser();
    const page = await endSession({ ...hint(), post_logout_redirect_uri: 'https://evil.example/' }, nobody);
    expect(page).toMatchObject({ status: 400, location: undefined });
  });

  test.each(['/oauth/end_session', '/logout'])('%s without parameters', async (path) => {
    const nobody = createBrowser();
    let page = await nobody.follow(await nobody.get(server.url(path)), server.issuer);
    if (page.text.includes('data-autosubmit'))
      page = await nobody.follow(await nobody.submit(page, CONFIRM), server.issuer);
    expect(page.status).toBe(200);
    expect(page.text).toContain('igned out');
  });

  test('/logout posted a second time', async () => {
    const page = await browser.get(server.url('/logout'));
    const first = await browser.submit(page, '/logout', { logout: 'yes' });
    expect(first.status).toBe(303);
    expect((await browser.submit(page, '/logout', { logout: 'yes' })).status).toBeLessThan(500);
    expect(await isSignedIn()).toBe(false);
  });
});
