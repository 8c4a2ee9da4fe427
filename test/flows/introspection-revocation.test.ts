import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import Sqlite from 'better-sqlite3';
import { getCode, getWith, introspect, post, redeem, refresh } from '../support/flow.js';
import { startServer, type TestClient, type TestServer } from '../support/server.js';

let server: TestServer;
let client: TestClient;
let foreign: TestClient;
let open: TestClient;
let resourceServer: TestClient;

beforeAll(async () => {
  server = await startServer();
  await server.createAccount('alice');
  client = await server.createClient();
  foreign = await server.createClient();
  open = await server.createClient({ token_endpoint_auth_method: 'none' });
  const machine = { grant_types: [], response_types: [], redirect_uris: [], scope: undefined };
  resourceServer = await server.createClient(machine, { resourceServer: true });
});
afterAll(() => server.close());

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly id_token: string;
}

async function tokensOf(of = client): Promise<Tokens> {
  return (await redeem(server, of, await getCode(server, of))).body;
}

const revoke = (token: string, by: Pick<TestClient, 'clientId' | 'secret'> | undefined, more = {}) =>
  post(server, '/oauth/revoke', { token, ...more }, by);
const INACTIVE = { active: false };
const INVALID_CLIENT = { status: 401, body: { error: 'invalid_client' } };

describe('introspection (RFC 7662, seed row 82)', () => {
  test('A58: without credentials, with a wrong or empty secret: 401 and nothing else', async () => {
    const { access_token: token } = await tokensOf();
    expect(await post(server, '/oauth/introspect', { token })).toMatchObject(INVALID_CLIENT);
    const asPublic = await post(server, '/oauth/introspect', { token, client_id: client.clientId });
    expect(asPublic).toMatchObject(INVALID_CLIENT);
    const wrong = await post(server, '/oauth/introspect', { token }, { ...client, secret: 'wrong' });
    expect(wrong).toMatchObject(INVALID_CLIENT);
    const empty = { token, client_id: client.clientId, client_secret: '' };
    expect((await post(server, '/oauth/introspect', empty)).body).not.toHaveProperty('active', true);
    const bearer = await post(server, '/oauth/introspect', { token }, undefined, {
      authorization: `Bearer ${token}`,
    });
    expect([400, 401]).toContain(bearer.status);
  });

  test('A58: a public client learns nothing, not even of its own tokens', async () => {
    const own = await tokensOf(open);
    const others = await tokensOf();
    for (const token of [own.access_token, own.refresh_token, others.access_token, 'x']) {
      const { status, body } = await post(server, '/oauth/introspect', { token }, open);
      if (status === 200) expect(body).toEqual(INACTIVE);
      else expect(status).toBe(401);
    }
  });

  test('A58: a foreign client is told {"active":false} and not one member more', async () => {
    const { access_token, refresh_token } = await tokensOf();
    for (const token of [access_token, refresh_token]) {
      const answer = await post(server, '/oauth/introspect', { token }, foreign);
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual(INACTIVE);
    }
  });

  test('dead, unknown, wrong kind: {"active":false}, with any hint', async () => {
    const { code } = await getCode(server, client);
    for (const token of ['x', code, client.secret, client.clientId, 'é', 'a'.repeat(4000)]) {
      for (const token_type_hint of ['', 'access_token', 'refresh_token', 'no_such_kind']) {
        const answer = await post(server, '/oauth/introspect', { token, token_type_hint }, client);
        expect([answer.status, answer.body]).toEqual([200, INACTIVE]);
      }
    }
  });

  test('no token is invalid_request; GET is refused', async () => {
    const none = await post(server, '/oauth/introspect', {}, client);
    expect(none).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    const { access_token } = await tokensOf();
    const get = await fetch(server.url(`/oauth/introspect?token=${access_token}`));
    expect([404, 405]).toContain(get.status);
  });

  test('the client itself, and one an administrator marked as resource server, are told all', async () => {
    const { access_token, refresh_token } = await tokensOf();
    for (const by of [client, resourceServer]) {
      const told = await introspect(server, by, access_token);
      expect(told).toMatchObject({
        active: true,
        client_id: client.clientId,
        scope: 'openid profile',
        token_type: 'Bearer',
        iss: server.issuer,
        sub: expect.any(String),
      });
      expect(told.exp - told.iat).toBe(3600);
      expect(told).not.toHaveProperty('jti');
      expect(await introspect(server, by, refresh_token)).toMatchObject({
        active: true,
        client_id: client.clientId,
      });
    }
  });

  test('a wrong hint does not hide a token (RFC 7662 §2.1)', async () => {
    const { access_token, refresh_token } = await tokensOf();
    const hinted = async (token: string, token_type_hint: string) =>
      (await post(server, '/oauth/introspect', { token, token_type_hint }, client)).body.active;
    expect(await hinted(access_token, 'refresh_token')).toBe(true);
    expect(await hinted(refresh_token, 'access_token')).toBe(true);
    expect(await hinted(refresh_token, 'whatever')).toBe(true);
  });

  test('the mark cannot be had by registering it, nor by a public client', async () => {
    const claimed = await server.createClient({ resource_server: true, resourceServer: true });
    const { access_token } = await tokensOf();
    expect(await introspect(server, claimed, access_token)).toEqual(INACTIVE);
    await expect(
      server.createClient({ token_endpoint_auth_method: 'none' }, { resourceServer: true }),
    ).rejects.toThrow(/authenticate/);
  });
});

