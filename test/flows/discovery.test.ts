/** Discovery (Config plan), keys, other spellings of their addresses, and who may call from a browser. */
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createBrowser } from '../support/browser.js';
import { getCode, post, redeem } from '../support/flow.js';
import { startServer, type TestClient, type TestServer } from '../support/server.js';

const OIDC = '/.well-known/openid-configuration';
const OAUTH = '/.well-known/oauth-authorization-server';
const ORIGIN = 'https://app.example';

let server: TestServer;
let legacy: TestServer;
let confidential: TestClient;
let browserClient: TestClient;
let otherBrowserClient: TestClient;

beforeAll(async () => {
  server = await startServer({ LEGACY_FLOWS: 'none' });
  legacy = await startServer({ LEGACY_FLOWS: 'password,implicit' });
  await server.createAccount('alice');
  confidential = await server.createClient();
  browserClient = await server.createClient({ token_endpoint_auth_method: 'none' });
  otherBrowserClient = await server.createClient({
    token_endpoint_auth_method: 'none',
    redirect_uris: ['https://other.example/cb'],
  });
  await server.createClient({ redirect_uris: ['https://server-side.example/cb'] });
});
afterAll(async () => {
  await server.close();
  await legacy.close();
});

// biome-ignore lint/suspicious/noExplicitAny: a document; tests look into it.
const documentOf = async (of: TestServer, path: string): Promise<any> => (await fetch(of.url(path))).json();

/** A request whose target and headers are written as they are; `fetch` would correct them. */
function raw(
  path: string,
  headers: Record<string, string>,
): Promise<{ status: number; text: string; headers: object }> {
  const { hostname, port } = new URL(server.issuer);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, headers, setHost: !headers.host }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text, headers: response.headers }),
      );
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('discovery (seed row 78)', () => {
  const foreign: [string, (path: string) => [string, Record<string, string>]][] = [
    ['Host', (path) => [path, { host: 'evil.example' }]],
    ['Host with user information', (path) => [path, { host: 'evil.example:fake@127.0.0.1' }]],
    ['the absolute form', (path) => [`http://evil.example${path}`, { host: new URL(server.issuer).host }]],
    ['X-Forwarded-Host', (path) => [path, { 'x-forwarded-host': 'evil.example', 'x-forwarded-port': '666' }]],
    ['X-Forwarded-Proto', (path) => [path, { 'x-forwarded-proto': 'evil', 'x-forwarded-prefix': '/evil' }]],
    ['Forwarded', (path) => [path, { forwarded: 'host=evil.example;proto=https' }]],
    [
      'X-Original-URL',
      (path) => [path, { 'x-original-url': 'http://evil.example/', 'x-rewrite-url': '/evil' }],
    ],
  ];
  test.each(foreign)('A116: %s of a foreign server is never named', async (_way, make) => {
    for (const path of [OIDC, OAUTH]) {
      const { status, text, headers } = await raw(...make(path));
      expect([200, 400, 421]).toContain(status);
      expect(text + JSON.stringify(headers)).not.toContain('evil');
      if (status === 200) expect(JSON.parse(text).token_endpoint).toBe(`${server.issuer}/oauth/token`);
    }
  });

  test.each(['127.0.0.1', 'localhost', '[::1]'])(
    'a loopback issuer answers as %s with the same document',
    async (name) => {
      const { port } = new URL(server.issuer);
      const { status, text } = await raw(OIDC, { host: `${name}:${port}` });
      expect(status).toBe(200);
      expect(JSON.parse(text)).toEqual(await documentOf(server, OIDC));
    },
  );

  test.each([
    ['oidcc-discovery-endpoint-verification', OIDC],
    ['RFC 8414 §3', OAUTH],
  ])('%s: complete and consistent', async (_name, path) => {
    const response = await fetch(server.url(path));
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    const { issuer } = server;
    expect(await response.json()).toMatchObject({
      issuer,
      authorization_endpoint: `${issuer}/oauth/authorize`,
      token_endpoint: `${issuer}/oauth/token`,
      userinfo_endpoint: `${issuer}/oauth/userinfo`,
      jwks_uri: `${issuer}/oauth/jwks.json`,
      revocation_endpoint: `${issuer}/oauth/revoke`,
      introspection_endpoint: `${issuer}/oauth/introspect`,
      pushed_authorization_request_endpoint: `${issuer}/oauth/par`,
      device_authorization_endpoint: `${issuer}/oauth/device_authorization`,
      end_session_endpoint: `${issuer}/oauth/end_session`,
      response_types_supported: ['code', 'id_token', 'code id_token'],
      response_modes_supported: ['form_post', 'fragment', 'query'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      claims_parameter_supported: true,
      request_uri_parameter_supported: false,
      scopes_supported: ['openid', 'offline_access', 'profile', 'email', 'roles'],
    });
  });

  test('oidcc-rp-initiated-logout-discovery-endpoint-verification', async () => {
    expect((await documentOf(server, OIDC)).end_session_endpoint).toBe(`${server.issuer}/oauth/end_session`);
  });

  test('lists nothing that is off, and every endpoint it lists exists', async () => {
    const document = await documentOf(server, OIDC);
    expect(document.grant_types_supported).not.toEqual(expect.arrayContaining(['password']));
    expect(document.grant_types_supported).not.toContain('urn:openid:params:grant-type:ciba');
    expect(document.request_parameter_supported ?? false).toBe(false);
    expect(document.scopes_supported).not.toEqual(expect.arrayContaining(['address']));
    expect(document.scopes_supported).not.toEqual(expect.arrayContaining(['phone']));
    for (const claim of ['address', 'phone_number']) expect(document.claims_supported).not.toContain(claim);
    const off = [
      'registration_endpoint',
      'backchannel_authentication_endpoint',
      'backchannel_logout_supported',
    ];
    for (const member of [...off, 'frontchannel_logout_supported', 'check_session_iframe']) {
      expect(document).not.toHaveProperty(member);
    }
    for (const [member, address] of Object.entries(document)) {
      if (!/_endpoint$|_uri$/.test(member)) continue;
      const { status } = await fetch(String(address), { method: 'POST', redirect: 'manual' });
      const got = await fetch(String(address), { redirect: 'manual' });
      expect([member, status === 404 && got.status === 404]).toEqual([member, false]);
    }
  });

  test('tokens in the front channel and the password grant appear with LEGACY_FLOWS, and only with it', async () => {
    const on = await documentOf(legacy, OIDC);
    expect(on.response_types_supported).toEqual([
      'code',
      'id_token',
      'code id_token',
      'id_token token',
      'code token',
      'code id_token token',
    ]);
    expect(on.grant_types_supported).toEqual(expect.arrayContaining(['password', 'implicit']));
    const { grant_types_supported } = await documentOf(server, OIDC);
    expect(grant_types_supported).not.toContain('implicit');
  });

  test.each(['/oauth/register', '/oauth/register/abc', '/oauth/backchannel'])(
    '%s is not there',
    async (path) => {
      for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
        const { status } = await fetch(server.url(path), { method, headers: { accept: 'application/json' } });
        expect([method, status]).toEqual([method, 404]);
      }
    },
  );

  test('the misspelt address of the originals leads on with 308', async () => {
    const response = await fetch(server.url('/.well_known/openid-configuration'), { redirect: 'manual' });
    expect(response.status).toBe(308);
    expect(response.headers.get('location')).toBe(OIDC);
    expect(await (await fetch(server.url('/.well_known/openid-configuration'))).json()).toEqual(
      await documentOf(server, OIDC),
    );
  });
});

