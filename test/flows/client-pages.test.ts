import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DEVICE_CODE } from '../../src/clients/client.js';
import { type Browser, createBrowser, formOf, type Page } from '../support/browser.js';
import { answerOf, authorizeUrl, getCode, post, redeem, signIn, walk } from '../support/flow.js';
import { PASSWORD, REDIRECT_URI, startServer, type TestClient, type TestServer } from '../support/server.js';

/** Clients as a product: presets, more settings, checks, edit, secrets, leases, the test. Wrong cases first. */

let server: TestServer;
let people = 0;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

interface Someone {
  readonly browser: Browser;
  readonly id: string;
  readonly username: string;
}

async function someone(more = {}): Promise<Someone> {
  people += 1;
  const username = `person${people}`;
  const { id } = await server.createAccount(username, more);
  const browser = createBrowser();
  await signIn(server, browser, username);
  return { browser, id, username };
}

const ownClient = (owner: Someone, metadata = {}, more = {}): Promise<TestClient> =>
  server.createClient(metadata, { owner: owner.id, ...more });

const pathOf = ({ clientId }: TestClient, rest = ''): string => server.url(`/clients/${clientId}${rest}`);
const recordOf = async ({ clientId }: TestClient) => {
  const record = await server.container.clients.find(clientId);
  if (!record) throw new Error('the client is gone');
  return record;
};

const decode = (text: string): string =>
  text.replaceAll('&#34;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&amp;', '&');

/** What a form on a page says, as a browser would send it. */
function fieldsOf({ text }: Page, action: string): Record<string, string> {
  const form = [...text.matchAll(/<form[\s\S]*?<\/form>/g)].find(([one]) =>
    one.includes(`action="${action}"`),
  )?.[0];
  if (form === undefined) throw new Error(`no form ${action}`);
  const fields: Record<string, string> = {};
  for (const [tag] of form.matchAll(/<input[^>]*>/g)) {
    const name = /\sname="([^"]*)"/.exec(tag)?.[1];
    if (!name || (tag.includes('type="checkbox"') && !/\schecked/.test(tag))) continue;
    fields[name] = decode(/\svalue="([^"]*)"/.exec(tag)?.[1] ?? '');
  }
  for (const [, name = '', value = ''] of form.matchAll(
    /<textarea[^>]*\sname="([^"]*)"[^>]*>\n?([\s\S]*?)<\/textarea>/g,
  )) {
    fields[name] = decode(value);
  }
  for (const [, name = '', options = ''] of form.matchAll(
    /<select[^>]*\sname="([^"]*)"[^>]*>([\s\S]*?)<\/select>/g,
  )) {
    fields[name] =
      /value="([^"]*)" selected/.exec(options)?.[1] ?? /value="([^"]*)"/.exec(options)?.[1] ?? '';
  }
  return fields;
}

/** Opens a form, changes some of it, sends it. */
async function send(browser: Browser, address: string, action: string, change: Record<string, string> = {}) {
  const page = await browser.get(address);
  const fields = { ...fieldsOf(page, action), ...change };
  return browser.post(server.url(action), fields);
}

/** The page that a form which did its work leads to. */
const ledTo = (browser: Browser, page: Page): Promise<Page> => browser.follow(page, server.issuer);

const editPage = (browser: Browser, client: TestClient, change: Record<string, string> = {}) =>
  send(browser, pathOf(client, '/edit'), `/clients/${client.clientId}/edit`, change);

const createPage = (browser: Browser, preset: string, change: Record<string, string> = {}) =>
  send(browser, server.url(`/create_client?preset=${preset}`), '/create_client', change);

describe('presets', () => {
  test('an unknown one is the plain form, whatever it is called', async () => {
    const { browser } = await someone();
    const plain = fieldsOf(await browser.get(server.url('/create_client')), '/create_client');
    for (const name of ['nothing', '__proto__', '"><script>', 'web&preset=spa']) {
      const page = await browser.get(server.url(`/create_client?preset=${name}`));
      expect(page.status).toBe(200);
      expect(fieldsOf(page, '/create_client')).toEqual(plain);
    }
    expect(plain).not.toHaveProperty('require_pkce');
  });

  test.each([
    [
      'web',
      { redirect_uri: 'https://a.example/cb' },
      ['authorization_code', 'refresh_token'],
      'client_secret_basic',
    ],
    ['spa', { redirect_uri: 'https://a.example/cb' }, ['authorization_code', 'refresh_token'], 'none'],
    ['native', {}, ['authorization_code', 'refresh_token'], 'none'],
    ['service', {}, ['client_credentials'], 'client_secret_basic'],
    ['device', {}, [DEVICE_CODE, 'refresh_token'], 'none'],
  ])('%s fills in what such a client needs, PKCE required', async (preset, more, grants, method) => {
    const { browser, id } = await someone();
    const done = await createPage(browser, preset, { client_name: `A ${preset}`, ...more });
    expect(done.status).toBe(303);
    const page = await ledTo(browser, done);
    expect(/id="new-secret"/.test(page.text)).toBe(method !== 'none');
    const [record] = await server.container.clients.listOf(id);
    expect(record?.requirePkce).toBe(true);
    expect(record?.metadata).toMatchObject({ grant_types: grants, token_endpoint_auth_method: method });
  });

  test('chosen without a script, it loses nothing that was typed, and saves nothing', async () => {
    const { browser, id } = await someone();
    const page = await browser.get(server.url('/create_client'));
    const typed = {
      ...fieldsOf(page, '/create_client'),
      client_name: 'Half written',
      client_uri: 'https://half.example',
      redirect_uri: 'https://half.example/cb',
      contacts: 'ops@half.example',
    };
    const chosen = await browser.post(server.url('/create_client'), { ...typed, preset: 'spa' });
    expect(chosen.status).toBe(200);
    expect(fieldsOf(chosen, '/create_client')).toMatchObject({
      client_name: 'Half written',
      client_uri: 'https://half.example',
      redirect_uri: 'https://half.example/cb',
      contacts: 'ops@half.example',
      token_endpoint_auth_method: 'none',
      require_pkce: 'on',
    });
    expect(chosen.text).toContain('value="spa"');
    expect(chosen.text).toMatch(/value="spa"[^>]*aria-pressed="true"/);
    // An address of its own fills an empty field only.
    const empty = await browser.post(server.url('/create_client'), {
      ...typed,
      redirect_uri: '',
      preset: 'native',
    });
    expect(fieldsOf(empty, '/create_client').redirect_uri).toContain('http://127.0.0.1/callback');
    const unknown = await browser.post(server.url('/create_client'), { ...typed, preset: '__proto__' });
    expect(fieldsOf(unknown, '/create_client')).toEqual(typed);
    expect(await server.container.clients.listOf(id)).toEqual([]);
  });
});

