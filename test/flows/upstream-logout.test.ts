/** Sessions that began at an upstream and end there (seed row 110; OIDC Back-Channel Logout 1.0), or here (goal 33). */
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type JWTPayload, SignJWT } from 'jose';
import { sha256 } from '../../src/platform/crypto/ids.js';
import type { Arrival } from '../../src/relying-party/relying-party.js';
import type { Upstream } from '../../src/relying-party/upstream.js';
import { type Browser, createBrowser } from '../support/browser.js';
import { getCode, getWith, introspect, redeem, refresh, signIn } from '../support/flow.js';
import { postJson } from '../support/json-calls.js';
import { CALLBACK, createBench } from '../support/upstream-login.js';
import { startUpstreamWorld, type UpstreamWorld } from '../support/upstream-world.js';
import { newSigningPair } from '../support/upstreams.js';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const DOOR = '/oauth/backchannel_logout/lab';

let world: UpstreamWorld;
let people = 0;

beforeAll(async () => {
  world = await startUpstreamWorld();
});
afterAll(() => world.close());

interface Guest {
  readonly id: string;
  readonly subject: string;
  readonly sid: string;
  readonly browser: Browser;
  readonly uid: string;
}

/** Somebody whose browser session began at an upstream. */
async function guest(
  upstreamId = 'lab',
  more: { idToken?: string; sid?: string; id?: string } = {},
): Promise<Guest> {
  people += 1;
  const { server } = world;
  const username = `guest${people}`;
  const account = await server.createAccount(username);
  const browser = createBrowser();
  await signIn(server, browser, username);
  await browser.get(server.url('/account'));
  const [facts] = await server.container.ownSessions.list(account.id);
  const uid = facts?.sessionUid ?? '';
  const subject = more.id ?? `subject-${people}`;
  const sid = more.sid ?? `sid-${people}`;
  const upstream = server.container.upstreams.find(upstreamId) as Upstream;
  const { sessions } = server.container.upstreamSide.login;
  const arrival = {
    account: (await server.container.accounts.findById(account.id)) as Arrival['account'],
    upstream,
    identity: {
      issuer: world.there.issuer,
      subject,
      claims: {},
      attributes: {},
      extra: {},
      emailVerified: false,
    },
    identityId: `identity-${people}`,
    sid,
    idToken: more.idToken,
  } as unknown as Arrival;
  await sessions.signedIn({ uid, accountId: account.id }, sessions.describe(arrival));
  return { id: account.id, subject, sid, browser, uid };
}

const isSignedIn = async ({ browser }: Guest) =>
  (await browser.get(world.server.url('/account'))).status === 200;

/** A dserver token that this browser session was given. */
async function dserverToken({ id, uid }: Guest): Promise<string> {
  const { accounts, dserver } = world.server.container;
  const account = await accounts.findById(id);
  if (!account) throw new Error('no such account');
  return (await dserver.issue.forBrowser({ account, sessionUid: uid }, 'session')).token;
}

/** Whether it is taken here. */
const isGood = async (token: string): Promise<boolean> =>
  (await postJson(world.server, '/auth/verify', { token })).status === 200;

const seconds = () => Math.floor(world.server.clock.now() / 1000);
const claimsOf = ({ subject, sid }: Guest, more: JWTPayload = {}): JWTPayload => ({
  iss: world.there.issuer,
  aud: world.there.clientId,
  iat: seconds(),
  exp: seconds() + 120,
  jti: randomUUID(),
  sub: subject,
  sid,
  events: { [EVENT]: {} },
  ...more,
});
const without = (claims: JWTPayload, name: string): JWTPayload =>
  Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name));

async function notify(token: string, path = DOOR, headers: Record<string, string> = {}) {
  const response = await fetch(world.server.url(path), {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams({ logout_token: token }).toString(),
  });
  const text = await response.text();
  return {
    status: response.status,
    cache: response.headers.get('cache-control'),
    cookies: response.headers.getSetCookie(),
    body: text.startsWith('{') ? JSON.parse(text) : text,
  };
}

