import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type Browser, createBrowser } from '../support/browser.js';
import { getCode, getWith, introspect, post, redeem, refresh, signIn } from '../support/flow.js';
import { dpopProof, newProofKey } from '../support/proofs.js';
import { PASSWORD, startServer, type TestClient, type TestServer } from '../support/server.js';
import { later, realTime } from '../support/time.js';

let server: TestServer;
let client: TestClient;

beforeAll(async () => {
  server = await startServer();
  await server.createAccount('alice');
  client = await server.createClient();
});
afterEach(realTime);
afterAll(() => server.close());

const INVALID_GRANT = { status: 400, body: { error: 'invalid_grant' } };
const OFFLINE = 'openid profile offline_access';

async function tokensOf(of = client, options: { browser?: Browser; scope?: string; at?: TestServer } = {}) {
  const { browser = createBrowser(), scope = 'openid profile', at = server } = options;
  const answer = await redeem(at, of, await getCode(at, of, { scope }, { browser }));
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  return answer.body as { access_token: string; refresh_token: string; scope: string; id_token: string };
}

const lives = async (accessToken: string, at = server) =>
  (await getWith(at, '/oauth/userinfo', accessToken)).status === 200;

/** The answer's bytes. */
async function rawRefresh(of: TestClient, refreshToken: string): Promise<string> {
  const response = await fetch(server.url('/oauth/token'), {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${of.clientId}:${of.secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken }),
  });
  return response.text();
}

async function signOut(browser: Browser, at = server): Promise<void> {
  const page = await browser.get(at.url('/logout'));
  const left = await browser.submit(page, '/logout', { logout: 'yes' });
  expect(left.status).toBe(303);
  expect((await browser.follow(left, at.issuer)).text).toContain('signed out');
}

describe('a refresh that must be refused', () => {
  test('an unknown, empty or missing token', async () => {
    expect(await refresh(server, client, 'no-such-token')).toMatchObject(INVALID_GRANT);
    const grant_type = 'refresh_token';
    for (const form of [{ grant_type, refresh_token: '' }, { grant_type }]) {
      const answer = await post(server, '/oauth/token', form as Record<string, string>, client);
      expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    }
  });

  test('A53: a refresh by another client, by client_id alone or by nobody; the token is none the worse', async () => {
    const other = await server.createClient();
    const stranger = await server.createClient({ token_endpoint_auth_method: 'none' });
    const { refresh_token } = await tokensOf();
    expect(await refresh(server, other, refresh_token)).toMatchObject(INVALID_GRANT);
    expect(await refresh(server, stranger, refresh_token)).toMatchObject(INVALID_GRANT);
    const asPublic = await refresh(server, { ...client, secret: '' }, refresh_token);
    expect(asPublic).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    const nobody = await post(server, '/oauth/token', { grant_type: 'refresh_token', refresh_token });
    expect(nobody).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    expect((await refresh(server, client, refresh_token)).status).toBe(200);
  });

  test('A54: more scope than granted is invalid_scope, whether or not the client may have it', async () => {
    const { refresh_token } = await tokensOf();
    for (const scope of ['openid profile email', 'openid profile admin', 'offline_access']) {
      const wider = await refresh(server, client, refresh_token, { scope });
      expect(wider).toMatchObject({ status: 400, body: { error: 'invalid_scope' } });
      expect(wider.body).not.toHaveProperty('access_token');
    }
    expect((await refresh(server, client, refresh_token)).status).toBe(200);
  });

  test('A56: the account was disabled: refresh, UserInfo, /api/me and introspection end at once', async () => {
    const { id } = await server.createAccount('mallory');
    const code = await getCode(server, client, {}, { username: 'mallory' });
    const tokens = (await redeem(server, client, code)).body;
    await server.container.disableAccounts.disable(id, { actorId: 'cli' });
    expect(await refresh(server, client, tokens.refresh_token)).toMatchObject(INVALID_GRANT);
    expect((await getWith(server, '/oauth/userinfo', tokens.access_token)).status).toBe(401);
    expect((await getWith(server, '/api/me', tokens.access_token)).status).toBe(401);
    expect(await introspect(server, client, tokens.access_token)).toEqual({ active: false });
  });

  test('the client did not register the grant: it gets no refresh token, and unauthorized_client', async () => {
    const plain = await server.createClient({ grant_types: ['authorization_code'] });
    const tokens = await redeem(server, plain, await getCode(server, plain, { scope: OFFLINE }));
    expect(tokens.status).toBe(200);
    expect(tokens.body).not.toHaveProperty('refresh_token');
    const answer = await refresh(server, plain, (await tokensOf()).refresh_token);
    expect(answer).toMatchObject({ status: 400, body: { error: 'unauthorized_client' } });
  });
});

