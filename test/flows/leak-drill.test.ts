/**
 * Whoever reads the database can sign in with nothing of it (A125). After flows of every kind, half of them
 * left open: no value that opens something is written down anywhere, and nothing written down opens anything.
 */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Browser, createBrowser } from '../support/browser.js';
import { type Cell, disguisesOf, dump, fileBytes, leavesOf } from '../support/dump.js';
import {
  answerOf,
  authorizeUrl,
  type CodeGrant,
  getCode,
  getWith,
  newPkce,
  post,
  redeem,
  refresh,
  signIn,
} from '../support/flow.js';
import { freshPostgres } from '../support/postgres.js';
import { ASSERTION_TYPE, clientAssertion, dpopProof, newProofKey } from '../support/proofs.js';
import { PASSWORD, REDIRECT_URI, startServer, type TestClient, type TestServer } from '../support/server.js';
import { listen, type Wire } from '../support/wire.js';

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const URN = 'urn:ietf:params:oauth:request_uri:';
const SECRET_KEY = 'the leak drill has a secret of its own, long enough';
const ONE_TIME_PASSWORD = 'a password good for one time';
const OFFLINE = 'openid profile offline_access';
const SESSION = 'postern_session';

/** What is still open when the database is read. */
interface Left {
  readonly web: TestClient;
  readonly inspector: TestClient;
  readonly signer: TestClient;
  readonly browser: Browser;
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly code: CodeGrant;
  readonly deviceCode: string;
  /** Of the interaction that waits for a sign-in. */
  readonly waiting: Browser;
  readonly uid: string;
}

async function pushed(server: TestServer, client: TestClient, more = {}): Promise<string> {
  const { challenge } = newPkce();
  const form = {
    client_id: client.clientId,
    response_type: 'code',
    redirect_uri: REDIRECT_URI,
    scope: 'openid profile',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...more,
  };
  const { status, body } = await post(server, '/oauth/par', form, client);
  expect(status).toBe(201);
  return body.request_uri;
}

const pushedUrl = (server: TestServer, { clientId }: TestClient, request_uri: string) =>
  server.url(`/oauth/authorize?${new URLSearchParams({ client_id: clientId, request_uri })}`);

async function deviceFlow(server: TestServer, client: TestClient) {
  const { body } = await post(server, '/oauth/device_authorization', { scope: 'openid profile' }, client);
  return body as { device_code: string; user_code: string };
}

async function enterUserCode(server: TestServer, browser: Browser, user_code: string) {
  const asked = await browser.get(server.url('/oauth/device'));
  const confirm = await browser.submit(asked, '/oauth/device', { user_code });
  return browser.follow(await browser.submit(confirm, '/oauth/device', { confirm: 'yes' }), server.issuer);
}