describe('revocation (RFC 7009, seed row 81)', () => {
  test('unauthenticated: 401, and the token lives', async () => {
    const { access_token } = await tokensOf();
    expect(await revoke(access_token, undefined)).toMatchObject(INVALID_CLIENT);
    expect(await revoke(access_token, { ...client, secret: 'wrong' })).toMatchObject(INVALID_CLIENT);
    expect(await revoke(access_token, { ...client, secret: '' })).toMatchObject(INVALID_CLIENT);
    expect((await getWith(server, '/api/me', access_token)).status).toBe(200);
  });

  test("another client's token is left alone, and the answer does not tell", async () => {
    const { access_token, refresh_token } = await tokensOf();
    for (const by of [foreign, open, resourceServer]) {
      for (const token of [access_token, refresh_token]) {
        expect(await revoke(token, by)).toMatchObject({ status: 200, body: '' });
      }
    }
    expect((await getWith(server, '/api/me', access_token)).status).toBe(200);
    expect((await refresh(server, client, refresh_token)).status).toBe(200);
  });

  test('A61: an unknown token is 200; no token is invalid_request', async () => {
    expect((await revoke('x', client)).status).toBe(200);
    expect((await revoke('x', client, { token_type_hint: 'no_such_kind' })).status).toBe(200);
    expect(await post(server, '/oauth/revoke', {}, client)).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    });
  });

  test('A61: a refresh token revoked with the wrong hint is dead, and its access tokens with it', async () => {
    const first = await tokensOf();
    const second = (await refresh(server, client, first.refresh_token)).body;
    const answer = await revoke(second.refresh_token, client, { token_type_hint: 'access_token' });
    expect(answer).toMatchObject({ status: 200, body: '' });
    for (const token of [first.access_token, second.access_token]) {
      expect((await getWith(server, '/oauth/userinfo', token)).status).toBe(401);
      expect((await getWith(server, '/api/me', token)).status).toBe(401);
      expect(await introspect(server, client, token)).toEqual(INACTIVE);
    }
    expect(await refresh(server, client, second.refresh_token)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    });
  });

  test('an access token revoked with the wrong hint is 401 from then on', async () => {
    const { access_token } = await tokensOf();
    expect((await revoke(access_token, client, { token_type_hint: 'refresh_token' })).status).toBe(200);
    expect(await getWith(server, '/api/me', access_token)).toMatchObject({
      status: 401,
      body: { error: 'invalid_token' },
    });
    expect((await revoke(access_token, client)).status).toBe(200);
  });

  test('a public client revokes its own; a new sign-in is not hurt by it', async () => {
    const one = await tokensOf(open);
    const two = await tokensOf(open);
    expect((await revoke(one.refresh_token, open)).status).toBe(200);
    expect((await getWith(server, '/api/me', one.access_token)).status).toBe(401);
    expect((await getWith(server, '/api/me', two.access_token)).status).toBe(200);
  });

  test('after a revocation the same browser gets fresh, living tokens', async () => {
    const grant = await getCode(server, client);
    const first = (await redeem(server, client, grant)).body;
    await revoke(first.refresh_token, client);
    const again = await getCode(server, client, {}, { browser: grant.browser });
    const second = (await redeem(server, client, again)).body;
    expect((await getWith(server, '/api/me', second.access_token)).status).toBe(200);
    expect((await refresh(server, client, second.refresh_token)).status).toBe(200);
  });

  test('only POST', async () => {
    const { access_token } = await tokensOf();
    const query = new URLSearchParams({
      token: access_token,
      client_id: client.clientId,
      client_secret: client.secret,
    });
    const get = await fetch(server.url(`/oauth/revoke?${query}`));
    expect([404, 405]).toContain(get.status);
    expect((await getWith(server, '/api/me', access_token)).status).toBe(200);
  });
});

