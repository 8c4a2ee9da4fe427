/** One host for dserver and Postern, by the README's snippets in a real nginx and a real Caddy (seed §1.8, §1.9). */
import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createBrowser } from '../support/browser.js';
import { getJson, postJson } from '../support/json-calls.js';
import { freePort } from '../support/free-port.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { type RunningProxy, startProxy } from '../support/start-proxy.js';
import { listenOnLoopback, stopListening } from '../support/upstreams.js';

let dserver: Server;
let server: TestServer;
let proxy: RunningProxy;
afterEach(async () => {
  await proxy?.close();
  await server?.close();
  await stopListening(dserver);
});

const bare = (address: string): string => address.replace('http://', '');

describe.each(['nginx', 'caddy'] as const)('behind %s', (kind) => {
  test('tokens, keys, sign-in and their pages come from Postern, all else from dserver', async () => {
    dserver = createServer((req, res) => {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end(JSON.stringify({ dserver: req.url, authorization: req.headers.authorization }));
    });
    const behind = await listenOnLoopback(dserver);
    const port = await freePort();
    server = await startServer({
      ISSUER: `http://localhost:${port}`,
      TRUST_PROXY: '127.0.0.1',
      DSERVER_LOCAL_ACCOUNTS: 'true',
    });
    proxy = await startProxy(kind, port, { postern: bare(server.local), dserver: bare(behind) });
    await server.createAccount();

    // What the clients of dserver ask for.
    expect((await getJson(server, '/public_key')).body).toContain('BEGIN PUBLIC KEY');
    expect((await getJson(server, '/auth/public-key')).body).toContain('BEGIN PUBLIC KEY');
    expect((await getJson(server, '/auth/info')).body.login_url).toBe(server.url('/auth/login'));
    const login = { username: 'alice', password: PASSWORD };
    for (const path of ['/token', '/auth/token']) {
      expect((await postJson(server, path, login)).body).toMatchObject({ token: expect.any(String) });
    }
    const { token } = (await postJson(server, '/token', login)).body;
    expect((await postJson(server, '/auth/verify', { token })).body).toMatchObject({ valid: true });
    expect((await postJson(server, '/auth/refresh', { token })).status).toBe(200);

    // What dserver answers itself, with the token in its header.
    const authorization = `Bearer ${token}`;
    for (const path of [
      '/',
      '/me',
      '/users/alice',
      '/uris?page=2',
      '/config/health',
      '/tokens',
      '/authors',
    ]) {
      expect((await getJson(server, path, { authorization })).body).toEqual({ dserver: path, authorization });
    }

    // A browser: sign-in with everything its page needs, the token in the fragment, the session, sign-out.
    const browser = createBrowser();
    const begun = await browser.get(server.url('/auth/login'));
    const form = await browser.follow(begun, server.issuer);
    expect(form.text).toContain('type="password"');
    for (const [, asset = ''] of form.text.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)) {
      const got = await fetch(server.url(asset.replaceAll('&amp;', '&')));
      expect([got.status, got.headers.get('content-type')]).toEqual([
        200,
        expect.stringMatching(/css|javascript|svg/),
      ]);
    }
    const signedIn = await browser.submit(form, '/login', { username: 'alice', password: PASSWORD });
    const back = await browser.get(signedIn.location ?? '');
    expect(back.location).toMatch(new RegExp(`^${server.issuer}/#token=`));
    expect((await browser.get(server.url('/auth/token'))).status).toBe(200);
    for (const path of ['/account', '/account/api-keys', '/oauth/login', '/signup', '/forgot-password']) {
      const page = await browser.follow(await browser.get(server.url(path)), server.issuer);
      expect([path, page.text.includes('{"dserver"')]).toEqual([path, false]);
    }
    expect((await getJson(server, '/.well-known/openid-configuration')).body.issuer).toBe(server.issuer);
    const out = await browser.get(server.url('/auth/logout'), { accept: 'application/json' });
    expect([out.status, out.text]).toEqual([200, '{"success":true}']);
    expect((await browser.get(server.url('/auth/token'))).status).toBe(401);
  }, 120_000);
});