const unsigned = (claims: JWTPayload, alg: string): string =>
  `${[{ alg }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;

describe.each([DOOR, '/external-logout'])('row 110: %s refuses', (path) => {
  const CASES: readonly (readonly [string, (guest: Guest) => string | Promise<string>])[] = [
    ['nonsense', () => 'nonsense'],
    ['an empty token', () => ''],
    ['no signature (none)', (one) => unsigned(claimsOf(one), 'none')],
    [
      'another key',
      async (one) => {
        const { privateKey } = await newSigningPair('first');
        return new SignJWT(claimsOf(one)).setProtectedHeader({ alg: 'RS256', kid: 'first' }).sign(privateKey);
      },
    ],
    [
      'our secret there as HS256',
      async (one) => {
        const secret = new TextEncoder().encode(world.there.clientSecret);
        return new SignJWT(claimsOf(one)).setProtectedHeader({ alg: 'HS256' }).sign(secret);
      },
    ],
    ['another issuer', (one) => world.there.sign(claimsOf(one, { iss: 'https://evil.example' }))],
    ['another audience', (one) => world.there.sign(claimsOf(one, { aud: 'another client' }))],
    ['no audience', (one) => world.there.sign(without(claimsOf(one), 'aud'))],
    ['an expired token', (one) => world.there.sign(claimsOf(one, { exp: seconds() - 60 }))],
    ['an old token', (one) => world.there.sign(claimsOf(one, { iat: seconds() - 3600 }))],
    ['no iat', (one) => world.there.sign(without(claimsOf(one), 'iat'))],
    ['no jti', (one) => world.there.sign(without(claimsOf(one), 'jti'))],
    ['no events', (one) => world.there.sign(without(claimsOf(one), 'events'))],
    ['another event', (one) => world.there.sign(claimsOf(one, { events: { 'http://other': {} } }))],
    ['an event that is no object', (one) => world.there.sign(claimsOf(one, { events: { [EVENT]: true } }))],
    ['a nonce: an ID Token', (one) => world.there.sign(claimsOf(one, { nonce: 'n' }))],
    ['nobody', (one) => world.there.sign(without(without(claimsOf(one), 'sub'), 'sid'))],
  ];

  test.each(CASES)('%s, and nobody is signed out', async (_name, tokenOf) => {
    const one = await guest();
    const { status, body, cache } = await notify(await tokenOf(one), path);
    expect([status, body.error]).toEqual([400, 'invalid_request']);
    expect(cache).toBe('no-store');
    expect(await isSignedIn(one)).toBe(true);
  });

  test('a token that came before, also while somebody else is signed in with it', async () => {
    const one = await guest();
    const token = await world.there.sign(claimsOf(one));
    expect((await notify(token, path)).status).toBe(200);
    expect((await notify(token, path)).status).toBe(400);
    expect((await notify(token, DOOR)).status).toBe(400);
  });

  test('what is no form', async () => {
    const response = await fetch(world.server.url(path), {
      method: 'POST',
      body: '{"a":1}',
      headers: { 'content-type': 'application/json' },
    });
    expect(response.status).toBe(400);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await (await fetch(world.server.url(path), { method: 'POST' })).status).toBe(400);
  });
});

describe('row 110: a notice', () => {
  test.each([DOOR, '/external-logout'])(
    'at %s ends the session with that sid alone, and what is bound to it',
    async (path) => {
      const one = await guest();
      const other = await guest('lab', { id: one.subject });
      const tokens = (
        await redeem(
          world.server,
          world.named,
          await getCode(
            world.server,
            world.named,
            {},
            { browser: one.browser, username: `guest${people - 1}` },
          ),
        )
      ).body;
      expect((await getWith(world.server, '/api/me', tokens.access_token)).status).toBe(200);
      const minted = await dserverToken(one);
      expect(await isGood(minted)).toBe(true);
      const { status, body, cache, cookies } = await notify(
        await world.there.sign(claimsOf(one), { typ: 'logout+jwt' }),
        path,
      );
      expect([status, body, cache, cookies]).toEqual([200, '', 'no-store', []]);
      expect(await isSignedIn(one)).toBe(false);
      expect(await isSignedIn(other)).toBe(true);
      expect((await getWith(world.server, '/api/me', tokens.access_token)).status).toBe(401);
      expect((await introspect(world.server, world.named, tokens.access_token)).active).toBe(false);
      expect((await refresh(world.server, world.named, tokens.refresh_token)).status).toBe(400);
      expect(await isGood(minted)).toBe(false);
      const [row] = await world.server.container.auditStore.list({ accountId: one.id, limit: 1 });
      expect(row).toMatchObject({ event: 'session.ended', actorId: 'upstream:lab' });
    },
  );

  test('without a sid ends all sessions of that person through that upstream', async () => {
    const one = await guest();
    const same = await guest('lab', { id: one.subject });
    const elsewhere = await guest('other', { id: one.subject });
    expect((await notify(await world.there.sign(without(claimsOf(one), 'sid')))).status).toBe(200);
    expect(await Promise.all([one, same, elsewhere].map(isSignedIn))).toEqual([false, false, true]);
  });

  test('a sid of another person ends nothing; nobody there is a success too', async () => {
    const one = await guest();
    expect((await notify(await world.there.sign(claimsOf(one, { sub: 'somebody else' })))).status).toBe(200);
    expect((await notify(await world.there.sign(claimsOf(one, { sid: 'unknown' })))).status).toBe(200);
    expect(await isSignedIn(one)).toBe(true);
  });

  test('the session of whoever brings it is not what ends (the demo’s fault)', async () => {
    const [one, bringer] = [await guest(), await guest()];
    const cookie = ['postern_session', 'postern_session.sig']
      .map((name) => `${name}=${bringer.browser.cookie(name)}`)
      .join('; ');
    expect((await notify(await world.there.sign(claimsOf(one)), DOOR, { cookie })).status).toBe(200);
    expect(await isSignedIn(bringer)).toBe(true);
  });

  test('works again after it failed: the key set was away, then the same notice is taken', async () => {
    const fresh = await startUpstreamWorld();
    const { server, there } = fresh;
    there.wrong = {
      answer: { '/.well-known/openid-configuration': (_req, res) => res.writeHead(503).end() },
    };
    const token = await there.sign({
      iss: there.issuer,
      aud: there.clientId,
      iat: Math.floor(Date.now() / 1000),
      exp: Math.floor(Date.now() / 1000) + 280,
      jti: 'once',
      sub: 's',
      events: { [EVENT]: {} },
    });
    const send = () =>
      fetch(server.url(DOOR), { method: 'POST', body: new URLSearchParams({ logout_token: token }) });
    expect((await send()).status).toBeGreaterThanOrEqual(500);
    there.wrong = {};
    // An upstream in trouble is left alone for a while.
    server.clock.advance(60);
    expect((await send()).status).toBe(200);
    expect((await send()).status).toBe(400);
    await fresh.close();
  });

  test('an unknown upstream is not found; GET tells what is wanted', async () => {
    const one = await guest();
    const token = await world.there.sign(claimsOf(one));
    expect((await notify(token, '/oauth/backchannel_logout/nowhere')).status).toBe(404);
    expect((await fetch(world.server.url('/external-logout'))).status).toBe(400);
    expect((await fetch(world.server.url(DOOR))).status).toBe(405);
    expect(await isSignedIn(one)).toBe(true);
  });

  test('jti is remembered by its hash alone', async () => {
    const one = await guest();
    const claims = claimsOf(one);
    await notify(await world.there.sign(claims));
    const row = await world.server.container.payloads.find(
      sha256(JSON.stringify(['logout_token', claims.iss, claims.jti])),
    );
    expect(row?.kind).toBe('LogoutToken');
    expect(JSON.stringify(row)).not.toContain(claims.jti);
  });
});

describe('goal 33: signing out here', () => {
  const RETURN = 'http://localhost/';
  const goodbyeOf = ({ id, uid }: Guest, style: 'return' | 'plain' = 'return') =>
    world.server.container.upstreamSide.endings.signOut.before({ uid, accountId: id }, RETURN, style);

  test('leads to the end of the session there, with the ID Token as hint, and the upstream takes it', async () => {
    const upstream = world.server.container.upstreams.find('lab') as Upstream;
    const { tokens } = await createBench().login(upstream);
    const goodbye = await goodbyeOf(await guest('lab', { idToken: tokens.idToken ?? '' }));
    const url = new URL(goodbye?.address ?? '');
    expect(url.origin).toBe(world.there.issuer);
    expect(url.searchParams.get('id_token_hint')).toBe(tokens.idToken);
    expect(url.searchParams.get('post_logout_redirect_uri')).toBe(RETURN);
    url.searchParams.set('post_logout_redirect_uri', new URL('/', CALLBACK).href);
    expect((await fetch(url)).status).toBe(200);
  });

  test('says in words that the session there may go on, where it offers no sign-out or does not answer', async () => {
    const fresh = await startUpstreamWorld();
    const spare = world;
    world = fresh;
    const one = await guest();
    for (const wrong of [
      { metadata: { end_session_endpoint: undefined } },
      { metadata: { end_session_endpoint: 'javascript:alert(1)' } },
      {
        answer: {
          '/.well-known/openid-configuration': (_req: unknown, res: ServerResponse) =>
            res.writeHead(503).end(),
        },
      },
    ]) {
      fresh.there.wrong = wrong as typeof fresh.there.wrong;
      fresh.server.clock.advance(86_400);
      const goodbye = await goodbyeOf(one);
      expect(goodbye?.address).toBeUndefined();
      expect(goodbye?.text).toContain('may still be signed in at The Lab');
    }
    await fresh.close();
    world = spare;
  });

  test('row 102: a sign-out page of the settings is used as it stands, or with the way back', async () => {
    const fresh = await startUpstreamWorld({ UPSTREAM_LAB_LOGOUT_URL: 'https://lab.example/bye?a=b' });
    const spare = world;
    world = fresh;
    const one = await guest();
    expect((await goodbyeOf(one, 'plain'))?.address).toBe('https://lab.example/bye?a=b');
    expect((await goodbyeOf(one, 'return'))?.address).toBe(
      `https://lab.example/bye?a=b&redirect_uri=${encodeURIComponent(RETURN)}`,
    );
    await fresh.close();
    world = spare;
  });

  test('a session that began with a password, or of another account, leads nowhere', async () => {
    const one = await guest();
    const { signOut } = world.server.container.upstreamSide.endings;
    expect(await signOut.before({ uid: one.uid, accountId: 'another' }, RETURN, 'return')).toBeUndefined();
    expect(await signOut.before({ uid: 'another', accountId: one.id }, RETURN, 'return')).toBeUndefined();
    await signOut.after({ uid: one.uid, accountId: one.id });
    expect(await goodbyeOf(one)).toBeUndefined();
  });
});
