/**
 * Each flow over three nodes on one PostgreSQL behind a round-robin proxy: between two of its requests the node that
 * answered last is killed, and the flow ends as if nothing had been. In drills, between any two in their turn.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DEVICE_CODE } from '../../src/clients/client.js';
import { type Browser, createBrowser, type Page } from '../support/browser.js';
import { measured, SHORT, size } from '../support/figures.js';
import {
  answerOf,
  authorizeUrl,
  type CodeGrant,
  getCode,
  getWith,
  introspect,
  newPkce,
  post,
  redeem,
  refresh,
  signIn,
  walk,
} from '../support/flow.js';
import { freePort } from '../support/free-port.js';
import { getJson, postJson } from '../support/json-calls.js';
import { ADA, FOLLOWED, upstreamOf } from '../support/login-world.js';
import { type Nodes, startNodes } from '../support/nodes.js';
import { dpopProof, newProofKey } from '../support/proofs.js';
import { PASSWORD, REDIRECT_URI, type TestClient, type TestServer } from '../support/server.js';
import { type OidcUpstream, startOidcUpstream } from '../support/upstreams.js';

const NODES = 3;
const TIMEOUT = size(60_000, 300_000, 300_000);
const APP = 'https://app.example/';

let nodes: Nodes;
let upstream: OidcUpstream;
let server: TestServer;
let web: TestClient;
let device: TestClient;
let script: TestClient;
let people = 0;

beforeAll(async () => {
  const port = await freePort();
  const issuer = `http://localhost:${port}`;
  upstream = await startOidcUpstream({
    redirectUris: ['/oauth/authorized/google/', '/auth/callback/google', '/auth/oauth_callback'].map(
      (path) => issuer + path,
    ),
  });
  const env = {
    SIGN_UP: 'open',
    LEGACY_FLOWS: 'password',
    DSERVER_LOCAL_ACCOUNTS: 'true',
    ALLOWED_ORIGINS: new URL(APP).origin,
    // The one upstream that all doors know.
    GOOGLE_KEY: upstream.clientId,
    GOOGLE_SECRET: upstream.clientSecret,
    UPSTREAM_GOOGLE_ISSUER: upstream.issuer,
    UPSTREAM_GOOGLE_METADATA_URL: `${upstream.issuer}/.well-known/openid-configuration`,
  };
  const none = { response_types: [], redirect_uris: [] };
  nodes = await startNodes(NODES, env, {
    port,
    async furnish(maker) {
      device = await maker.createClient({
        ...none,
        grant_types: [DEVICE_CODE],
        token_endpoint_auth_method: 'none',
        scope: 'openid profile',
      });
      script = await maker.createClient({ ...none, grant_types: ['password'], scope: 'openid profile' });
    },
  });
  server = nodes.target;
  web = nodes.clients.web;
}, TIMEOUT);
afterAll(async () => {
  await nodes?.close();
  await upstream?.close();
});

/** A name nobody has. */
function freshName(): string {
  people += 1;
  return `person${people}`;
}

/** Somebody nobody has seen arrives upstream. @returns the name there */
function newcomer(): string {
  const username = freshName();
  upstream.person = {
    ...ADA,
    sub: `sub-${username}`,
    preferred_username: username,
    email: `${username}@there.example`,
  };
  return username;
}

const through = async (browser: Browser, begun: Page): Promise<Page> =>
  browser.get(await upstreamOf(browser, begun, server.issuer));
const isSignedIn = async (browser: Browser): Promise<boolean> =>
  (await browser.get(server.url('/account'))).status === 200;
const nameIn = async (browser: Browser): Promise<string | undefined> =>
  /<bdi>([^<]*)/.exec((await browser.get(server.url('/'))).text)?.[1];