describe('what is shown once', () => {
  const SECRET = /id="new-secret">([A-Za-z0-9]{48})</;
  const create = async ({ browser }: Someone) =>
    createPage(browser, 'web', { client_name: 'Once', redirect_uri: 'https://once.example/cb' });

  test('a secret is on the page that the form leads to, and not on it again (A109)', async () => {
    const owner = await someone();
    const done = await create(owner);
    expect(done.status).toBe(303);
    expect(done.text).not.toMatch(SECRET);
    const address = done.location ?? '';
    expect((await owner.browser.get(address)).text).toMatch(SECRET);
    for (let again = 0; again < 2; again += 1)
      expect((await owner.browser.get(address)).text).not.toMatch(SECRET);
  });

  test('not for another account in the same browser, on another client’s page, or after two minutes (A109)', async () => {
    const owner = await someone();
    const other = await someone();
    const elsewhere = await ownClient(owner);
    const done = await create(owner);
    expect((await owner.browser.get(pathOf(elsewhere))).text).not.toMatch(SECRET);
    const late = owner.browser.copy();
    const shared = owner.browser.copy();
    await signIn(server, shared, other.username);
    expect((await shared.get(done.location ?? '')).text).not.toMatch(SECRET);
    server.clock.advance(121);
    expect((await late.get(done.location ?? '')).text).not.toMatch(SECRET);
  });

  test('the cookie that carries it is sealed, HttpOnly and short-lived', async () => {
    const owner = await someone();
    const done = await create(owner);
    const [cookie = ''] = done.headers.getSetCookie().filter((one) => one.startsWith('postern_said='));
    for (const flag of ['HttpOnly', 'SameSite=Lax', 'Max-Age=120']) expect(cookie).toContain(flag);
    const secret = SECRET.exec((await owner.browser.get(done.location ?? '')).text)?.[1] ?? '';
    const value = cookie.split(/[=;]/)[1] ?? '';
    expect(secret).toHaveLength(48);
    expect(Buffer.from(value, 'base64url').toString('latin1')).not.toContain(secret);
    const forged = createBrowser();
    await signIn(server, forged, owner.username);
    const flipped = `${value.slice(0, -2)}AA`;
    const page = await forged.get(done.location ?? '', {
      cookie: `postern_session=${forged.cookie('postern_session')}; postern_said=${flipped}`,
    });
    expect(page.text).not.toMatch(SECRET);
  });
});

