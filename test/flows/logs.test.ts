import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Browser, createBrowser, formOf, type Page } from '../support/browser.js';
import { answerOf, authorizeUrl, getWith, newPkce, post, redeem, refresh } from '../support/flow.js';
import { PASSWORD, REDIRECT_URI, startServer, type TestClient, type TestServer } from '../support/server.js';

/** Whole flows at the most talkative level, then every line is searched for every secret seen (rows 112, 115; A126). */

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';

let server: TestServer;
let client: TestClient;
/** What must stand in no line, with what it is. */
const secrets = new Map<string, string>();
const hide = (kind: string, value: string | undefined | null): string => {
  if (!value) throw new Error(`no ${kind} was seen`);
  secrets.set(value, kind);
  return value;
};

/** Notes every cookie and every hidden field that a page gave. */
function note(page: Page): Page {
  for (const line of page.headers.getSetCookie()) {
    const [, name, value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (value.length > 8) hide(`cookie ${name}`, value);
  }
  for (const [, name, value = ''] of page.text.matchAll(/type="hidden" name="([^"]*)" value="([^"]*)"/g)) {
    if (value.length > 8) hide(`field ${name}`, value);
  }
  const uid = /\/interaction\/([^/?"]+)/.exec(page.location ?? page.url)?.[1];
  if (uid) hide('interaction uid', uid);
  return page;
}

async function follow(browser: Browser, start: Page): Promise<Page> {
  let page = note(start);
  while (page.location?.startsWith(server.issuer)) page = note(await browser.get(page.location));
  return page;
}

async function codeOf(scope: string): Promise<{ code: string; pkce: ReturnType<typeof newPkce> }> {
  const browser = createBrowser();
  const pkce = newPkce();
  hide('code_verifier', pkce.verifier);
  const address = authorizeUrl(server, client, {
    scope,
    state: hide('state', `state-${pkce.challenge.slice(0, 20)}`),
    nonce: hide('nonce', `nonce-${pkce.challenge.slice(20)}`),
    code_challenge: pkce.challenge,
    code_challenge_method: 'S256',
    login_hint: 'someone@example.org',
  });
  const login = await follow(browser, await browser.get(address));
  const wrong = hide('wrong password', 'a wrong but telling password');
  note(await browser.submit(login, '/login', { username: 'alice', password: wrong }));
  const consent = await follow(
    browser,
    await browser.submit(login, '/login', { username: 'alice', password: PASSWORD }),
  );
  const done = formOf(consent, '/consent');
  const back = await follow(browser, await browser.post(done.action, { ...done.fields, decision: 'allow' }));
  return { code: hide('code', answerOf(back).get('code')), pkce };
}

async function exchange(): Promise<void> {
  const grant = await codeOf('openid profile offline_access');
  const wrong = { code: grant.code, pkce: { verifier: hide('wrong verifier', 'w'.repeat(50)) } };
  await redeem(server, client, { ...wrong, browser: createBrowser() } as never);
  const again = await codeOf('openid profile offline_access email');
  const { body } = await redeem(server, client, again as never);
  for (const kind of ['access_token', 'refresh_token', 'id_token']) hide(kind, body[kind]);
  const renewed = await refresh(server, client, body.refresh_token);
  for (const kind of ['access_token', 'refresh_token', 'id_token']) hide(kind, renewed.body[kind]);
  await getWith(server, '/api/me', renewed.body.access_token);
  await getWith(server, '/oauth/userinfo', renewed.body.access_token);
  await fetch(server.url(`/api/me?access_token=${renewed.body.access_token}`));
  await fetch(server.url(`/${renewed.body.access_token}`));
  await post(server, '/oauth/introspect', { token: renewed.body.access_token }, client);
  const wrongSecret = hide('wrong secret', 'x'.repeat(48));
  await post(server, '/oauth/introspect', { token: body.access_token }, { ...client, secret: wrongSecret });
  await post(server, '/oauth/revoke', { token: renewed.body.refresh_token }, client);
  await refresh(server, client, renewed.body.refresh_token);
  const hint = createBrowser();
  note(await hint.get(server.url(`/oauth/end_session?id_token_hint=${renewed.body.id_token}`)));
  const { body: pushed } = await post(
    server,
    '/oauth/par',
    { client_id: client.clientId, response_type: 'code', redirect_uri: REDIRECT_URI, scope: 'openid' },
    client,
  );
  hide('request_uri', pushed.request_uri.split(':').at(-1));
  await follow(
    hint,
    await hint.get(
      server.url(`/oauth/authorize?client_id=${client.clientId}&request_uri=${pushed.request_uri}`),
    ),
  );
}

async function script(): Promise<void> {
  const own = await server.createClient({
    grant_types: ['password'],
    response_types: [],
    redirect_uris: [],
    scope: 'profile',
  });
  hide('client_secret', own.secret);
  const form = { grant_type: 'password', username: 'alice', password: PASSWORD, scope: 'profile' };
  hide('access_token', (await post(server, '/oauth/token', form, own)).body.access_token);
  await post(
    server,
    '/oauth/token',
    { ...form, password: hide('wrong password', 'yet another wrong one') },
    own,
  );
}

async function device(): Promise<void> {
  const own = await server.createClient({
    grant_types: [DEVICE],
    response_types: [],
    redirect_uris: [],
    token_endpoint_auth_method: 'none',
    scope: 'openid',
  });
  const { body } = await post(server, '/oauth/device_authorization', { scope: 'openid' }, own);
  hide('user_code', body.user_code);
  hide('user_code', body.user_code.replace('-', ''));
  hide('device_code', body.device_code);
  const browser = createBrowser();
  const complete = note(await browser.get(body.verification_uri_complete));
  const confirm = note(await browser.submit(complete, '/oauth/device'));
  await follow(browser, await browser.submit(confirm, '/oauth/device', { confirm: 'yes' }));
  await post(server, '/oauth/token', { grant_type: DEVICE, device_code: body.device_code }, own);
}

async function pages(): Promise<void> {
  const browser = createBrowser();
  const form = note(await browser.get(server.url('/signup')));
  const refused = { username: 'bob', password: hide('short password', 'p4s-wd!') };
  note(await browser.submit(form, '/signup', refused));
  const password = hide('password', 'bob keeps this one to himself');
  note(await browser.submit(form, '/signup', { username: 'bob', password }));
  const create = note(await browser.get(server.url('/create_client')));
  const done = note(
    await browser.submit(create, '/create_client', {
      client_name: 'Of Bob',
      redirect_uri: REDIRECT_URI,
      grant_type: 'authorization_code',
      response_type: 'code',
      token_endpoint_auth_method: 'client_secret_basic',
    }),
  );
  const made = note(await browser.follow(done, server.issuer));
  hide('client_secret', /id="new-secret">(\w+)/.exec(made.text)?.[1]);
  const renewed = note(await browser.follow(note(await browser.submit(made, '/rotate')), server.issuer));
  hide('client_secret', /id="new-secret">(\w+)/.exec(renewed.text)?.[1]);
  const leave = /href="(\/clients\/\w+\/delete)"/.exec(renewed.text)?.[1] ?? '';
  note(await browser.submit(note(await browser.get(server.url(leave))), '/delete'));
  await server.createAccount('newcomer', {
    mustChangePassword: true,
    password: hide('password', 'one time for newcomer'),
  });
  const fresh = createBrowser();
  const login = note(await fresh.get(server.url('/login')));
  const choose = note(
    await fresh.submit(login, '/login', { username: 'newcomer', password: 'one time for newcomer' }),
  );
  note(
    await fresh.submit(choose, '/login', { new_password: hide('password', 'a lasting one for newcomer') }),
  );
  note(await browser.submit(await browser.get(server.url('/logout')), '/logout', { logout: 'yes' }));
  const own = hide('csrf', 'forged-token-of-some-length');
  note(await browser.post(server.url('/login'), { csrf: own, username: 'alice', password: PASSWORD }));
}

beforeAll(async () => {
  server = await startServer({ SIGN_UP: 'open', LOG_LEVEL: 'debug', LEGACY_FLOWS: 'password,implicit' });
  hide('password', PASSWORD);
  await server.createAccount('alice', { email: 'alice@example.org' });
  client = await server.createClient();
  hide('client_secret', client.secret);
  for (const key of server.container.config.secretKeys) hide('SECRET_KEY', key);
  const printed = await server.container.bootstrap();
  hide('one-time password', 'oneTimePassword' in printed ? printed.oneTimePassword : undefined);
  await exchange();
  await script();
  await device();
  await pages();
});
afterAll(() => server.close());

describe('the log of whole flows', () => {
  test('is there, one JSON object a line', () => {
    expect(server.logs.length).toBeGreaterThan(50);
    for (const line of server.logs) expect(JSON.parse(line)).toMatchObject({ level: expect.any(String) });
    expect(server.logs.some((line) => JSON.parse(line).level === 'debug')).toBe(true);
    const kinds = new Set(secrets.values());
    for (const kind of [
      'password',
      'code',
      'access_token',
      'refresh_token',
      'id_token',
      'client_secret',
      'state',
      'code_verifier',
      'interaction uid',
      'cookie postern_session',
      'device_code',
      'user_code',
      'one-time password',
    ]) {
      expect(kinds).toContain(kind);
    }
  });

  test('holds none of the secrets, plain or encoded', () => {
    const log = server.logs.join('\n');
    const found = [...secrets].filter(([value]) =>
      [
        value,
        encodeURIComponent(value),
        Buffer.from(value).toString('base64'),
        new URLSearchParams({ v: value }).toString().slice(2),
      ].some((form) => log.includes(form)),
    );
    expect(found.map(([value, kind]) => `${kind}: ${value}`)).toEqual([]);
  });

  test('names no request by its query', () => {
    for (const line of server.logs) {
      const { msg, route } = JSON.parse(line);
      if (msg === 'request') expect(route).not.toMatch(/[?#]|state-|nonce-/);
    }
  });
});

describe('the audit trail (A126)', () => {
  interface Row {
    event: string;
    outcome: string | null;
    ip: string | null;
    request_id: string | null;
    account_id: string | null;
    actor_id: string | null;
    client_id: string | null;
    at: number;
    detail: string | null;
  }
  function rows(): Promise<Row[]> {
    const { database } = server.container;
    return database.all<Row>(database.sql('audit_events').orderBy('at'));
  }

  let ofTheFlows: Row[];
  beforeAll(async () => {
    ofTheFlows = await rows();
  });

  test('has a row for sign-ins, failures, grants, revocations and client changes: who, when, from where', async () => {
    const of = (event: string, outcome?: string) =>
      ofTheFlows.filter((row) => row.event === event && (outcome === undefined || row.outcome === outcome));
    for (const [event, outcome] of [
      ['account.created', undefined],
      ['account.sign_in', 'success'],
      ['account.sign_in', 'failure'],
      ['account.sign_out', 'success'],
      ['account.password_changed', undefined],
      ['consent.granted', 'success'],
      ['grant.issued', 'success'],
      ['grant.refused', 'failure'],
      ['grant.revoked', 'success'],
      ['client.created', undefined],
      ['client.secret_rotated', undefined],
      ['client.deleted', undefined],
    ] as const) {
      expect({ event, outcome, there: of(event, outcome).length > 0 }).toEqual({
        event,
        outcome,
        there: true,
      });
    }
    for (const event of ['account.sign_in', 'grant.issued', 'consent.granted', 'client.deleted']) {
      for (const row of of(event)) {
        expect(row.ip).toBe('127.0.0.1');
        expect(row.request_id).toMatch(/^[\w-]{8,}$/);
        expect(Math.abs(Number(row.at) - Date.now())).toBeLessThan(600_000);
        expect({ event, who: row.account_id ?? row.actor_id }).toEqual({
          event,
          who: expect.stringMatching(/^[0-9a-f-]{36}$/),
        });
      }
    }
    const failure = of('account.sign_in', 'failure')[0];
    expect(server.logs.some((line) => line.includes(String(failure?.request_id)))).toBe(true);
  });

  test('strangers who know a client’s name fill it with nothing', async () => {
    const open = await server.createClient({ token_endpoint_auth_method: 'none' });
    const closed = await server.createClient();
    const before = (await rows()).length;
    const form = {
      grant_type: 'authorization_code',
      code: 'made up',
      redirect_uri: 'https://app.example/cb',
    };
    expect((await post(server, '/oauth/token', form, open)).status).toBe(400);
    await post(server, '/oauth/token', { ...form, client_id: closed.clientId }, undefined, {
      origin: 'https://evil.example',
    });
    expect((await rows()).length).toBe(before);
  });

  test('holds none of the secrets', async () => {
    const text = JSON.stringify(await rows());
    expect([...secrets].filter(([value]) => text.includes(value)).map(([, kind]) => kind)).toEqual([]);
  });

  test('line breaks in names forge no line, in the trail or in the log', async () => {
    const browser = createBrowser();
    const page = await browser.get(server.url('/login'));
    const before = server.logs.length;
    const name = 'alice\r\n{"level":"info","msg":"forged"}\u2028\u001b[31m';
    await browser.submit(page, '/login', { username: name, password: 'whatever this is' });
    await browser.submit(await browser.get(server.url('/signup')), '/signup', {
      username: name,
      password: PASSWORD,
    });
    await fetch(server.url(`/nothing%0d%0aforged/x`));
    await post(server, '/oauth/token', {
      grant_type: 'client_credentials',
      client_id: `x\r\nforged: 1`,
      client_secret: 'y',
    });
    for (const line of server.logs.slice(before)) {
      expect(line.trimEnd()).not.toMatch(/[\p{Cc}\u2028]/u);
      expect(JSON.parse(line).msg).not.toBe('forged');
    }
    expect(JSON.stringify((await rows()).map(({ detail }) => detail))).not.toMatch(
      /\\r|\\n|\u2028|\\u001b\[/,
    );
  });
});

test('what machines poll is a line for debugging alone, but for a refusal', async () => {
  const idOf = async (path: string, init?: RequestInit) =>
    (await fetch(server.url(path), init)).headers.get('x-request-id');
  const levelOf = (id: string | null) =>
    server.logs
      .map((line) => JSON.parse(line))
      .find(({ msg, request_id }) => msg === 'request' && request_id === id)?.level;
  for (const path of ['/jwks', '/oauth/jwks.json', '/.well-known/openid-configuration', '/livez']) {
    for (const times of ['first', 'second']) {
      expect([path, times, levelOf(await idOf(path))]).toEqual([path, times, 'debug']);
    }
  }
  const refused = await idOf('/oauth/jwks.json', { method: 'DELETE' });
  expect(levelOf(refused)).toBe('info');
  const why = server.logs.map((line) => JSON.parse(line)).find(({ request_id }) => request_id === refused);
  expect(why).toMatchObject({ msg: 'a request was refused', status: 404, error_code: 'not_found' });
});