async function liveThrough(server: TestServer): Promise<Left> {
  const grant_types = ['authorization_code', 'refresh_token', DEVICE_GRANT, 'password'];
  const web = await server.createClient({ grant_types });
  const unattended = {
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    scope: '',
  };
  const inspector = await server.createClient(
    { ...unattended, token_endpoint_auth_method: 'client_secret_post' },
    { resourceServer: true },
  );
  const signer = await server.createClient({
    ...unattended,
    token_endpoint_auth_method: 'client_secret_jwt',
  });
  await server.createAccount('alice', { email: 'alice@example.org' });
  await server.createAccount('bob');
  await server.createAccount('carol', {
    password: ONE_TIME_PASSWORD,
    mustChangePassword: true,
    passwordExpiresAt: server.clock.now() + 3_600_000,
  });

  const browser = createBrowser();
  await signIn(server, browser);
  const used = await redeem(server, web, await getCode(server, web, { scope: OFFLINE }, { browser }));
  expect(used.status).toBe(200);
  const rotated = await refresh(server, web, used.body.refresh_token);
  expect(rotated.status).toBe(200);
  const bound = await redeem(server, web, await getCode(server, web, {}, { browser }));
  expect(bound.status).toBe(200);

  // Clients of every kind, and a proof of possession.
  const key = await newProofKey();
  const proof = await dpopProof(key, 'POST', server.url('/oauth/token'));
  const forms: [Record<string, string>, TestClient | undefined, Record<string, string>][] = [
    [{ client_id: inspector.clientId, client_secret: inspector.secret }, undefined, { dpop: proof }],
    [await asserted(server, signer, signer.secret), undefined, {}],
    [{ grant_type: 'password', username: 'alice', password: PASSWORD, scope: 'profile' }, web, {}],
  ];
  for (const [form, client, headers] of forms) {
    const answer = await post(
      server,
      '/oauth/token',
      { grant_type: 'client_credentials', ...form },
      client,
      headers,
    );
    expect(answer).toMatchObject({ status: 200 });
  }

  // Devices: approved and not yet fetched, waiting for its person, and caught amid the sign-in.
  const approved = await deviceFlow(server, web);
  await enterUserCode(server, browser, approved.user_code);
  await deviceFlow(server, web);
  const amid = await enterUserCode(server, createBrowser(), (await deviceFlow(server, web)).user_code);
  expect(amid.text).toContain('/login');

  // Pushed requests: used, waiting, and behind an open sign-in.
  const spent = await browser.get(pushedUrl(server, web, await pushed(server, web)));
  expect(answerOf(spent).get('code')).toBeTruthy();
  await pushed(server, web, { id_token_hint: bound.body.id_token });
  const behind = createBrowser();
  const held = await behind.follow(
    await behind.get(pushedUrl(server, web, await pushed(server, web))),
    server.issuer,
  );
  expect(held.url).toContain('/interaction/');

  // Interactions: at the sign-in, at the consent, at the choice of a new password; a sign-out begun.
  const waiting = createBrowser();
  const login = await waiting.follow(await waiting.get(authorizeUrl(server, web, pkce())), server.issuer);
  const consenting = createBrowser();
  await signIn(server, consenting, 'bob');
  const asking = await consenting.follow(
    await consenting.get(authorizeUrl(server, web, pkce())),
    server.issuer,
  );
  expect(asking.text).toContain('/consent');
  const carol = createBrowser();
  const ticket = await carol.submit(await carol.get(server.url('/login')), '/login', {
    username: 'carol',
    password: ONE_TIME_PASSWORD,
  });
  expect(ticket.text).toContain('new_password');
  const leaving = await browser.copy().get(server.url(`/oauth/end_session?client_id=${web.clientId}`));
  expect(leaving.status).toBe(200);
  // Another account than the hint's signs in: the session notes where the request waits.
  const switching = createBrowser();
  await signIn(server, switching, 'bob');
  const hinted = await switching.get(
    authorizeUrl(server, web, { ...pkce(), prompt: 'login', id_token_hint: bound.body.id_token }),
  );
  await switching.follow(hinted, server.issuer);

  return {
    web,
    inspector,
    signer,
    browser,
    accessToken: bound.body.access_token,
    refreshToken: bound.body.refresh_token,
    code: await getCode(server, web, {}, { browser }),
    deviceCode: approved.device_code,
    waiting,
    uid: new URL(login.url).pathname.split('/')[2] as string,
  };
}

const pkce = () => ({ code_challenge: newPkce().challenge, code_challenge_method: 'S256' });

async function asserted(
  server: TestServer,
  client: TestClient,
  secret: string,
): Promise<Record<string, string>> {
  const key = new TextEncoder().encode(secret.padEnd(32, '\0'));
  return {
    client_id: client.clientId,
    client_assertion: await clientAssertion(client.clientId, server.issuer, key, { alg: 'HS256' }),
    client_assertion_type: ASSERTION_TYPE,
  };
}