describe('rotation (seed row 73, RFC 9700 §4.14.2)', () => {
  test('each refresh gives a new access token and a new refresh token, an ID Token of the same sub', async () => {
    const first = await tokensOf();
    const second = await refresh(server, client, first.refresh_token);
    expect(second.status).toBe(200);
    expect(second.headers.get('cache-control')).toBe('no-store');
    expect(second.body).toMatchObject({ token_type: 'Bearer', scope: 'openid profile', expires_in: 3600 });
    expect(second.body.refresh_token).not.toBe(first.refresh_token);
    expect(second.body.access_token).not.toBe(first.access_token);
    const subOf = (jwt: string) =>
      JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()).sub;
    expect(subOf(second.body.id_token)).toBe(subOf(first.id_token));
    expect(await lives(second.body.access_token)).toBe(true);
    expect((await refresh(server, client, second.body.refresh_token)).status).toBe(200);
  });

  test('less scope narrows this access token only; the next refresh may have all again', async () => {
    const first = await tokensOf();
    const narrow = await refresh(server, client, first.refresh_token, { scope: 'openid' });
    expect(narrow.body.scope).toBe('openid');
    expect((await getWith(server, '/api/me', narrow.body.access_token)).status).toBe(403);
    const again = await refresh(server, client, narrow.body.refresh_token);
    expect(again.body.scope).toBe('openid profile');
  });

  test('a repeat within grace gets the same answer to the byte', async () => {
    const { refresh_token } = await tokensOf();
    const first = await rawRefresh(client, refresh_token);
    const second = await rawRefresh(client, refresh_token);
    expect(JSON.parse(first)).toHaveProperty('refresh_token');
    expect(second).toBe(first);
    server.clock.advance(9);
    expect(await rawRefresh(client, refresh_token)).toBe(first);
  });

  test('of two at once the slower gets the same answer, on a node whose clock is ahead by the grace too', async () => {
    const { refresh_token } = await tokensOf();
    const { payloads } = server.container;
    const { apply } = payloads;
    let reached: () => void = () => {};
    let goOn: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const waits = new Promise<void>((resolve) => {
      reached = resolve;
    });
    payloads.apply = async (unit) => {
      payloads.apply = apply;
      reached();
      await held;
      return apply(unit);
    };
    const slower = rawRefresh(client, refresh_token);
    await waits;
    const winner = await rawRefresh(client, refresh_token);
    server.clock.advance(30);
    goOn();
    expect(await slower).toBe(winner);
    expect(await lives(JSON.parse(winner).access_token)).toBe(true);
  });

  test('a repeat within grace for another scope is refused, and harms nobody', async () => {
    const { refresh_token } = await tokensOf();
    const winner = (await refresh(server, client, refresh_token)).body;
    const repeat = await refresh(server, client, refresh_token, { scope: 'openid' });
    expect(repeat).toMatchObject(INVALID_GRANT);
    expect(await lives(winner.access_token)).toBe(true);
    expect((await refresh(server, client, winner.refresh_token)).status).toBe(200);
  });

  test('a repeat within grace by another client is refused, and harms nobody', async () => {
    const other = await server.createClient();
    const { refresh_token } = await tokensOf();
    const winner = (await refresh(server, client, refresh_token)).body;
    expect(await refresh(server, other, refresh_token)).toMatchObject(INVALID_GRANT);
    expect(await lives(winner.access_token)).toBe(true);
    expect((await refresh(server, client, winner.refresh_token)).status).toBe(200);
  });

  test('a repeat within grace with another DPoP key, or with none, is refused, and harms nobody', async () => {
    const [key, thief] = [await newProofKey(), await newProofKey()];
    const htu = server.url('/oauth/token');
    const withProof = async (by: typeof key, refresh_token: string) =>
      post(server, '/oauth/token', { grant_type: 'refresh_token', refresh_token }, client, {
        dpop: await dpopProof(by, 'POST', htu),
      });
    const { refresh_token } = await tokensOf();
    const winner = await withProof(key, refresh_token);
    expect(winner.body.token_type).toBe('DPoP');
    expect(await withProof(thief, refresh_token)).toMatchObject(INVALID_GRANT);
    expect(await refresh(server, client, refresh_token)).toMatchObject(INVALID_GRANT);
    expect((await withProof(key, refresh_token)).body).toEqual(winner.body);
    expect((await withProof(key, winner.body.refresh_token)).status).toBe(200);
  });

  test('a repeat after grace is a theft: invalid_grant, and the whole family is dead', async () => {
    const { refresh_token, access_token } = await tokensOf();
    const winner = (await refresh(server, client, refresh_token)).body;
    server.clock.advance(11);
    expect(await refresh(server, client, refresh_token)).toMatchObject(INVALID_GRANT);
    expect(await lives(access_token)).toBe(false);
    expect(await lives(winner.access_token)).toBe(false);
    expect(await introspect(server, client, winner.refresh_token)).toEqual({ active: false });
    expect(await refresh(server, client, winner.refresh_token)).toMatchObject(INVALID_GRANT);
  });

  test('no repeat within grace once the family is dead: a saved answer gives no dead tokens', async () => {
    const { refresh_token } = await tokensOf();
    const winner = (await refresh(server, client, refresh_token)).body;
    await post(server, '/oauth/revoke', { token: winner.refresh_token }, client);
    expect(await refresh(server, client, refresh_token)).toMatchObject(INVALID_GRANT);
  });
});