describe('more settings', () => {
  const KEY = { kty: 'EC', crv: 'P-256', x: 'x'.repeat(43), y: 'y'.repeat(43) };

  test.each([
    ['jwks', 'no JSON at all', {}],
    ['jwks', '["an array"]', {}],
    ['jwks', JSON.stringify({ ...KEY, d: 'private' }), {}],
    ['jwks', '', { token_endpoint_auth_method: 'private_key_jwt' }],
    ['jwks_uri', 'http://keys.example/jwks', {}],
    ['allowed_origins', 'https://app.example', { token_endpoint_auth_method: 'client_secret_basic' }],
    ['allowed_origins', 'https://app.example/path', {}],
    ['allowed_origins', 'https://*.app.example', {}],
    ['allowed_origins', 'http://app.example', {}],
    ['allowed_origins', 'null', {}],
    ['logo_uri', 'javascript:alert(1)', {}],
    ['contacts', 'nobody', {}],
    ['id_token_signed_response_alg', 'none', {}],
    ['application_type', 'toaster', {}],
    ['post_logout_redirect_uri', 'https://*.example/', {}],
  ])('%s refuses %j, opened and explained, nothing saved', async (field, value, more) => {
    const { browser, id } = await someone();
    const page = await createPage(browser, 'spa', {
      client_name: 'App',
      redirect_uri: 'https://a.example/cb',
      ...more,
      [field]: value,
    });
    expect(page.status).toBe(400);
    expect(page.text).toContain(`id="${field}-fault"`);
    expect(page.text).toContain('<details class="more" open>');
    expect(page.text).not.toContain('parse');
    expect(await server.container.clients.listOf(id)).toEqual([]);
  });

  test('are kept in the words of RFC 7591; what is ours stays beside them', async () => {
    const { browser, id } = await someone();
    const page = await createPage(browser, 'spa', {
      client_name: 'App',
      redirect_uri: 'https://a.example/cb',
      post_logout_redirect_uri: 'https://a.example/bye',
      id_token_signed_response_alg: 'ES256',
      allowed_origins: 'https://b.example\nhttp://localhost:3000',
      logo_uri: 'https://a.example/logo.png',
      contacts: 'ops@a.example',
      application_type: 'web',
      require_nonce: 'on',
      refresh_only_offline: 'on',
    });
    expect(page.status).toBe(303);
    const [record] = await server.container.clients.listOf(id);
    expect(record?.metadata).toEqual({
      client_name: 'App',
      redirect_uris: ['https://a.example/cb'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      scope: 'openid profile email',
      post_logout_redirect_uris: ['https://a.example/bye'],
      id_token_signed_response_alg: 'ES256',
      logo_uri: 'https://a.example/logo.png',
      contacts: ['ops@a.example'],
      application_type: 'web',
    });
    expect(record?.options).toEqual({
      requireNonce: true,
      refreshOnlyOffline: true,
      allowedOrigins: ['https://b.example', 'http://localhost:3000'],
    });
  });

  test('a code request without a nonce is refused where the box is ticked, and the answer names it', async () => {
    const owner = await someone();
    const client = await ownClient(owner, {}, { options: { requireNonce: true } });
    for (const params of [{}, { nonce: '' }, { prompt: 'none' }]) {
      const answer = answerOf(await owner.browser.get(authorizeUrl(server, client, params)));
      expect(answer.get('error')).toBe('invalid_request');
      expect(answer.get('error_description')).toContain("'Require nonce' box is ticked");
      expect(answer.get('state')).toBe('the-state');
    }
    // Plain OAuth has no nonce; with one all is well.
    const bare = await walk(
      server,
      owner.browser,
      await owner.browser.get(authorizeUrl(server, client, { scope: 'profile' })),
      owner.username,
    );
    expect(answerOf(bare).get('code')).toBeTruthy();
    await getCode(server, client, { nonce: 'n' }, owner);

    // A nonce once answered is spent, for this client alone.
    const again = answerOf(await owner.browser.get(authorizeUrl(server, client, { nonce: 'n' })));
    expect(again.get('error')).toBe('invalid_request');
    expect(again.get('error_description')).toContain('nonce was used before');
    await getCode(server, client, { nonce: 'another' }, owner);
    const second = await ownClient(owner, {}, { options: { requireNonce: true } });
    await getCode(server, second, { nonce: 'n' }, owner);
    const unticked = await ownClient(owner);
    await getCode(server, unticked, { nonce: 'n' }, owner);
    await getCode(server, unticked, { nonce: 'n' }, owner);
  });

  test('refresh tokens only with offline_access, where that is chosen', async () => {
    const owner = await someone();
    const strict = await ownClient(owner, {}, { options: { refreshOnlyOffline: true } });
    const plain = await ownClient(owner);
    const refreshOf = async (client: TestClient, scope: string) =>
      (await redeem(server, client, await getCode(server, client, { scope }, owner))).body.refresh_token;
    expect(await refreshOf(strict, 'openid profile')).toBeUndefined();
    expect(await refreshOf(strict, 'openid offline_access')).toEqual(expect.any(String));
    expect(await refreshOf(plain, 'openid profile')).toEqual(expect.any(String));
    const legacy = await ownClient(
      owner,
      { grant_types: ['password', 'refresh_token'], response_types: [], redirect_uris: [] },
      { options: { refreshOnlyOffline: true } },
    );
    const byPassword = (scope: string) =>
      post(
        server,
        '/oauth/token',
        { grant_type: 'password', username: owner.username, password: PASSWORD, scope },
        legacy,
      );
    expect((await byPassword('openid')).body.refresh_token).toBeUndefined();
    expect((await byPassword('openid offline_access')).body.refresh_token).toEqual(expect.any(String));
  });

  test('allowed origins may call the token endpoint for their own client alone', async () => {
    const owner = await someone();
    const origin = 'https://elsewhere.example';
    const open = await ownClient(
      owner,
      { token_endpoint_auth_method: 'none' },
      { options: { allowedOrigins: [origin] } },
    );
    const other = await ownClient(owner, { token_endpoint_auth_method: 'none' });
    server.clock.advance(10);
    const call = async (client: TestClient, from: string) =>
      (
        await post(server, '/oauth/token', { grant_type: 'refresh_token', refresh_token: 'x' }, client, {
          origin: from,
        })
      ).headers.get('access-control-allow-origin');
    expect(await call(open, 'https://evil.example')).toBeNull();
    expect(await call(other, origin)).toBeNull();
    expect(await call(open, origin)).toBe(origin);
  });
});

describe('checks while typing', () => {
  const check = async (
    browser: Browser,
    form: Record<string, string>,
    path = '/create_client/check',
    headers = {},
  ) => {
    const { csrf = '' } = formOf(await browser.get(server.url('/create_client')), '/create_client').fields;
    const answer = await browser.post(server.url(path), { csrf, ...form }, { accept: '*/*', ...headers });
    return {
      status: answer.status,
      body: answer.text.startsWith('{') ? JSON.parse(answer.text) : answer.text,
    };
  };
  const GOOD = {
    client_name: 'App',
    grant_type: 'authorization_code',
    response_type: 'code',
    redirect_uri: 'https://a.example/cb',
    token_endpoint_auth_method: 'client_secret_basic',
  };

  test('nobody else’s page, nobody without a session', async () => {
    const { browser } = await someone();
    expect((await check(browser, { ...GOOD, csrf: 'wrong' })).status).toBe(403);
    expect((await check(browser, GOOD, undefined, { origin: 'https://evil.example' })).status).toBe(403);
    const stranger = await createBrowser().post(server.url('/create_client/check'), GOOD, { accept: '*/*' });
    expect(stranger.status).toBe(401);
    expect((await browser.get(server.url('/create_client/check'))).status).toBeGreaterThanOrEqual(404);
  });

  test('says what the server would say, and saves nothing', async () => {
    const { browser, id } = await someone();
    const wrong = {
      ...GOOD,
      redirect_uri: 'https://*.example/',
      jwks: '{',
      grant_type: 'authorization_code, password',
    };
    expect((await check(browser, wrong)).body.faults).toEqual([
      { field: 'jwks', message: expect.any(String) },
    ]);
    const { faults } = (await check(browser, { ...wrong, jwks: '' })).body;
    expect(faults.map(({ field }: { field: string }) => field)).toEqual(['redirect_uri', 'grant_type']);
    // Only the library knows: a web client with the implicit flow.
    expect((await check(browser, GOOD)).body).toEqual({ faults: [] });
    expect(await server.container.clients.listOf(id)).toEqual([]);
  });

  test('and of a client that is edited', async () => {
    const owner = await someone();
    const client = await ownClient(owner);
    const path = `/clients/${client.clientId}/check`;
    const { body } = await check(owner.browser, { ...GOOD, logo_uri: 'data:x' }, path);
    expect(body.faults).toEqual([{ field: 'logo_uri', message: expect.any(String) }]);
  });
});

describe('edit', () => {
  test('a refused change is shown again as typed, and nothing is saved', async () => {
    const owner = await someone();
    const client = await ownClient(owner);
    const page = await editPage(owner.browser, client, { redirect_uri: 'javascript:alert(1)' });
    expect(page.status).toBe(400);
    expect(page.text).toContain('id="redirect_uri-fault"');
    expect(page.text).toContain('javascript:alert(1)');
    expect(await recordOf(client)).toEqual(client.record);
  });

  test('a change made meanwhile is not lost: 409, with what was typed and what is saved side by side', async () => {
    const owner = await someone();
    const client = await ownClient(owner);
    const action = `/clients/${client.clientId}/edit`;
    const stale = fieldsOf(await owner.browser.get(server.url(action)), action);
    expect((await editPage(owner.browser, client, { client_name: 'First' })).status).toBe(303);
    for (const version of [stale.version ?? '', '', 'x', '-1', '1e9']) {
      const late = await owner.browser.post(server.url(action), { ...stale, client_name: 'Second', version });
      expect(late.status).toBe(409);
      expect(late.text).toContain('<title>Error: Edit the client');
      expect(late.text).toContain('Somebody else changed this client meanwhile');
      expect(fieldsOf(late, action)).toMatchObject({ client_name: 'Second' });
      expect(late.text).toMatch(/id="client_name-fault">Saved now: “First”\./);
      // Nothing is said of fields that are the same.
      expect(late.text.match(/Saved now:/g)).toHaveLength(2);
    }
    expect((await recordOf(client)).metadata.client_name).toBe('First');
    // Sent again from there, it is a decision.
    const late = await owner.browser.post(server.url(action), { ...stale, client_name: 'Second' });
    const decided = await owner.browser.post(server.url(action), fieldsOf(late, action));
    expect(decided.status).toBe(303);
    expect((await recordOf(client)).metadata.client_name).toBe('Second');
  });

  test('shows what is set, saves what is changed, keeps what the form does not know', async () => {
    const owner = await someone();
    const client = await ownClient(
      owner,
      {
        policy_uri: 'https://app.example/policy',
        contacts: ['ops@app.example'],
        id_token_signed_response_alg: 'ES256',
      },
      { requirePkce: true, options: { requireNonce: true } },
    );
    const done = await editPage(owner.browser, client, { client_name: 'Renamed' });
    expect(done.status).toBe(303);
    const after = await recordOf(client);
    expect(after.metadata).toEqual({ ...client.record.metadata, client_name: 'Renamed' });
    expect(after).toMatchObject({ requirePkce: true, options: { requireNonce: true }, version: 2 });
    expect(after.secrets).toEqual(client.record.secrets);
    expect((await owner.browser.get(done.location ?? '')).text).toContain('The changes have been saved.');
    // The next request sees it.
    expect(
      (await owner.browser.get(authorizeUrl(server, client, { redirect_uri: 'https://no.example/' }))).text,
    ).toContain('Renamed');
    const { sql } = server.container.database;
    const told = await server.container.database.first<{ actor_id: string; detail: string }>(
      sql('audit_events').where({ event: 'client.updated', client_id: client.clientId }).select('*'),
    );
    expect(told).toMatchObject({ actor_id: owner.id });
    expect(JSON.parse(told?.detail ?? '')).toEqual({ changed: ['client_name'], new_secret: false });
  });

  test('extra fields change nothing (A105)', async () => {
    const owner = await someone();
    const client = await ownClient(owner);
    await editPage(owner.browser, client, {
      owner_id: 'x',
      resource_server: 'on',
      client_id: 'y',
      ttl: '{}',
      options: '{}',
    });
    const { version, updatedAt, ...after } = await recordOf(client);
    expect(version).toBe(2);
    expect({ ...after, version: 1, updatedAt: client.record.updatedAt }).toEqual(client.record);
  });

  const serviceOf = (owner: Someone, method = 'client_secret_basic') =>
    ownClient(owner, {
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: method,
    });
  const token = (client: Pick<TestClient, 'clientId' | 'secret'>) =>
    post(server, '/oauth/token', { grant_type: 'client_credentials' }, client);

  test('a method that needs the secret’s text gets a new secret; the old one ends', async () => {
    const owner = await someone();
    const client = await serviceOf(owner);
    const done = await editPage(owner.browser, client, { token_endpoint_auth_method: 'client_secret_jwt' });
    const page = await ledTo(owner.browser, done);
    const secret = /id="new-secret">([A-Za-z0-9]{48})</.exec(page.text)?.[1] ?? '';
    expect(secret).not.toBe('');
    expect(secret).not.toBe(client.secret);
    const [kept, ...others] = (await recordOf(client)).secrets;
    expect([kept?.hash, typeof kept?.sealed, others]).toEqual([undefined, 'string', []]);
    // And back: the sealed one serves the plain comparison as well.
    expect(
      (await editPage(owner.browser, client, { token_endpoint_auth_method: 'client_secret_basic' })).status,
    ).toBe(303);
    expect((await token(client)).status).toBe(401);
    expect((await token({ clientId: client.clientId, secret })).status).toBe(200);
  });

  test('a client that becomes public loses its secrets, and gets a new one on the way back', async () => {
    const owner = await someone();
    const client = await ownClient(owner);
    expect((await editPage(owner.browser, client, { token_endpoint_auth_method: 'none' })).status).toBe(303);
    expect((await recordOf(client)).secrets).toEqual([]);
    const done = await editPage(owner.browser, client, { token_endpoint_auth_method: 'client_secret_post' });
    const page = await ledTo(owner.browser, done);
    expect(page.text).toMatch(/id="new-secret">[A-Za-z0-9]{48}</);
    expect((await recordOf(client)).secrets).toHaveLength(1);
  });
});

describe('secrets', () => {
  const rotate = (browser: Browser, client: TestClient, change: Record<string, string> = {}) =>
    send(browser, pathOf(client), `/clients/${client.clientId}/rotate`, change);
  const works = async (client: TestClient, secret: string) =>
    (await post(server, '/oauth/token', { grant_type: 'client_credentials' }, { ...client, secret }))
      .status === 200;
  const SERVICE = { grant_types: ['client_credentials'], response_types: [], redirect_uris: [] };

  test.each(['-1', '31', '7.5', 'x', '1e1'])(
    'keep_days=%s is refused, nothing changed',
    async (keep_days) => {
      const owner = await someone();
      const client = await ownClient(owner, SERVICE);
      expect((await rotate(owner.browser, client, { keep_days })).status).toBe(400);
      expect(await recordOf(client)).toEqual(client.record);
    },
  );

  test('only one’s own, and never the last one, can be ended', async () => {
    const owner = await someone();
    const [client, other] = [await ownClient(owner, SERVICE), await ownClient(owner, SERVICE)];
    const { csrf = '' } = formOf(await owner.browser.get(pathOf(client)), '/rotate').fields;
    const end = (secret_id: string) => owner.browser.post(pathOf(client, '/end-secret'), { csrf, secret_id });
    expect((await end(other.record.secrets[0]?.id ?? '')).status).toBe(404);
    expect((await end('')).status).toBe(404);
    expect((await end(client.record.secrets[0]?.id ?? '')).status).toBe(409);
    expect(await works(client, client.secret)).toBe(true);
    expect(await works(other, other.secret)).toBe(true);
  });

  test('two live ones for N days, then the new one alone', async () => {
    const owner = await someone();
    const client = await ownClient(owner, SERVICE);
    const page = await ledTo(owner.browser, await rotate(owner.browser, client, { keep_days: '7' }));
    const secret = /id="new-secret">([A-Za-z0-9]{48})</.exec(page.text)?.[1] ?? '';
    expect(page.text).toContain('ends in 7 days');
    expect([await works(client, client.secret), await works(client, secret)]).toEqual([true, true]);
    server.clock.advance(7 * 86_400 + 1);
    expect([await works(client, client.secret), await works(client, secret)]).toEqual([false, true]);
  });

  test('a given one ends now', async () => {
    const owner = await someone();
    const client = await ownClient(owner, SERVICE);
    const page = await ledTo(owner.browser, await rotate(owner.browser, client, { keep_days: '30' }));
    const secret = /id="new-secret">([A-Za-z0-9]{48})</.exec(page.text)?.[1] ?? '';
    const done = await owner.browser.submit(page, '/end-secret');
    expect(done.status).toBe(303);
    expect([await works(client, client.secret), await works(client, secret)]).toEqual([false, true]);
    expect((await owner.browser.get(done.location ?? '')).text).not.toContain('/end-secret"');
  });
});

describe('delete', () => {
  test('says what ends with it before it asks', async () => {
    const owner = await someone();
    const client = await ownClient(owner);
    await getCode(server, client, {}, owner);
    const page = await owner.browser.get(pathOf(client, '/delete'));
    expect(page.text).toContain('1 live grant ends, with its tokens.');
    expect(page.text).toContain('1 person’s consent is forgotten.');
    expect((await recordOf(client)).clientId).toBe(client.clientId);
    expect((await owner.browser.submit(page, '/delete')).status).toBe(303);
    expect((await owner.browser.get(pathOf(client))).status).toBe(404);
  });
});

describe('the scopes of an API', () => {
  const SERVICE = { grant_types: ['client_credentials'], response_types: [], redirect_uris: [] };
  const NAME = 'https://ledger.example/api';
  beforeAll(async () => {
    await server.container.resources.create({ identifier: NAME, scopes: ['ledger', 'close-books'] });
  });
  const creating = (browser: Browser, scope: string) =>
    createPage(browser, 'service', { client_name: 'A service', scope });

  test('nobody gives them to a service of their own, anew or by and by', async () => {
    const owner = await someone();
    const refused = await creating(owner.browser, 'profile ledger');
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('Only an administrator gives it');
    expect(await server.container.clients.listOf(owner.id)).toEqual([]);

    const client = await ownClient(owner, { ...SERVICE, scope: 'profile' });
    expect((await editPage(owner.browser, client, { scope: 'profile close-books' })).status).toBe(400);
    // Nor what no API has yet: one may come.
    expect((await editPage(owner.browser, client, { scope: 'profile of-next-week' })).status).toBe(400);
    expect((await recordOf(client)).metadata.scope).toBe('profile');
    const web = await ownClient(owner, { scope: 'openid ledger' });
    const both = 'authorization_code\nclient_credentials';
    expect((await editPage(owner.browser, web, { grant_type: both })).status).toBe(400);
    const path = pathOf(client, '/edit');
    const fields = fieldsOf(await owner.browser.get(path), `/clients/${client.clientId}/edit`);
    const check = await owner.browser.post(pathOf(client, '/check'), { ...fields, scope: 'ledger' });
    expect(JSON.parse(check.text).faults).toMatchObject([{ field: 'scope' }]);
  });

  test('an administrator does; what was given stays in the owner’s hands; people are asked themselves', async () => {
    const owner = await someone();
    const { browser } = await someone({ roles: ['admin'] });
    expect((await creating(browser, 'ledger')).status).toBe(303);
    const client = await ownClient(owner, { ...SERVICE, scope: 'ledger' });
    expect((await editPage(owner.browser, client, { client_name: 'Renamed' })).status).toBe(303);
    const token = { grant_type: 'client_credentials', resource: NAME, scope: 'ledger' };
    expect((await post(server, '/oauth/token', token, client)).body.scope).toBe('ledger');
    const web = await ownClient(owner);
    expect((await editPage(owner.browser, web, { scope: 'openid ledger' })).status).toBe(303);
  });
});

describe('redirect leases', () => {
  const PREVIEW = 'https://pull-42.preview.example/cb';
  const lease = (browser: Browser, client: TestClient, redirect_uri: string, days = '7') =>
    send(browser, pathOf(client), `/clients/${client.clientId}/leases`, { redirect_uri, days });
  const taken = async (owner: Someone, client: TestClient, redirect_uri: string) => {
    const page = await owner.browser.get(authorizeUrl(server, client, { redirect_uri, prompt: 'none' }));
    return page.location?.startsWith(redirect_uri) ?? false;
  };
  const leasesOf = ({ clientId }: TestClient) => server.container.redirectLeases.listOf(clientId);

  test.each([
    ['https://*.preview.example/cb', '7', 'redirect_uri'],
    ['https://preview.example/#x', '7', 'redirect_uri'],
    ['javascript:alert(1)', '7', 'redirect_uri'],
    ['http://preview.example/cb', '7', 'redirect_uri'],
    [REDIRECT_URI, '7', 'redirect_uri'],
    ['', '7', 'redirect_uri'],
    [PREVIEW, '31', 'days'],
    [PREVIEW, '0', 'days'],
    [PREVIEW, '-1', 'days'],
    [PREVIEW, 'for ever', 'days'],
  ])('%s for %s days is refused at %s', async (uri, days, field) => {
    const owner = await someone();
    const client = await ownClient(owner);
    const page = await lease(owner.browser, client, uri, days);
    expect(page.status).toBe(400);
    expect(page.text).toContain(`id="${field}-fault"`);
    expect(await leasesOf(client)).toEqual([]);
  });

  test('an exact address, for its own client, until it ends', async () => {
    const owner = await someone();
    const [client, other] = [await ownClient(owner), await ownClient(owner)];
    expect(await taken(owner, client, PREVIEW)).toBe(false);
    expect((await lease(owner.browser, client, PREVIEW)).status).toBe(303);
    expect(await taken(owner, client, PREVIEW)).toBe(true);
    for (const near of [
      `${PREVIEW}/`,
      `${PREVIEW}?x`,
      PREVIEW.toUpperCase(),
      'https://pull-43.preview.example/cb',
    ]) {
      expect(await taken(owner, client, near)).toBe(false);
    }
    expect(await taken(owner, other, PREVIEW)).toBe(false);
    server.clock.advance(7 * 86_400 - 60);
    expect((await leasesOf(client)).length).toBe(1);
    server.clock.advance(61);
    expect(await taken(owner, client, PREVIEW)).toBe(false);
    expect(await leasesOf(client)).toEqual([]);
  });

  test.each(['allow', 'deny'])(
    'taken back while somebody is at the consent page, the answer (%s) no longer goes there',
    async (decision) => {
      const owner = await someone();
      const client = await ownClient(owner);
      await lease(owner.browser, client, PREVIEW);
      const { browser } = await someone();
      const asked = await browser.get(authorizeUrl(server, client, { redirect_uri: PREVIEW }));
      const consent = await browser.follow(asked, server.issuer);
      const [kept] = await leasesOf(client);
      await server.container.redirectLeases.remove(client.clientId, kept?.id ?? '', { actorId: owner.id });
      const answer = await browser.submit(consent, '/consent', { decision });
      const page = await browser.follow(answer, server.issuer);
      expect(page.status).toBe(400);
      expect(page.location).toBeUndefined();
      expect(page.text).toContain('redirect_uri');
    },
  );

  test('a whole flow ends at the leased address, and the lease can be taken back', async () => {
    const owner = await someone();
    const client = await ownClient(owner);
    await lease(owner.browser, client, PREVIEW, '30');
    const { code, pkce } = await getCode(server, client, { redirect_uri: PREVIEW }, owner);
    const form = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: PREVIEW,
      code_verifier: pkce.verifier,
    };
    expect((await post(server, '/oauth/token', form, client)).status).toBe(200);
    const page = await owner.browser.get(pathOf(client));
    expect(page.text).toContain(PREVIEW);
    expect((await owner.browser.submit(page, '/leases/remove')).status).toBe(303);
    expect(await taken(owner, client, PREVIEW)).toBe(false);
  });

  test('only one’s own lease can be removed', async () => {
    const owner = await someone();
    const [client, other] = [await ownClient(owner), await ownClient(owner)];
    await lease(owner.browser, client, PREVIEW);
    await lease(owner.browser, other, PREVIEW);
    const [foreign] = await leasesOf(other);
    const { csrf = '' } = formOf(await owner.browser.get(pathOf(client)), '/rotate').fields;
    const tried = await owner.browser.post(pathOf(client, '/leases/remove'), {
      csrf,
      lease_id: foreign?.id ?? '',
    });
    expect(tried.status).toBe(404);
    expect(await leasesOf(other)).toEqual([foreign]);
  });

  test('a page at the leased address may call the token endpoint for a browser client', async () => {
    const owner = await someone();
    const client = await ownClient(owner, { token_endpoint_auth_method: 'none' });
    await lease(owner.browser, client, PREVIEW);
    const ask = async () => {
      server.clock.advance(10);
      const origin = new URL(PREVIEW).origin;
      const answer = await post(
        server,
        '/oauth/token',
        { grant_type: 'refresh_token', refresh_token: 'x' },
        client,
        { origin },
      );
      return answer.headers.get('access-control-allow-origin');
    };
    expect(await ask()).toBe(new URL(PREVIEW).origin);
    server.clock.advance(8 * 86_400);
    expect(await ask()).toBeNull();
  });
});