/** Uses of a value: each answers whether it opened something. */
function waysIn(server: TestServer, left: Left): Record<string, (value: string) => Promise<boolean>> {
  const { web, inspector, signer } = left;
  const cookieKey = server.container.authorizationServer.cookieKeys[0] as string;
  const tokens = async (form: Record<string, string>, client?: Pick<TestClient, 'clientId' | 'secret'>) =>
    (await post(server, '/oauth/token', form, client)).status === 200;
  const bearer = (path: string) => async (value: string) =>
    /^[\x21-\x7e]+$/.test(value) && (await getWith(server, path, value)).status === 200;

  /** As a cookie with a good signature: harder than a thief of the database could. */
  const cookie = (name: string, value: string) => {
    const signature = createHmac('sha1', cookieKey).update(`${name}=${value}`).digest('base64url');
    return /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/.test(value)
      ? { cookie: `${name}=${value}; ${name}.sig=${signature}` }
      : undefined;
  };
  const silent = (params: Record<string, string> = {}) =>
    authorizeUrl(server, web, { ...pkce(), prompt: 'none', ...params });
  async function page(url: string, headers: Record<string, string>) {
    const response = await fetch(url, { redirect: 'manual', headers: { accept: 'text/html', ...headers } });
    return {
      status: response.status,
      location: response.headers.get('location') ?? '',
      text: await response.text(),
    };
  }

  return {
    'bearer at /api/me': bearer('/api/me'),
    'bearer at UserInfo': bearer('/oauth/userinfo'),
    introspection: async (token) => {
      const form = { token, client_id: inspector.clientId, client_secret: inspector.secret };
      return (await post(server, '/oauth/introspect', form)).body.active === true;
    },
    'refresh token': (value) => tokens({ grant_type: 'refresh_token', refresh_token: value }, web),
    code: (code) =>
      tokens(
        {
          grant_type: 'authorization_code',
          code,
          redirect_uri: REDIRECT_URI,
          code_verifier: left.code.pkce.verifier,
        },
        web,
      ),
    'device code': (value) => tokens({ grant_type: DEVICE_GRANT, device_code: value }, web),
    request_uri: async (value) => {
      const uri = value.startsWith(URN) ? value : URN + value;
      const session = left.browser.cookie(SESSION) as string;
      const { location } = await page(pushedUrl(server, web, uri), cookie(SESSION, session) ?? {});
      return location.includes('code=') || location.includes('/interaction/');
    },
    'client secret, basic': async (value) => {
      const as = { clientId: web.clientId, secret: encodeURIComponent(value) };
      return (await post(server, '/oauth/introspect', { token: 'any' }, as)).status === 200;
    },
    'client secret, post': (value) =>
      tokens({ grant_type: 'client_credentials', client_id: inspector.clientId, client_secret: value }),
    'client secret as a key': async (value) =>
      tokens({ grant_type: 'client_credentials', ...(await asserted(server, signer, value)) }),
    'session cookie': async (value) => {
      const headers = cookie(SESSION, value);
      return headers !== undefined && (await page(silent(), headers)).location.includes('code=');
    },
    'interaction cookie': async (value) => {
      const headers = cookie('postern_interaction', value);
      const opened =
        headers && (await page(server.url(`/interaction/${encodeURIComponent(value)}`), headers));
      return opened?.status === 200;
    },
    'resume cookie': async (value) => {
      const headers = cookie('postern_resume', value);
      const opened =
        headers && (await page(server.url(`/oauth/authorize/${encodeURIComponent(value)}`), headers));
      return opened !== undefined && opened.status < 400;
    },
  };
}

/** What of the stored could be tried as a credential. */
function triable(cells: readonly Cell[]): string[] {
  const values = cells
    .flatMap(({ value }) => leavesOf(value))
    .filter((value) => value.length >= 8 && value.length < 3000);
  return [...new Set(values)];
}

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += 12) {
    await Promise.all(items.slice(start, start + 12).map(work));
  }
}