const FLOWS: Record<string, () => Promise<void>> = {
  async 'a login, its tokens, their end'() {
    const grant = await getCode(server, web, { scope: 'openid profile offline_access', prompt: 'consent' });
    const { body } = await redeem(server, web, grant);
    expect((await getWith(server, '/oauth/userinfo', body.access_token)).status).toBe(200);
    const next = await refresh(server, web, body.refresh_token);
    expect(await introspect(server, web, next.body.access_token)).toMatchObject({ active: true });
    await post(server, '/oauth/revoke', { token: next.body.refresh_token }, web);
    expect(await introspect(server, web, next.body.access_token)).toEqual({ active: false });
    const leaving = await grant.browser.get(server.url(`/oauth/end_session?id_token_hint=${body.id_token}`));
    expect(await isSignedIn(grant.browser)).toBe(true);
    await grant.browser.submit(leaving, '/oauth/end_session/confirm', { logout: 'yes' });
    expect(await isSignedIn(grant.browser)).toBe(false);
  },

  async 'a pushed request, tokens bound to a key'() {
    const pkce = newPkce();
    const key = await newProofKey();
    const pushed = await post(
      server,
      '/oauth/par',
      {
        client_id: web.clientId,
        response_type: 'code',
        redirect_uri: REDIRECT_URI,
        scope: 'openid profile',
        code_challenge: pkce.challenge,
        code_challenge_method: 'S256',
      },
      web,
    );
    const browser = createBrowser();
    const { request_uri } = pushed.body;
    const query = new URLSearchParams({ client_id: web.clientId, request_uri });
    const done = await walk(server, browser, await browser.get(server.url(`/oauth/authorize?${query}`)));
    const form = {
      grant_type: 'authorization_code',
      code: answerOf(done).get('code') ?? '',
      redirect_uri: REDIRECT_URI,
      code_verifier: pkce.verifier,
    };
    // A proof from before asks for a nonce, which the next node takes.
    const iat = Math.floor(Date.now() / 1000) - 3600;
    const tokens = async (claims: object) => {
      const proof = await dpopProof(key, 'POST', server.url('/oauth/token'), { claims });
      return post(server, '/oauth/token', form, web, { dpop: proof });
    };
    const first = await tokens({ iat });
    expect(first.body.error).toBe('use_dpop_nonce');
    const answer = await tokens({ iat, nonce: first.headers.get('dpop-nonce') });
    expect(answer).toMatchObject({ status: 200, body: { token_type: 'DPoP' } });
    const proof = await dpopProof(key, 'GET', server.url('/oauth/userinfo'), {
      accessToken: answer.body.access_token,
    });
    const response = await fetch(server.url('/oauth/userinfo'), {
      headers: { authorization: `DPoP ${answer.body.access_token}`, dpop: proof },
    });
    expect(response.status).toBe(200);
  },

  async 'a device'() {
    const { body } = await post(server, '/oauth/device_authorization', { scope: 'openid profile' }, device);
    const browser = createBrowser();
    const entered = await browser.get(body.verification_uri_complete);
    const confirmed = await browser.submit(entered, '/oauth/device');
    const agreed = await browser.submit(confirmed, '/oauth/device', { confirm: 'yes' });
    expect((await walk(server, browser, agreed)).text).toContain('Your device is connected');
    const form = { grant_type: DEVICE_CODE, device_code: body.device_code };
    expect((await post(server, '/oauth/token', form, device)).status).toBe(200);
  },

  async 'a script with a password'() {
    const form = { grant_type: 'password', username: 'alice', password: PASSWORD, scope: 'profile' };
    const { body } = await post(server, '/oauth/token', form, script);
    const me = await getWith(server, '/api/me', body.access_token);
    expect(me).toMatchObject({ status: 200, body: { username: 'alice' } });
  },

  async 'signing up within a request'() {
    const username = freshName();
    const browser = createBrowser();
    const pkce = newPkce();
    const challenge = { code_challenge: pkce.challenge, code_challenge_method: 'S256' };
    const asked = await browser.get(authorizeUrl(server, web, challenge));
    const { text } = await browser.follow(asked, server.issuer);
    const [, path = ''] = /href="(\/interaction\/[^"]+\/signup)"/.exec(text) ?? [];
    const form = await browser.get(server.url(path));
    const done = await browser.submit(form, '/signup', { username, password: PASSWORD });
    const code = answerOf(await walk(server, browser, done, username)).get('code') ?? '';
    const grant: CodeGrant = { code, pkce, browser };
    expect((await redeem(server, web, grant)).status).toBe(200);
  },

  async 'another password'() {
    const username = freshName();
    const browser = createBrowser();
    const form = await browser.get(server.url('/signup'));
    await browser.submit(form, '/signup', { username, password: PASSWORD });
    expect(await isSignedIn(browser)).toBe(true);
    const page = await browser.get(server.url('/account/password'));
    const chosen = 'seven quiet lighthouses';
    const fields = { password: PASSWORD, new_password: chosen };
    expect((await browser.submit(page, '/account/password', fields)).status).toBe(303);
    const elsewhere = createBrowser();
    const login = await elsewhere.get(server.url('/login'));
    await elsewhere.submit(login, '/login', { username, password: chosen });
    expect(await nameIn(elsewhere)).toBe(username);
  },

  async 'registering an application'() {
    const browser = createBrowser();
    await signIn(server, browser);
    const form = await browser.get(server.url('/create_client'));
    const done = await browser.submit(form, '/create_client', {
      client_name: 'Of Alice',
      scope: 'openid profile',
      redirect_uri: REDIRECT_URI,
      grant_type: 'authorization_code',
      response_type: 'code',
      token_endpoint_auth_method: 'client_secret_basic',
    });
    const made = await browser.follow(done, server.issuer);
    const clientId = /\/clients\/([\w-]+)/.exec(made.url)?.[1] ?? '';
    const secret = /id="new-secret">(\w+)/.exec(made.text)?.[1] ?? '';
    const own = { clientId, secret } as TestClient;
    const grant = await getCode(server, own, {}, { browser });
    expect((await redeem(server, own, grant)).status).toBe(200);
    const asked = await browser.get(server.url(`/clients/${clientId}/delete`));
    await browser.submit(asked, '/delete');
    expect((await redeem(server, own, grant)).body.error).toBe('invalid_client');
  },

  async 'a login through an upstream, and once more'() {
    const username = newcomer();
    for (let times = 0; times < 2; times += 1) {
      const browser = createBrowser();
      await through(browser, await browser.get(server.url('/oauth/login/google/'), FOLLOWED));
      expect(await nameIn(browser)).toBe(username);
    }
  },

  async 'a dserver token through an upstream'() {
    newcomer();
    const browser = createBrowser();
    const page = await through(browser, await browser.get(server.url('/auth/login')));
    const token = new URLSearchParams(new URL(page.location ?? 'x:').hash.slice(1)).get('token');
    expect((await postJson(server, '/auth/verify', { token })).status).toBe(200);
    const renewed = await postJson(server, '/auth/refresh', { token });
    expect((await postJson(server, '/auth/verify', { token: renewed.body.token })).status).toBe(200);
  },

  async 'a user token of the permission service'() {
    newcomer();
    const browser = createBrowser();
    const query = new URLSearchParams({ jwt: '', next: APP });
    const { body } = await getJson(server, `/auth/check?${query}`);
    const page = await through(browser, await browser.get(body.providers.google.url));
    const jwt = new URL(page.location ?? 'x:').searchParams.get('jwt') ?? '';
    const check = await getJson(server, `/auth/check?${new URLSearchParams({ jwt, next: APP })}`);
    expect(check.body).toMatchObject({ authenticated: true });
  },
};