describe('test this client', () => {
  /** Up to the redirect to the page of the test. */
  async function begin(owner: Someone, client: TestClient): Promise<Page> {
    const started = await owner.browser.submit(await owner.browser.get(pathOf(client)), '/test');
    expect(started.status).toBe(303);
    let page = started;
    for (let steps = 0; steps < 8; steps += 1) {
      if (page.location?.startsWith(pathOf(client, '/test'))) return page;
      if (page.location) page = await owner.browser.get(page.location);
      else if (page.text.includes('/consent"'))
        page = await owner.browser.submit(page, '/consent', { decision: 'allow' });
      else break;
    }
    throw new Error(`no test but ${page.status}: ${page.text.slice(0, 500)}`);
  }

  test('the address of the test is nobody’s redirect URI but the tester’s', async () => {
    const owner = await someone();
    const mallory = await someone();
    const client = await ownClient(owner);
    const redirect_uri = pathOf(client, '/test');
    const refused = async ({ browser }: { browser: Browser }, more = {}) => {
      const page = await browser.get(authorizeUrl(server, client, { redirect_uri, ...more }));
      expect(page.status).toBe(400);
      expect(page.location).toBeUndefined();
    };
    await refused(owner);
    await refused(mallory);
    await begin(owner, client);
    await refused(mallory);
    // The tester’s own browser, with a request that is not the test’s.
    await refused(owner, { state: 'another' });
    const pushed = await post(
      server,
      '/oauth/par',
      { response_type: 'code', redirect_uri, scope: 'openid', state: 's' },
      client,
    );
    expect(pushed.status).toBe(400);
  });

  test('shows nothing without its browser, its account, its state; and nothing twice', async () => {
    const owner = await someone();
    const mallory = await someone();
    const client = await ownClient(owner);
    const back = (await begin(owner, client)).location ?? '';
    const bare = pathOf(client, '/test');
    const forged = new URL(back);
    forged.searchParams.set('state', 'x'.repeat(43));
    const elsewhere = createBrowser();
    await signIn(server, elsewhere, owner.username);
    expect((await mallory.browser.get(back)).status).toBe(404);
    expect((await elsewhere.get(back)).status).toBe(410);
    expect((await owner.browser.get(bare)).status).toBe(410);
    expect((await owner.browser.get(forged.href)).status).toBe(410);
    const copy = owner.browser.copy();
    const pages = await Promise.all([owner.browser.get(back), copy.get(back)]);
    expect(pages.map(({ status }) => status).sort()).toEqual([200, 410]);
    expect((await owner.browser.get(back)).status).toBe(410);
  });

  test('is over after ten minutes', async () => {
    const owner = await someone();
    const client = await ownClient(owner);
    const back = (await begin(owner, client)).location ?? '';
    server.clock.advance(601);
    expect((await owner.browser.get(back)).status).toBe(410);
  });

  test('another account that signs in on the way sees nothing', async () => {
    const owner = await someone();
    const other = await someone();
    const client = await ownClient(owner);
    const started = await owner.browser.submit(await owner.browser.get(pathOf(client)), '/test');
    await owner.browser.submit(await owner.browser.get(server.url('/logout')), '/logout', { logout: 'yes' });
    const page = await walk(server, owner.browser, started, other.username);
    expect(page.text).not.toContain(other.id);
    expect(page.status).toBe(404);
  });

  test('a refusal is shown as the application would get it', async () => {
    const owner = await someone();
    const client = await ownClient(owner);
    const started = await owner.browser.submit(await owner.browser.get(pathOf(client)), '/test');
    const consent = await owner.browser.follow(started, server.issuer);
    const page = await owner.browser.follow(
      await owner.browser.submit(consent, '/consent', { decision: 'deny' }),
      server.issuer,
    );
    expect(page.status).toBe(200);
    expect(page.text).toContain('The test was refused');
    expect(page.text).toContain('access_denied');
  });

  test('a client without a code flow has no test', async () => {
    const owner = await someone();
    const client = await ownClient(owner, {
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    });
    const page = await owner.browser.get(pathOf(client));
    expect(page.text).not.toContain('/test"');
    const { csrf = '' } = formOf(page, '/rotate').fields;
    expect((await owner.browser.post(pathOf(client, '/test'), { csrf })).status).toBe(409);
  });

  test.each([
    ['client_secret_basic', {}],
    ['client_secret_jwt', {}],
    ['none', {}],
    ['private_key_jwt', { jwks_uri: 'https://keys.example/jwks' }],
  ])(
    'method %s: the code flow runs, and the tokens are over when the page is shown',
    async (method, more) => {
      const owner = await someone();
      const client = await ownClient(owner, {
        token_endpoint_auth_method: method,
        grant_types: [
          'authorization_code',
          'refresh_token',
          ...(method === 'none' ? [] : ['client_credentials']),
        ],
        id_token_signed_response_alg: 'ES256',
        ...more,
      });
      const page = await owner.browser.get((await begin(owner, client)).location ?? '');
      expect(page.status).toBe(200);
      expect(page.text).toContain('The test worked');
      expect(page.text).toContain(owner.id);
      expect(page.text).toContain('openid profile email offline_access');
      expect(page.text).toContain('3600 seconds');
      expect(page.text).toContain('ES256');
      expect(page.text).not.toMatch(/eyJ[A-Za-z0-9_-]{20,}/);
      const { sql } = server.container.database;
      const left = await server.container.database.all<{ kind: string }>(
        sql('oidc_payloads')
          .where('client_id', client.clientId)
          .whereIn('kind', ['AccessToken', 'RefreshToken'])
          .select('kind'),
      );
      expect(left).toEqual([]);
      // Vouched for once, inside: from outside it must still show who it is.
      if (method !== 'none') {
        const code = await getCode(server, client, {}, owner);
        const form = { grant_type: 'authorization_code', code: code.code, redirect_uri: REDIRECT_URI };
        const anonymous = await post(server, '/oauth/token', {
          ...form,
          code_verifier: code.pkce.verifier,
          client_id: client.clientId,
        });
        expect(anonymous.status).toBe(401);
      }
    },
  );

  test('leaves alone what the owner uses the client for besides', async () => {
    const owner = await someone();
    const client = await ownClient(owner);
    const { body } = await redeem(server, client, await getCode(server, client, {}, owner));
    expect((await owner.browser.get((await begin(owner, client)).location ?? '')).status).toBe(200);
    const { body: me } = await post(server, '/oauth/introspect', { token: body.access_token }, client);
    expect(me.active).toBe(true);
  });
});
