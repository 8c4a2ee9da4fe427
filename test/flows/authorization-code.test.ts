import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createBrowser } from '../support/browser.js';
import {
  answerOf,
  authorizeUrl,
  getCode,
  getWith,
  introspect,
  redeem,
  refresh,
  walk,
} from '../support/flow.js';
import { startServer, type TestClient, type TestServer } from '../support/server.js';

let server: TestServer;
let client: TestClient;

beforeAll(async () => {
  server = await startServer();
  await server.createAccount('alice', { email: 'alice@example.org', emailVerified: true });
  client = await server.createClient();
});
afterAll(() => server.close());

describe('authorization code grant (RFC 6749 §4.1)', () => {
  test('a code gives tokens once; its second use is refused and ends what the first got', async () => {
    const grant = await getCode(server, client);
    const first = await redeem(server, client, grant);
    expect(first.status).toBe(200);
    expect(first.headers.get('cache-control')).toBe('no-store');
    expect(first.body).toMatchObject({ token_type: 'Bearer', scope: 'openid profile', expires_in: 3600 });
    expect((await getWith(server, '/oauth/userinfo', first.body.access_token)).status).toBe(200);
    const second = await redeem(server, client, grant);
    expect(second).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect((await getWith(server, '/oauth/userinfo', first.body.access_token)).status).toBe(401);
    expect(await introspect(server, client, first.body.access_token)).toEqual({ active: false });
    expect(await refresh(server, client, first.body.refresh_token)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    });
  });

  test('Deny goes back to the client with access_denied and its state', async () => {
    const browser = createBrowser();
    await server.createAccount('bob');
    const start = await browser.get(authorizeUrl(server, client));
    const login = await browser.follow(start, server.issuer);
    const signedIn = await browser.submit(login, '/login', {
      username: 'bob',
      password: 'correct horse battery staple',
    });
    const consent = await browser.follow(signedIn, server.issuer);
    expect(consent.text).toContain('Test application');
    const denied = await browser.follow(
      await browser.submit(consent, '/consent', { decision: 'deny' }),
      server.issuer,
    );
    const answer = answerOf(denied);
    expect(answer.get('error')).toBe('access_denied');
    expect(answer.get('state')).toBe('the-state');
    expect(answer.get('iss')).toBe(server.issuer);
  });

  test('consent is remembered for the account, asked again for more scope', async () => {
    const browser = createBrowser();
    await getCode(server, client, {}, { browser });
    const again = await browser.follow(await browser.get(authorizeUrl(server, client)), server.issuer);
    expect(answerOf(again).get('code')).toBeTruthy();
    const wider = await browser.follow(
      await browser.get(authorizeUrl(server, client, { scope: 'openid profile email' })),
      server.issuer,
    );
    expect(wider.status).toBe(200);
    expect(wider.text).toContain('e-mail');
    const done = await walk(server, browser, wider);
    expect(answerOf(done).get('code')).toBeTruthy();
  });
});