describe.each(['SQLite', 'PostgreSQL'])('the database of a server that was used, on %s', (dialect) => {
  let server: TestServer;
  let wire: Wire;
  let left: Left;
  let cells: Cell[];

  beforeAll(async () => {
    const database: Record<string, string> = {};
    if (dialect === 'PostgreSQL') database.DATABASE_URL = await freshPostgres();
    wire = listen();
    server = await startServer({ SECRET_KEY, ...database });
    left = await liveThrough(server);
    // What the tests send themselves is no part of it: they try what is stored.
    wire.stop();
    cells = await dump(server.container.config);
  });
  afterAll(async () => {
    wire?.stop();
    await server?.close();
  });

  test('holds none of the values that went over the wire, nor keys', async () => {
    wire.add('setting', SECRET_KEY);
    wire.add('one-time password', ONE_TIME_PASSWORD);
    for (const key of server.container.authorizationServer.cookieKeys) wire.add('cookie key', key);
    for (const { jwk } of server.container.loadedKeys) wire.add('signing key', jwk.d as string);
    const kinds = new Set(
      [...wire.seen.values()].map((where) => where.replace(/^(request|redirect|answer|form) /, '')),
    );
    // The flows met every kind of value there is to lose.
    const wanted = [
      ...[
        'code',
        'access_token',
        'refresh_token',
        'id_token',
        'request_uri',
        'device_code',
        'user_code',
        'uid',
      ],
      ...[
        'basic secret',
        'client_secret',
        'client_assertion',
        'password',
        'ticket',
        'xsrf',
        'dpop',
        'code_verifier',
      ],
      ...['cookie postern_session', 'cookie postern_interaction.sig', 'cookie postern_resume.sig'],
    ];
    expect(wanted.filter((kind) => !kinds.has(kind))).toEqual([]);
    const file = server.container.config.database.file;
    const bytes = dialect === 'SQLite' ? fileBytes(file as string) : Buffer.alloc(0);
    const found: string[] = [];
    for (const [value, where] of wire.seen) {
      for (const disguise of new Set(disguisesOf(value))) {
        for (const cell of cells) if (cell.value.includes(disguise)) found.push(`${where} in ${cell.place}`);
        if (bytes.includes(disguise, 0, 'latin1')) found.push(`${where} in the file's bytes`);
      }
    }
    expect([...new Set(found)]).toEqual([]);
    expect(wire.seen.size).toBeGreaterThan(60);
  });

  test('the search sees what is there to be seen', () => {
    const all = cells.map(({ value }) => value).join('\n');
    expect(all).toContain(left.web.clientId);
    expect(all).toContain('alice@example.org');
    const kinds = new Set(
      cells.filter(({ place }) => place.endsWith('oidc_payloads.kind')).map(({ value }) => value),
    );
    expect([...kinds].sort()).toEqual(
      [
        ...['AccessToken', 'AuthorizationCode', 'ClientCredentials', 'DeviceCode', 'Grant', 'Interaction'],
        ...['PushedAuthorizationRequest', 'RefreshToken', 'ReplayDetection', 'Session'],
      ].sort(),
    );
    const columns = cells.map(({ place }) => place.split('.').slice(-1)[0]);
    for (const column of ['sealed', 'answer', 'user_code', 'hash', 'password_hash'])
      expect(columns).toContain(column);
  });

  test('opens nothing: every stored value, tried as every credential', async () => {
    const ways = Object.entries(waysIn(server, left));
    const opened: string[] = [];
    await inBatches(triable(cells), async (value) => {
      for (const [way, attempt] of ways) if (await attempt(value)) opened.push(`${way}: ${value}`);
    });
    expect(opened).toEqual([]);
  }, 120_000);

  test('a stored password hash is no password', async () => {
    const hashes = cells.filter(({ place }) => place.endsWith('.password_hash')).map(({ value }) => value);
    expect(hashes).toHaveLength(3);
    for (const hash of hashes) {
      expect(hash).toMatch(/^\$argon2id\$/);
      const form = { grant_type: 'password', username: 'alice', password: hash };
      expect(await post(server, '/oauth/token', form, left.web)).toMatchObject({ status: 400 });
    }
  });

  test('the same attempts succeed with the values themselves', async () => {
    const { waiting, browser, web } = left;
    // Both are good for a minute, and on a busy machine the tests before take longer.
    const code = await getCode(server, web, {}, { browser });
    const requestUri = await pushed(server, web);
    const ways = waysIn(server, { ...left, code });
    const values: Record<string, string> = {
      'bearer at /api/me': left.accessToken,
      'bearer at UserInfo': left.accessToken,
      introspection: left.accessToken,
      request_uri: requestUri,
      'client secret, basic': web.secret,
      'client secret, post': left.inspector.secret,
      'client secret as a key': left.signer.secret,
      'session cookie': browser.cookie(SESSION) as string,
      'interaction cookie': waiting.cookie('postern_interaction') as string,
      'refresh token': left.refreshToken,
      code: code.code,
      'device code': left.deviceCode,
      'resume cookie': waiting.cookie('postern_resume') as string,
    };
    const failed: string[] = [];
    for (const [way, value] of Object.entries(values)) if (!(await ways[way]?.(value))) failed.push(way);
    expect(failed).toEqual([]);
  });
});
