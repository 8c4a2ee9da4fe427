import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { createBrowser } from '../support/browser.js';
import { getWith, introspect, post, refresh } from '../support/flow.js';
import { PASSWORD, startServer, type TestClient, type TestServer } from '../support/server.js';

const run = promisify(execFile);

let server: TestServer;
let client: TestClient;

const METADATA = {
  grant_types: ['password', 'refresh_token'],
  response_types: [],
  redirect_uris: [],
  scope: 'openid profile email offline_access',
};

beforeAll(async () => {
  server = await startServer();
  await server.createAccount('alice', { email: 'alice@example.org' });
  client = await server.createClient(METADATA);
});
afterAll(() => server.close());

const ask = (more: Record<string, string> = {}, by = client, at = server) =>
  post(at, '/oauth/token', { grant_type: 'password', username: 'alice', password: PASSWORD, ...more }, by);

const INVALID_GRANT = { status: 400, body: { error: 'invalid_grant' } };

describe('refused', () => {
  test('a wrong password and an unknown user get one answer (seed row 72)', async () => {
    const wrong = await ask({ password: 'not this one' });
    const unknown = await ask({ username: 'nobody', password: 'not this one' });
    expect(wrong).toMatchObject(INVALID_GRANT);
    expect(unknown.status).toBe(wrong.status);
    expect(unknown.body).toEqual(wrong.body);
    expect(await ask({ password: 'valid' })).toMatchObject(INVALID_GRANT);
  });

  test('no name or no password is invalid_request', async () => {
    for (const left of ['username', 'password']) {
      expect(await ask({ [left]: '' })).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    }
  });

  test('a disabled account: the answer for a wrong password', async () => {
    const { id } = await server.createAccount('carol');
    await server.container.disableAccounts.disable(id, { actorId: 'cli' });
    expect(await ask({ username: 'carol' })).toMatchObject(INVALID_GRANT);
  });

  test('a password that must be changed first: invalid_grant, until it was', async () => {
    const { id } = await server.createAccount('dave', { mustChangePassword: true });
    const before = await ask({ username: 'dave' });
    expect(before).toMatchObject(INVALID_GRANT);
    expect(before.body).toEqual((await ask({ username: 'dave', password: 'wrong one' })).body);
    const chosen = 'another long passphrase';
    await server.container.setPassword(id, chosen, { ip: '127.0.0.1', requestId: 'test' });
    expect((await ask({ username: 'dave', password: chosen })).status).toBe(200);
  });

  test('a client that did not register the grant: unauthorized_client, whatever the password', async () => {
    const other = await server.createClient();
    expect(await ask({}, other)).toMatchObject({ status: 400, body: { error: 'unauthorized_client' } });
  });

  test('a wrong client secret: 401, before the password is looked at', async () => {
    expect(await ask({}, { ...client, secret: 'wrong' })).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    });
  });

  test('LEGACY_FLOWS=none: unsupported_grant_type, also for a client of former days; not advertised', async () => {
    const modern = await startServer({ LEGACY_FLOWS: 'none' });
    try {
      await modern.createAccount('alice');
      const plain = await modern.createClient();
      expect(await ask({}, plain, modern)).toMatchObject({
        status: 400,
        body: { error: 'unsupported_grant_type' },
      });
      await expect(modern.createClient(METADATA)).rejects.toThrow(/LEGACY_FLOWS/);
      const { body } = await getWith(modern, '/.well-known/openid-configuration');
      expect(body.grant_types_supported).not.toContain('password');
    } finally {
      await modern.close();
    }
    const here = await getWith(server, '/.well-known/openid-configuration');
    expect(here.body.grant_types_supported).toContain('password');
  });
});