test('a server that cannot write says 503 with Retry-After, and the token lives (RFC 7009 §2.2.1)', async () => {
  const busy = await startServer({ DATABASE_TIMEOUT_MS: '100' });
  const other = new Sqlite(String(busy.container.config.database.file));
  try {
    await busy.createAccount('alice');
    const own = await busy.createClient();
    const { access_token, refresh_token } = (await redeem(busy, own, await getCode(busy, own))).body;
    other.exec('BEGIN IMMEDIATE');
    const refused = await post(busy, '/oauth/revoke', { token: access_token }, own);
    expect(refused).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const unissued = await refresh(busy, own, refresh_token);
    expect(unissued).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
    other.exec('ROLLBACK');
    expect((await getWith(busy, '/api/me', access_token)).status).toBe(200);
    expect((await refresh(busy, own, refresh_token)).status).toBe(200);
    expect((await post(busy, '/oauth/revoke', { token: access_token }, own)).status).toBe(200);
    expect((await getWith(busy, '/api/me', access_token)).status).toBe(401);
  } finally {
    other.close();
    await busy.close();
  }
});

describe('multipart at token, revocation, introspection and PAR (contract §6)', () => {
  const authorization = () =>
    `Basic ${Buffer.from(`${client.clientId}:${client.secret}`).toString('base64')}`;
  const PATHS = ['/oauth/token', '/oauth/revoke', '/oauth/introspect', '/oauth/par'];

  async function send(path: string, form: FormData) {
    const response = await fetch(server.url(path), {
      method: 'POST',
      headers: { authorization: authorization() },
      body: form,
    });
    const text = await response.text();
    return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text };
  }
  const formOf = (fields: Record<string, string>) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    return form;
  };

  test('each takes it', async () => {
    const { access_token, refresh_token } = await tokensOf();
    const told = await send('/oauth/introspect', formOf({ token: access_token }));
    expect(told).toMatchObject({ status: 200, body: { active: true } });
    const pushed = await send(
      '/oauth/par',
      formOf({ response_type: 'code', redirect_uri: 'https://app.example/cb', client_id: client.clientId }),
    );
    expect(pushed).toMatchObject({ status: 201, body: { request_uri: expect.stringMatching(/^urn:/) } });
    const next = await send('/oauth/token', formOf({ grant_type: 'refresh_token', refresh_token }));
    expect(next).toMatchObject({ status: 200, body: { token_type: 'Bearer' } });
    expect(await send('/oauth/revoke', formOf({ token: next.body.refresh_token }))).toMatchObject({
      status: 200,
    });
    expect(await introspect(server, client, next.body.access_token)).toEqual(INACTIVE);
  });

  test.each(PATHS)('%s: a body that is too big is 413', async (path) => {
    const answer = await send(path, formOf({ token: 'x', padding: 'x'.repeat(57 * 1024) }));
    expect(answer).toMatchObject({ status: 413, body: { error: 'invalid_request' } });
  });

  test.each(PATHS)('%s: an urlencoded body that is too big is 413 too', async (path) => {
    const answer = await post(server, path, { token: 'x', padding: 'x'.repeat(60 * 1024) }, client);
    expect(answer).toMatchObject({ status: 413, body: { error: 'invalid_request' } });
  });

  test.each(PATHS)('%s: files are refused', async (path) => {
    const form = formOf({ grant_type: 'refresh_token', refresh_token: 'x' });
    form.append('token', new Blob(['x']), 'token.txt');
    expect(await send(path, form)).toMatchObject({
      status: 400,
      body: { error: 'invalid_request', error_description: 'files are not accepted here' },
    });
  });

  test.each(PATHS)('%s: a broken multipart body, and a field twice, are invalid_request', async (path) => {
    for (const type of ['multipart/form-data', 'multipart/form-data; boundary=x']) {
      const response = await fetch(server.url(path), {
        method: 'POST',
        headers: { authorization: authorization(), 'content-type': type },
        body: 'this is not multipart',
      });
      expect([400, 415]).toContain(response.status);
      await response.text();
    }
    const form = formOf({
      grant_type: 'refresh_token',
      refresh_token: 'x',
      token: 'x',
      response_type: 'code',
    });
    for (const name of ['token', 'refresh_token', 'response_type']) form.append(name, 'y');
    expect(await send(path, form)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  test('a path that speaks no multipart is left alone', async () => {
    const response = await fetch(server.url('/login'), {
      method: 'POST',
      body: formOf({ username: 'alice' }),
    });
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.status).toBeLessThan(500);
  });
});
