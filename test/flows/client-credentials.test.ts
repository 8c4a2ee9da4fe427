import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { getWith, introspect, post } from '../support/flow.js';
import { startServer, type TestClient, type TestServer } from '../support/server.js';

let server: TestServer;
let client: TestClient;

const METADATA = {
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
  scope: 'profile email roles api:read',
};

beforeAll(async () => {
  server = await startServer();
  await server.container.resources.create({
    identifier: 'https://api.example',
    scopes: ['api:read', 'api:write'],
    token_format: 'opaque',
  });
  client = await server.createClient(METADATA);
});
afterAll(() => server.close());

const ask = (more: Record<string, string> = {}, by = client) =>
  post(server, '/oauth/token', { grant_type: 'client_credentials', ...more }, by);

test('a public client cannot be registered for it, and the grant is refused to one that slipped in', async () => {
  await expect(server.createClient({ ...METADATA, token_endpoint_auth_method: 'none' })).rejects.toThrow(
    /token_endpoint_auth_method/,
  );
  const stranger = await server.createClient({ token_endpoint_auth_method: 'none' });
  expect(await ask({}, stranger)).toMatchObject({ status: 400, body: { error: 'unauthorized_client' } });
});

test('a wrong secret is 401 invalid_client; no credentials are no better', async () => {
  const wrong = await ask({}, { ...client, secret: 'wrong' });
  expect(wrong).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  expect(await ask({}, { ...client, secret: '' })).toMatchObject({
    status: 401,
    body: { error: 'invalid_client' },
  });
});

test('a token of no person: no refresh token, no ID Token, no sub (seed row 71)', async () => {
  const answer = await ask({ scope: 'profile' });
  expect(answer).toMatchObject({
    status: 200,
    body: { token_type: 'Bearer', expires_in: 3600, scope: 'profile' },
  });
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.body).not.toHaveProperty('refresh_token');
  expect(answer.body).not.toHaveProperty('id_token');
  const told = await introspect(server, client, answer.body.access_token);
  expect(told).toMatchObject({ active: true, client_id: client.clientId, scope: 'profile' });
  expect(told).not.toHaveProperty('sub');
});

test('it opens nothing that is about a person: UserInfo and /api/me are 401', async () => {
  const { access_token } = (await ask({ scope: 'profile' })).body;
  for (const path of ['/oauth/userinfo', '/api/me']) {
    expect(await getWith(server, path, access_token)).toMatchObject({
      status: 401,
      body: { error: 'invalid_token' },
    });
  }
});

test('neither openid nor offline_access brings more, and foreign scopes are cut (seed row 85)', async () => {
  const all = await server.createClient({ ...METADATA, scope: 'openid offline_access profile' });
  const answer = await ask({ scope: 'openid offline_access profile email admin' }, all);
  expect(answer.status).toBe(200);
  expect(answer.body.scope).toBe('openid offline_access profile');
  expect((await getWith(server, '/oauth/userinfo', answer.body.access_token)).status).toBe(401);
  expect(answer.body).not.toHaveProperty('id_token');
  expect(answer.body).not.toHaveProperty('refresh_token');
});

test('no scope asked, none given', async () => {
  const answer = await ask();
  expect(answer.status).toBe(200);
  expect(answer.body.scope ?? '').toBe('');
  expect((await introspect(server, client, answer.body.access_token)).scope).toBeUndefined();
});

test('for a resource: its audience, and only scopes that both sides know', async () => {
  const answer = await ask({ resource: 'https://api.example', scope: 'api:read api:write' });
  expect(answer).toMatchObject({ status: 200, body: { scope: 'api:read' } });
  expect(await introspect(server, client, answer.body.access_token)).toMatchObject({
    aud: 'https://api.example',
    scope: 'api:read',
  });
  const unknown = await ask({ resource: 'https://other.example', scope: 'api:read' });
  expect(unknown).toMatchObject({ status: 400, body: { error: 'invalid_target' } });
});

test("a client's own lifetime counts", async () => {
  const short = await server.createClient(METADATA, { ttl: { accessToken: 120 } });
  expect((await ask({}, short)).body.expires_in).toBe(120);
});

test('revoked, it is over; only its own client can do that', async () => {
  const other = await server.createClient(METADATA);
  const { access_token } = (await ask()).body;
  await post(server, '/oauth/revoke', { token: access_token }, other);
  expect(await introspect(server, client, access_token)).toMatchObject({ active: true });
  expect((await post(server, '/oauth/revoke', { token: access_token }, client)).status).toBe(200);
  expect(await introspect(server, client, access_token)).toEqual({ active: false });
});

describe('parameters (RFC 6749 §3.2)', () => {
  const GRANT = 'grant_type=client_credentials';
  const twice = (name: string) => ({
    error: 'invalid_request',
    error_description: `'${name}' parameter must not`,
  });

  /** A body as it stands, which says who the client is where `basic` does not. */
  async function tell(body: string, basic = true) {
    const credentials = Buffer.from(`${client.clientId}:${client.secret}`).toString('base64');
    const response = await fetch(server.url('/oauth/token'), {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        ...(basic ? { authorization: `Basic ${credentials}` } : {}),
      },
      body,
    });
    return { status: response.status, body: (await response.json()) as Record<string, string> };
  }

  test.each([
    ['the grant twice', `${GRANT}&${GRANT}`, twice('grant_type')],
    ['the client twice', `${GRANT}&client_id=x&client_id=x`, twice('client_id')],
    ['the secret twice', `${GRANT}&client_secret=x&client_secret=x`, twice('client_secret')],
    ['the scope twice', `${GRANT}&scope=profile&scope=email`, twice('scope')],
    ['no grant', 'scope=profile', { error: 'invalid_request' }],
    ['an empty grant', 'grant_type=&scope=profile', { error: 'invalid_request' }],
    ['another client', `${GRANT}&client_id=other`, { error: 'invalid_request' }],
    ['a grant nobody knows', 'grant_type=nonsense', { error: 'unsupported_grant_type' }],
    ['a grant of JavaScript’s', 'grant_type=__proto__', { error: 'unsupported_grant_type' }],
    ['another of these', 'grant_type=constructor', { error: 'unsupported_grant_type' }],
    ['implicit', 'grant_type=implicit', { error: 'unsupported_grant_type' }],
  ])('refused: %s', async (_name, body, error) => {
    const answer = await tell(body);
    expect(answer.status).toBe(400);
    expect(answer.body.error).toBe(error.error);
    if ('error_description' in error)
      expect(answer.body.error_description).toContain(error.error_description);
  });

  test.each([
    ['one that nobody knows', '&nonsense=1'],
    ['that one twice', '&nonsense=1&nonsense=2'],
    ['one of another grant', '&code=x&redirect_uri=https://app.example'],
    ['that one twice', '&code=x&code=y'],
    ['an empty one', '&resource='],
    ['names of JavaScript’s', '&__proto__=x&constructor=y&toString=z'],
  ])('passed over: %s', async (_name, more) => {
    expect(await tell(`${GRANT}&scope=profile${more}`)).toMatchObject({
      status: 200,
      body: { scope: 'profile' },
    });
  });

  test('a secret in the body is taken as well; in both places it is one too many', async () => {
    const own = `${GRANT}&client_id=${client.clientId}&client_secret=${client.secret}`;
    expect((await tell(own, false)).status).toBe(200);
    expect(await tell(own)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });
});