describe('keys (seed row 77)', () => {
  const PUBLIC = new Set(['kty', 'use', 'alg', 'kid', 'n', 'e', 'crv', 'x', 'y']);

  test('A76: no private part at either address; every key has its own kid, an alg and a use', async () => {
    const { keys } = await documentOf(server, '/oauth/jwks.json');
    expect(keys.length).toBeGreaterThanOrEqual(4);
    for (const key of keys) {
      expect(Object.keys(key).filter((member) => !PUBLIC.has(member))).toEqual([]);
      expect(key).toMatchObject({ kid: expect.any(String), alg: expect.any(String), use: 'sig' });
    }
    expect(new Set(keys.map(({ kid }: { kid: string }) => kid)).size).toBe(keys.length);
    expect(new Set(keys.map(({ alg }: { alg: string }) => alg))).toEqual(
      new Set(['RS256', 'PS256', 'ES256', 'EdDSA']),
    );
    expect(await documentOf(server, '/jwks')).toEqual({ keys });
  });

  test('the RS256 key stands first: clients that take the first key verify', async () => {
    const { keys } = await documentOf(server, '/jwks');
    expect(keys[0]).toMatchObject({ kty: 'RSA', alg: 'RS256' });
  });
});

describe('calls from a browser (A123)', () => {
  const allowed = (response: { headers: Headers }) => ({
    origin: response.headers.get('access-control-allow-origin'),
    credentials: response.headers.get('access-control-allow-credentials'),
  });
  const NOBODY = { origin: null, credentials: null };
  const preflight = (path: string, origin: string) =>
    fetch(server.url(path), {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    });

  const OPEN = [OIDC, OAUTH, '/oauth/jwks.json', '/jwks'];
  const CLIENTS = ['/oauth/token', '/oauth/userinfo', '/oauth/revoke'];
  const STRANGERS = [
    'https://evil.example',
    'null',
    'https://app.example.evil.example',
    'https://app.example:8443',
    'http://app.example',
    'https://server-side.example',
  ];

  test.each(STRANGERS)('A123: %s is let in nowhere', async (origin) => {
    for (const path of OPEN)
      expect([path, allowed(await fetch(server.url(path), { headers: { origin } }))]).toEqual([path, NOBODY]);
    for (const path of [...OPEN, ...CLIENTS])
      expect([path, allowed(await preflight(path, origin))]).toEqual([path, NOBODY]);
    const grant = await getCode(server, browserClient);
    const refused = await post(server, '/oauth/token', tokenForm(grant), browserClient, { origin });
    expect(refused.status).toBe(400);
    expect(allowed(refused)).toEqual(NOBODY);
    expect(refused.body).not.toHaveProperty('access_token');
    const { body } = await redeem(server, browserClient, await getCode(server, browserClient));
    for (const authorization of [`Bearer ${body.access_token}`, 'Bearer wrong']) {
      const info = await fetch(server.url('/oauth/userinfo'), { headers: { origin, authorization } });
      expect(allowed(info)).toEqual(NOBODY);
      expect(info.status).not.toBe(200);
    }
    const revoked = await post(server, '/oauth/revoke', { token: body.access_token }, browserClient, {
      origin,
    });
    expect(allowed(revoked)).toEqual(NOBODY);
  });

  test('the origin of one browser client is not let in with the token of another', async () => {
    const { body } = await redeem(server, browserClient, await getCode(server, browserClient));
    const headers = { origin: 'https://other.example', authorization: `Bearer ${body.access_token}` };
    expect(otherBrowserClient.secret).toBe('');
    const info = await fetch(server.url('/oauth/userinfo'), { headers });
    expect([allowed(info), info.status]).toEqual([NOBODY, 400]);
  });

  test('a client with a secret is no browser client', async () => {
    const refused = await redeemFrom(confidential, ORIGIN);
    expect([refused.status, allowed(refused)]).toEqual([400, NOBODY]);
  });

  test('the authorization endpoint, PAR, introspection and pages let nobody in', async () => {
    for (const path of [
      '/oauth/authorize',
      '/oauth/par',
      '/oauth/introspect',
      '/oauth/device_authorization',
      '/oauth/end_session',
      '/login',
      '/api/me',
    ]) {
      expect([path, allowed(await preflight(path, ORIGIN))]).toEqual([path, NOBODY]);
      const got = await fetch(server.url(path), { headers: { origin: ORIGIN }, redirect: 'manual' });
      expect([path, allowed(got)]).toEqual([path, NOBODY]);
    }
  });

  test('without an Origin nothing is said', async () => {
    for (const path of OPEN) expect([path, allowed(await fetch(server.url(path)))]).toEqual([path, NOBODY]);
    for (const path of [...OPEN, ...CLIENTS]) {
      const asked = { method: 'OPTIONS', headers: { 'access-control-request-method': 'POST' } };
      expect([path, allowed(await fetch(server.url(path), asked))]).toEqual([path, NOBODY]);
      for (const headers of [new Headers(), new Headers({ origin: '' })]) {
        const got = await fetch(server.url(path), { method: 'POST', headers, body: new URLSearchParams() });
        expect([path, allowed(got)]).toEqual([path, NOBODY]);
      }
    }
  });

  test('a registered origin of a browser client may read and call, without credentials', async () => {
    for (const path of [...OPEN, ...CLIENTS]) {
      const response = await preflight(path, ORIGIN);
      expect([path, response.status, allowed(response)]).toEqual([
        path,
        204,
        { origin: ORIGIN, credentials: null },
      ]);
    }
    for (const path of OPEN) {
      const response = await fetch(server.url(path), { headers: { origin: ORIGIN } });
      expect([path, allowed(response)]).toEqual([path, { origin: ORIGIN, credentials: null }]);
      expect(response.headers.get('vary')).toMatch(/origin/i);
    }
    const tokens = await redeemFrom(browserClient, ORIGIN);
    expect([tokens.status, allowed(tokens)]).toEqual([200, { origin: ORIGIN, credentials: null }]);
    const headers = { origin: ORIGIN, authorization: `Bearer ${tokens.body.access_token}` };
    const info = await fetch(server.url('/oauth/userinfo'), { headers });
    expect([info.status, allowed(info)]).toEqual([200, { origin: ORIGIN, credentials: null }]);
    const revoked = await post(server, '/oauth/revoke', { token: tokens.body.access_token }, browserClient, {
      origin: ORIGIN,
    });
    expect([revoked.status, allowed(revoked)]).toEqual([200, { origin: ORIGIN, credentials: null }]);
  });

  test('an origin registered a moment ago is let in within seconds', async () => {
    const origin = 'https://new.example';
    expect(allowed(await fetch(server.url(OIDC), { headers: { origin } }))).toEqual(NOBODY);
    await server.createClient({ token_endpoint_auth_method: 'none', redirect_uris: [`${origin}/cb`] });
    server.clock.advance(6);
    expect(allowed(await fetch(server.url(OIDC), { headers: { origin } })).origin).toBe(origin);
  });

  const tokenForm = ({ code, pkce }: Awaited<ReturnType<typeof getCode>>) => ({
    grant_type: 'authorization_code',
    code,
    redirect_uri: 'https://app.example/cb',
    code_verifier: pkce.verifier,
  });
  const redeemFrom = async (client: TestClient, origin: string) =>
    post(
      server,
      '/oauth/token',
      tokenForm(await getCode(server, client, {}, { browser: createBrowser() })),
      client,
      { origin },
    );
});
