/** What one address may ask (issue 6 §4), counted together by all processes of one database. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ENDPOINT_CEILINGS } from '../../src/platform/throttle/endpoint-ceilings.js';
import { authorizeUrl, introspect, newPkce, post, type TokenAnswer } from '../support/flow.js';
import { freshPostgres } from '../support/postgres.js';
import { startServer, type TestClient, type TestServer } from '../support/server.js';

const PROXIED = { TRUST_PROXY: '127.0.0.1', RATE_LIMITS: '1' };
const MACHINE = {
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
  scope: 'profile',
};
const CREDENTIALS = { grant_type: 'client_credentials' };

const from = (address: string) => ({ 'x-forwarded-for': address });
const pointsOf = (name: string) => ENDPOINT_CEILINGS.find((one) => one.name === name)?.points ?? Number.NaN;

/** Asks in this process, which counts as a request over HTTP does. */
function ask(server: TestServer, times: number, path: string, address: string, method = 'GET'): number {
  const { ofEndpoints } = server.container.limits;
  return Array.from({ length: times }, () => ofEndpoints(method, path, address)).filter((over) => !over)
    .length;
}

const createClientPage = (server: TestServer, address: string, path = '/create_client') =>
  post(server, path, {}, undefined, { ...from(address), accept: 'text/html' });

