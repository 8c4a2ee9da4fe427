import { afterAll, beforeAll, expect, test } from '@jest/globals';
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