describe('granted', () => {
  test("the seed's line, as it stands, through curl: multipart and all", async () => {
    const { stdout } = await run('curl', [
      ...['-s', '-u', `${client.clientId}:${client.secret}`, '-XPOST', server.url('/oauth/token')],
      ...[
        '-F',
        'grant_type=password',
        '-F',
        'username=alice',
        '-F',
        `password=${PASSWORD}`,
        '-F',
        'scope=profile',
      ],
    ]);
    const tokens = JSON.parse(stdout);
    expect(tokens).toMatchObject({ token_type: 'Bearer', scope: 'profile', expires_in: 3600 });
    const me = await getWith(server, '/api/me', tokens.access_token);
    expect(me).toMatchObject({ status: 200, body: { username: 'alice' } });
  });

  test("the seed's line on 127.0.0.1 instead of localhost", async () => {
    const url = server.url('/oauth/token').replace('localhost', '127.0.0.1');
    const { stdout } = await run('curl', [
      ...[
        '-s',
        '-w',
        '%{http_code}',
        '-o',
        '/dev/null',
        '-u',
        `${client.clientId}:${client.secret}`,
        '-XPOST',
        url,
      ],
      ...[
        '-F',
        'grant_type=password',
        '-F',
        'username=alice',
        '-F',
        `password=${PASSWORD}`,
        '-F',
        'scope=profile',
      ],
    ]);
    expect(stdout).toBe('200');
  });

  test('multipart through fetch is the same request as urlencoded', async () => {
    const form = new FormData();
    for (const [name, value] of Object.entries({
      grant_type: 'password',
      username: 'alice',
      password: PASSWORD,
      scope: 'profile',
    })) {
      form.set(name, value);
    }
    const response = await fetch(server.url('/oauth/token'), {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${client.clientId}:${client.secret}`).toString('base64')}`,
      },
      body: form,
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ token_type: 'Bearer', scope: 'profile' });
    expect((await ask({ scope: 'profile' })).body).toMatchObject({ token_type: 'Bearer', scope: 'profile' });
  });

  test('openid gives an ID Token that verifies; UserInfo agrees with it', async () => {
    const { body } = await ask({ scope: 'openid profile' });
    const keys = createRemoteJWKSet(new URL(server.url('/oauth/jwks.json')));
    const { payload } = await jwtVerify(body.id_token, keys, {
      issuer: server.issuer,
      audience: client.clientId,
    });
    const userinfo = await getWith(server, '/oauth/userinfo', body.access_token);
    expect(userinfo.body).toMatchObject({ sub: payload.sub, preferred_username: 'alice' });
  });

  test('scopes that the client may not have are cut, and the answer names what was granted (seed row 85)', async () => {
    const { status, body } = await ask({ scope: 'profile admin roles' });
    expect(status).toBe(200);
    expect(body.scope).toBe('profile');
    const userinfo = await ask({ scope: 'openid profile roles' });
    expect((await getWith(server, '/oauth/userinfo', userinfo.body.access_token)).body).not.toHaveProperty(
      'roles',
    );
  });

  test('a name is the same in other capitals', async () => {
    expect((await ask({ username: 'ALICE' })).status).toBe(200);
  });

  test('a refresh token that needs no browser: it lives for its idle time, and signing out does not end it', async () => {
    const browser = createBrowser();
    const page = await browser.get(server.url('/login'));
    await browser.submit(page, '/login', { username: 'alice', password: PASSWORD });
    const { body } = await ask({ scope: 'openid profile' });
    await browser.submit(await browser.get(server.url('/logout')), '/logout', { logout: 'yes' });
    const again = await refresh(server, client, body.refresh_token);
    expect(again.status).toBe(200);
    const told = await introspect(server, client, again.body.refresh_token);
    expect(told.exp - told.iat).toBe(14 * 86_400);
  });

  test('a client that did not register refresh_token gets none', async () => {
    const plain = await server.createClient({ ...METADATA, grant_types: ['password'] });
    expect((await ask({}, plain)).body).not.toHaveProperty('refresh_token');
  });

  test('each sign-in has a grant of its own: revoking one leaves the other', async () => {
    const [one, two] = [(await ask()).body, (await ask()).body];
    await post(server, '/oauth/revoke', { token: one.refresh_token }, client);
    expect(await introspect(server, client, one.access_token)).toEqual({ active: false });
    expect(await introspect(server, client, two.access_token)).toMatchObject({ active: true });
  });
});

describe('guessing', () => {
  test('ten wrong ones: 429 with Retry-After, for the right one too, and on the sign-in page', async () => {
    await server.createAccount('erin');
    for (let n = 0; n < 10; n += 1) {
      expect(await ask({ username: 'erin', password: `wrong ${n}` })).toMatchObject(INVALID_GRANT);
    }
    const blocked = await ask({ username: 'erin' });
    expect(blocked.status).toBe(429);
    expect(Number(blocked.headers.get('retry-after'))).toBeGreaterThan(800);
    expect(blocked.headers.get('cache-control')).toBe('no-store');
    expect(blocked.body).not.toHaveProperty('access_token');

    const browser = createBrowser();
    const page = await browser.submit(await browser.get(server.url('/login')), '/login', {
      username: 'erin',
      password: PASSWORD,
    });
    expect(page.status).toBe(429);
    expect(page.headers.get('retry-after')).toBeTruthy();
    expect((await ask()).status).toBe(200);

    server.clock.advance(901);
    expect((await ask({ username: 'erin' })).status).toBe(200);
  });

  test('wrong ones on the sign-in page count here', async () => {
    await server.createAccount('frank');
    const browser = createBrowser();
    for (let n = 0; n < 10; n += 1) {
      const page = await browser.get(server.url('/login'));
      await browser.submit(page, '/login', { username: 'frank', password: `wrong ${n}` });
    }
    expect((await ask({ username: 'frank' })).status).toBe(429);
  });
});

test('the password is in no log line and in no row', async () => {
  await ask({ password: PASSWORD });
  await ask({ password: 'a wrong but telling password' });
  const tables = ['accounts', 'clients', 'client_secrets', 'oidc_payloads', 'throttle', 'audit_events'];
  const { database } = server.container;
  const rows = await Promise.all(tables.map((table) => database.all(database.sql.select('*').from(table))));
  const kept = server.logs.join('\n') + JSON.stringify(rows);
  expect(kept).toContain('grant.issued');
  for (const secret of [
    PASSWORD,
    encodeURIComponent(PASSWORD),
    'a wrong but telling password',
    client.secret,
  ]) {
    expect(kept).not.toContain(secret);
  }
});