describe('the ceiling of an endpoint', () => {
  let server: TestServer;
  let client: TestClient;
  beforeAll(async () => {
    server = await startServer(PROXIED);
    client = await server.createClient(MACHINE);
  });
  afterAll(() => server.close());

  test('what is over it is 429 with Retry-After until the window ends: a page for a browser', async () => {
    const most = pointsOf('create-client');
    expect(ask(server, most - 2, '/create_client', '192.0.2.1', 'POST')).toBe(most - 2);
    expect((await createClientPage(server, '192.0.2.1')).status).not.toBe(429);
    // Another spelling is the same page.
    expect((await createClientPage(server, '192.0.2.1', '/Create_Client/')).status).not.toBe(429);
    const refused = await createClientPage(server, '192.0.2.1');
    expect(refused.status).toBe(429);
    expect(refused.body).toContain('Please wait a little');
    const wait = Number(refused.headers.get('retry-after'));
    expect(wait).toBeGreaterThan(3500);
    expect((await createClientPage(server, '192.0.2.1', '/CREATE_CLIENT')).status).toBe(429);
    expect((await createClientPage(server, '192.0.2.2')).status).not.toBe(429);
    server.clock.advance(wait);
    expect((await createClientPage(server, '192.0.2.1')).status).not.toBe(429);
  });

  test('an OAuth endpoint says it in the words of OAuth, also to the right secret', async () => {
    const token = () => post(server, '/oauth/token', CREDENTIALS, client, from('192.0.2.3'));
    expect((await token()).status).toBe(200);
    ask(server, pointsOf('token'), '/oauth/token', '192.0.2.3', 'POST');
    const refused = await token();
    expect(refused).toMatchObject({ status: 429, body: { error: 'temporarily_unavailable' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    // Each endpoint has its own; preflights ask for nothing.
    expect((await post(server, '/oauth/introspect', { token: 'x' }, client, from('192.0.2.3'))).status).toBe(
      200,
    );
    const preflight = await fetch(server.url('/oauth/token'), {
      method: 'OPTIONS',
      headers: from('192.0.2.3'),
    });
    expect(preflight.status).not.toBe(429);
  });

  test('a page of a browser client can read that it is to wait, and no other page', async () => {
    const origin = 'https://spa.example';
    await server.createClient({ token_endpoint_auth_method: 'none', redirect_uris: [`${origin}/cb`] });
    ask(server, pointsOf('token'), '/oauth/token', '192.0.2.4', 'POST');
    const refusedAt = async (page: string) => {
      const answer = await post(server, '/oauth/token', {}, undefined, {
        ...from('192.0.2.4'),
        origin: page,
      });
      const said = (name: string) => answer.headers.get(name);
      return [
        answer.status,
        said('access-control-allow-origin'),
        said('access-control-expose-headers'),
        said('vary'),
      ];
    };
    expect(await refusedAt(origin)).toEqual([429, origin, 'Retry-After', expect.stringMatching(/origin/i)]);
    expect(await refusedAt('https://evil.example')).toEqual([429, null, null, null]);
  });

  test.each([
    '/auth/refresh',
    '/auth/token',
    '/auth/login?provider=local',
    '/oauth/userinfo',
    '/oauth/device_authorization',
    '/oauth/par',
    '/oauth/introspect',
  ])('%s has one', async (path) => {
    const [plain = ''] = path.split('?');
    const method = /userinfo|login/.test(path) ? 'GET' : 'POST';
    while (ask(server, 1000, plain, '192.0.2.4', method) > 0);
    const answer = await fetch(server.url(path), { method, redirect: 'manual', headers: from('192.0.2.4') });
    expect([answer.status, Number(answer.headers.get('retry-after')) > 0]).toEqual([429, true]);
  });

  test('A127: 100,000 anonymous requests are cut to a quota; an institute signing in is not', async () => {
    const url = authorizeUrl(server, client, {
      code_challenge: newPkce().challenge,
      code_challenge_method: 'S256',
    });
    // 3,000 people sign in within ten minutes of the morning.
    for (let minute = 0; minute < 10; minute += 1) {
      expect(ask(server, 299, '/oauth/authorize', '192.0.2.5')).toBe(299);
      server.clock.advance(59);
    }
    server.clock.advance(600);
    let passed = 0;
    for (let minute = 0; minute < 60; minute += 1) {
      passed += ask(server, 1667, '/oauth/authorize', '192.0.2.6');
      server.clock.advance(60);
    }
    // An hour is how long what they leave lives.
    expect(passed).toBeGreaterThanOrEqual(6 * 3000);
    expect(passed).toBeLessThanOrEqual(7 * 3000);
    ask(server, 3000, '/oauth/authorize', '192.0.2.6');
    const refused = await fetch(url, { headers: { ...from('192.0.2.6'), accept: 'text/html' } });
    expect([refused.status, await refused.text()]).toEqual([
      429,
      expect.stringContaining('Please wait a little'),
    ]);
  });

  test('of IPv6 a whole /64 is one address', async () => {
    ask(server, pointsOf('device'), '/oauth/device_authorization', '2001:db8:0:1::1', 'POST');
    const device = (address: string) =>
      post(server, '/oauth/device_authorization', {}, client, from(address));
    expect((await device('2001:db8:0:1:ffff::2')).status).toBe(429);
    expect((await device('2001:db8:0:2::1')).status).not.toBe(429);
  });
});

test('without TRUST_PROXY nobody chooses an address; this machine itself is not counted; off is off', async () => {
  const server = await startServer({ RATE_LIMITS: '1' });
  const off = await startServer({ ...PROXIED, RATE_LIMITS: 'off' });
  const { fail } = server.container.limits.throttle({
    name: 'x',
    points: 1,
    windowSeconds: 1,
    blockSeconds: 1,
  });
  try {
    ask(server, pointsOf('create-client') + 1, '/create_client', '192.0.2.1', 'POST');
    expect((await createClientPage(server, '192.0.2.1')).status).not.toBe(429);
    expect(ask(server, 1000, '/create_client', '127.0.0.1', 'POST')).toBe(1000);
    expect(ask(off, 1000, '/create_client', '192.0.2.1', 'POST')).toBe(1000);
    expect(await fail('a')).toBe(0);
  } finally {
    await Promise.all([server.close(), off.close()]);
  }
});

describe.each(['SQLite', 'PostgreSQL'])('two processes on %s', (dialect) => {
  let folder: string;
  let servers: TestServer[] = [];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postern-limits-'));
    const DATABASE_URL = dialect === 'SQLite' ? `sqlite:${folder}/postern.sqlite` : await freshPostgres();
    const env = { ...PROXIED, DATABASE_URL, SECRET_KEY: 'one secret for both of them, long enough' };
    servers = [await startServer(env), await startServer(env)];
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.close()));
    rmSync(folder, { recursive: true, force: true });
  });
  const pair = () => servers as [TestServer, TestServer];

  test('what one counted the other one knows', async () => {
    const [one, other] = pair();
    const most = pointsOf('create-client');
    expect(ask(one, most + 5, '/create_client', '192.0.2.1', 'POST')).toBe(most);
    let passed = 0;
    while (ask(other, 1, '/create_client', '192.0.2.1', 'POST') === 1) {
      passed += 1;
      expect(passed).toBeLessThan(most / 2);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect((await createClientPage(other, '192.0.2.1')).status).toBe(429);
    expect((await createClientPage(other, '192.0.2.2')).status).not.toBe(429);
  });

  test('a client that fails to authenticate too often waits, right secret or not, at both', async () => {
    const [one, other] = pair();
    const client = await one.createClient(MACHINE);
    const neighbour = await one.createClient(MACHINE);
    const token = (server: TestServer, secret: string, address = '192.0.2.1', path = '/oauth/token') =>
      post(server, path, CREDENTIALS, { clientId: client.clientId, secret }, from(address));
    for (let guess = 0; guess < 61; guess += 1) {
      expect(await token(one, `wrong ${guess}`)).toMatchObject({
        status: 401,
        body: { error: 'invalid_client' },
      });
    }
    const refused = await token(one, client.secret);
    expect(refused).toMatchObject({ status: 429, body: { error: 'temporarily_unavailable' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(800);
    expect((await token(one, client.secret, '192.0.2.1', '/oauth/introspect')).status).toBe(429);
    // The other process learns of it by the first failure there.
    expect((await token(other, 'wrong')).status).toBe(401);
    expect((await token(other, client.secret)).status).toBe(429);
    // From elsewhere, and of others from there, it is as ever.
    expect((await token(one, client.secret, '192.0.2.2')).status).toBe(200);
    expect((await post(one, '/oauth/token', CREDENTIALS, neighbour, from('192.0.2.1'))).status).toBe(200);
    one.clock.advance(901);
    expect((await token(one, client.secret)).status).toBe(200);
  });

  test('unknown clients count for their address', async () => {
    const [one] = pair();
    const client = await one.createClient(MACHINE);
    const guess = (clientId: string): Promise<TokenAnswer> =>
      post(one, '/oauth/token', CREDENTIALS, { clientId, secret: 'x' }, from('192.0.2.9'));
    for (let at = 0; at < 601; at += 20)
      await Promise.all(Array.from({ length: 20 }, (_, n) => guess(`nobody-${at + n}`)));
    expect((await post(one, '/oauth/token', CREDENTIALS, client, from('192.0.2.9'))).status).toBe(429);
    expect((await post(one, '/oauth/token', CREDENTIALS, client, from('192.0.2.8'))).status).toBe(200);
  });

  test('requests that are as they should be write nothing', async () => {
    const [one] = pair();
    const client = await one.createClient(MACHINE);
    const table = one.container.database.sql('throttle');
    const count = async () => (await one.container.database.all(table.clone().select('key'))).length;
    const before = await count();
    for (let n = 0; n < 30; n += 1) {
      const answer = await post(one, '/oauth/token', CREDENTIALS, client, from('192.0.2.7'));
      expect(await introspect(one, client, answer.body.access_token)).toMatchObject({ active: true });
    }
    expect(await count()).toBe(before);
  });
});