test('REFRESH_GRACE=0: any reuse ends the family at once', async () => {
  const strict = await startServer({ REFRESH_GRACE: '0' });
  try {
    await strict.createAccount('alice');
    const own = await strict.createClient();
    const { refresh_token } = await tokensOf(own, { at: strict });
    const winner = (await refresh(strict, own, refresh_token)).body;
    expect(await refresh(strict, own, refresh_token)).toMatchObject(INVALID_GRANT);
    expect(await lives(winner.access_token, strict)).toBe(false);
    expect(await refresh(strict, own, winner.refresh_token)).toMatchObject(INVALID_GRANT);
  } finally {
    await strict.close();
  }
});

describe('the end of a refresh token', () => {
  test('A55: rotating does not move the absolute end, not even by a second', async () => {
    const short = await server.createClient({}, { ttl: { refreshTokenIdle: 1000, refreshTokenMax: 2500 } });
    let { refresh_token } = await tokensOf(short, { scope: OFFLINE });
    for (const seconds of [900, 900, 650]) {
      later(seconds);
      const answer = await refresh(server, short, refresh_token);
      expect(answer.status).toBe(200);
      refresh_token = answer.body.refresh_token;
    }
    later(60);
    expect(await refresh(server, short, refresh_token)).toMatchObject(INVALID_GRANT);
    expect(await introspect(server, short, refresh_token)).toEqual({ active: false });
  });

  test('left idle for its idle time it is over; each use starts that time anew', async () => {
    const short = await server.createClient({}, { ttl: { refreshTokenIdle: 1000, refreshTokenMax: 10_000 } });
    const first = await tokensOf(short, { scope: OFFLINE });
    later(900);
    const second = await refresh(server, short, first.refresh_token);
    expect(second.status).toBe(200);
    later(900);
    const third = await refresh(server, short, second.body.refresh_token);
    expect(third.status).toBe(200);
    later(1001);
    expect(await refresh(server, short, third.body.refresh_token)).toMatchObject(INVALID_GRANT);
  });

  test('without offline_access signing out ends it and its access tokens, in this browser alone', async () => {
    const [here, there] = [createBrowser(), createBrowser()];
    const bound = await tokensOf(client, { browser: here });
    const elsewhere = await tokensOf(client, { browser: there });
    await signOut(here);
    expect(await lives(bound.access_token)).toBe(false);
    expect(await introspect(server, client, bound.refresh_token)).toEqual({ active: false });
    expect(await refresh(server, client, bound.refresh_token)).toMatchObject(INVALID_GRANT);
    expect(await lives(elsewhere.access_token)).toBe(true);
    expect((await refresh(server, client, elsewhere.refresh_token)).status).toBe(200);
  });

  test('without offline_access it ends at the end session endpoint too', async () => {
    const browser = createBrowser();
    const bound = await tokensOf(client, { browser });
    const page = await browser.get(server.url(`/oauth/end_session?id_token_hint=${bound.id_token}`));
    const done = await browser.submit(page, '/oauth/end_session/confirm', { logout: 'yes' });
    expect((await browser.follow(done, server.issuer)).status).toBe(200);
    expect(await refresh(server, client, bound.refresh_token)).toMatchObject(INVALID_GRANT);
    expect(await lives(bound.access_token)).toBe(false);
  });

  test('without offline_access it ends when somebody else signs in in the browser', async () => {
    await server.createAccount('bob');
    const browser = createBrowser();
    const bound = await tokensOf(client, { browser });
    await signIn(server, browser, 'bob');
    expect(await refresh(server, client, bound.refresh_token)).toMatchObject(INVALID_GRANT);
  });

  test('with offline_access it outlives the browser session', async () => {
    const browser = createBrowser();
    const offline = await tokensOf(client, { browser, scope: OFFLINE });
    expect(offline.scope).toBe(OFFLINE);
    await signOut(browser);
    expect(await lives(offline.access_token)).toBe(true);
    const next = await refresh(server, client, offline.refresh_token);
    expect(next.status).toBe(200);
    expect(await lives(next.body.access_token)).toBe(true);
  });

  test('offline and bound tokens of one client in one browser do not end each other', async () => {
    const browser = createBrowser();
    const bound = await tokensOf(client, { browser });
    const offline = await tokensOf(client, { browser, scope: OFFLINE });
    const boundToo = await tokensOf(client, { browser });
    expect(await lives(bound.access_token)).toBe(true);
    await post(server, '/oauth/revoke', { token: offline.refresh_token }, client);
    expect(await lives(offline.access_token)).toBe(false);
    expect(await lives(bound.access_token)).toBe(true);
    expect((await refresh(server, client, boundToo.refresh_token)).status).toBe(200);

    const second = await tokensOf(client, { browser, scope: OFFLINE });
    await signOut(browser);
    expect(await refresh(server, client, bound.refresh_token)).toMatchObject(INVALID_GRANT);
    expect((await refresh(server, client, second.refresh_token)).status).toBe(200);
  });

  test('a reused offline token ends its own family only, not the bound tokens beside it', async () => {
    const browser = createBrowser();
    const bound = await tokensOf(client, { browser });
    const offline = await tokensOf(client, { browser, scope: OFFLINE });
    await refresh(server, client, offline.refresh_token);
    server.clock.advance(11);
    expect(await refresh(server, client, offline.refresh_token)).toMatchObject(INVALID_GRANT);
    expect(await lives(bound.access_token)).toBe(true);
    expect((await refresh(server, client, bound.refresh_token)).status).toBe(200);
  });

  test('without offline_access it ends when the browser session runs out; with it, it goes on', async () => {
    const day = 86_400;
    const long = await server.createClient(
      {},
      { ttl: { refreshTokenIdle: 30 * day, refreshTokenMax: 90 * day } },
    );
    const bound = await tokensOf(long);
    const offline = await tokensOf(long, { scope: OFFLINE });
    later(14 * day + 20);
    expect(await refresh(server, long, bound.refresh_token)).toMatchObject(INVALID_GRANT);
    expect((await refresh(server, long, offline.refresh_token)).status).toBe(200);
  });

  test('no token, secret or password of these flows is in the log', async () => {
    const { refresh_token, access_token } = await tokensOf();
    await refresh(server, client, refresh_token);
    const log = server.logs.join('\n');
    for (const secret of [refresh_token, access_token, client.secret, PASSWORD])
      expect(log).not.toContain(secret);
  });
});