/** Runs the flow; before the request of this number, where there are so many, the node that answered last is killed. */
async function run(
  flow: () => Promise<void>,
  deadly?: number,
): Promise<{ requests: number; killed: boolean }> {
  let requests = 0;
  let dead: number | undefined;
  nodes.balancer.before = async (last) => {
    requests += 1;
    if (requests !== deadly) return;
    dead = Array.from({ length: NODES }, (_, index) => index).find((at) => nodes.program(at).port === last);
    const program = nodes.program(dead as number);
    program.child.kill('SIGKILL');
    await program.ended;
  };
  try {
    await flow();
  } catch (error) {
    const { message } = error as Error;
    throw new Error(`at request ${requests}, killed before ${deadly}: ${message}`, { cause: error });
  } finally {
    nodes.balancer.before = undefined;
  }
  expect([nodes.balancer.cut, nodes.balancer.faults]).toEqual([[], []]);
  if (dead !== undefined) await nodes.start(dead);
  return { requests, killed: dead !== undefined };
}

test.each(Object.entries(FLOWS))(
  'R03: a node is killed during %s',
  async (name, flow) => {
    const { requests } = await run(flow);
    let kills = 0;
    if (SHORT) kills += Number((await run(flow, 1 + Math.ceil(requests / 2))).killed);
    // Some ask for less when they come again.
    else while ((await run(flow, kills + 2)).killed) kills += 1;
    measured('R03', `${name}: ${requests} requests, ${kills} kills, each run ended well`);
    expect(kills).toBeGreaterThanOrEqual(SHORT ? 1 : requests / 2);
  },
  TIMEOUT,
);
