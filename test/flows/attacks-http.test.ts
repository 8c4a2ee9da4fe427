/** Attacks on the HTTP surface: names, addresses, methods, sizes. One describe per row of the attack list. */
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { createBrowser } from '../support/browser.js';
import { authorizeUrl, newPkce, post, signIn } from '../support/flow.js';
import { ENDPOINTS, type Front, openFront } from '../support/front.js';
import { type RawAnswer, sendRaw, sendWire } from '../support/raw.js';
import { PASSWORD, startServer, type TestClient, type TestServer } from '../support/server.js';

const GRANTS = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'password',
  'urn:ietf:params:oauth:grant-type:device_code',
];
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

let server: TestServer;
let front: Front;
let client: TestClient;

beforeAll(async () => {
  server = await startServer();
  front = await openFront(server);
  await server.createAccount('alice');
  client = await server.createClient({ grant_types: GRANTS });
});
afterAll(async () => {
  front.close();
  await server.close();
});

const basic = ({ clientId, secret }: TestClient) => ({
  authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
});
const wire = (path: string, headers = {}, more: { method?: string; body?: string | Buffer } = {}) =>
  sendWire(front.port, { path, ...more, headers: { host: front.host, ...headers } });
const form = (path: string, fields: Record<string, string>, headers = {}) =>
  wire(path, { ...FORM, ...headers }, { method: 'POST', body: new URLSearchParams(fields).toString() });
const livez = async () => (await wire('/livez')).status;

const POISON = {
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'https',
  'x-forwarded-port': '666',
  'x-forwarded-prefix': '/evil',
  'x-forwarded-server': 'evil.example',
  'x-forwarded-for': '6.6.6.6, evil.example',
  forwarded: 'for=6.6.6.6;host=evil.example;proto=https',
  'x-original-url': 'https://evil.example/admin',
  'x-rewrite-url': '/evil',
  'x-original-host': 'evil.example',
  'x-host': 'evil.example',
  'x-http-host-override': 'evil.example',
};

const authorizePath = () =>
  authorizeUrl(server, client, { code_challenge: newPkce().challenge, code_challenge_method: 'S256' }).slice(
    server.issuer.length,
  );

describe('A116 host poisoning', () => {
  const pages = () => [
    '/.well-known/openid-configuration',
    '/.well-known/oauth-authorization-server',
    authorizePath(),
    '/',
    '/login',
    '/signup',
    '/oauth/device',
    '/oauth/end_session',
    '/create_client',
    '/api/me',
    '/nothing/here',
  ];

  test('a foreign Host is misdirected (421), a host with user information unreadable (400); neither is named', async () => {
    for (const path of pages()) {
      for (const [host, status] of [
        ['evil.example', 421],
        ['evil.example:80', 421],
        [`${front.host}.evil.example`, 400],
        ['evil:fake@127.0.0.1', 400],
        [`evil.example@${front.host}`, 400],
        [`${front.host}@evil.example`, 400],
        [`${front.host}/evil`, 400],
        [`${front.host},evil.example`, 400],
        [`${front.host}#evil`, 400],
      ] as const) {
        for (const accept of ['text/html', 'application/json']) {
          const answer = await wire(path, { host, accept });
          expect([path, host, answer.status]).toEqual([path, host, status]);
          expect(answer.text).not.toContain('evil');
        }
      }
    }
  });

  test('forwarded headers of somebody who is no proxy change nothing', async () => {
    for (const path of pages()) {
      const [clean, poisoned] = [
        await wire(path, { accept: 'text/html' }),
        await wire(path, { accept: 'text/html', ...POISON }),
      ];
      expect([path, poisoned.status]).toEqual([path, clean.status]);
      expect(poisoned.text).not.toMatch(/evil|6\.6\.6\.6|:666/);
    }
    const { text } = await wire('/.well-known/openid-configuration', POISON);
    const document = JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4));
    for (const [name, value] of Object.entries(document)) {
      if (name === 'issuer' || name.endsWith('_endpoint') || name.endsWith('_uri')) {
        expect(String(value).startsWith(server.issuer)).toBe(true);
      }
    }
  });

  test('the addresses a device shows are the issuer’s', async () => {
    const answer = await form(
      '/oauth/device_authorization',
      { client_id: client.clientId, scope: 'openid' },
      { ...POISON, ...basic(client) },
    );
    expect(answer.status).toBe(200);
    expect(answer.text).toContain(`"verification_uri":"${server.issuer}/oauth/device"`);
    expect(answer.text).not.toContain('evil');
    for (const host of ['evil.example', 'evil:fake@127.0.0.1']) {
      const foreign = await form(
        '/oauth/device_authorization',
        { client_id: client.clientId },
        { host, ...basic(client) },
      );
      expect([400, 421]).toContain(foreign.status);
      expect(foreign.text).not.toContain('evil');
    }
  });

  test('an absolute request target goes before the Host header and is held to the same names', async () => {
    for (const path of ['/.well-known/openid-configuration', '/login', authorizePath()]) {
      for (const target of [
        `http://evil.example${path}`,
        `HTTPS://evil.example${path}`,
        `http://evil@${front.host}${path}`,
        `ftp://evil.example${path}`,
        `evil://evil${path}`,
      ]) {
        const answer = await sendRaw(
          front.port,
          `GET ${target} HTTP/1.1\r\nHost: ${front.host}\r\nAccept: text/html\r\n\r\n`,
        );
        expect([target, [400, 421].includes(answer.status)]).toEqual([target, true]);
        expect(answer.text).not.toContain('evil');
      }
      const fine = await sendRaw(
        front.port,
        `GET http://${front.host}${path} HTTP/1.1\r\nHost: ${front.host}\r\n\r\n`,
      );
      expect([200, 303]).toContain(fine.status);
    }
  });

  test('two Host headers, or none, are refused', async () => {
    for (const head of [
      `Host: ${front.host}\r\nHost: evil.example`,
      `Host: evil.example\r\nHost: ${front.host}`,
      'X: y',
      'Host: ',
      'Host: \xff',
    ]) {
      const answer = await sendRaw(
        front.port,
        Buffer.from(`GET /login HTTP/1.1\r\n${head}\r\n\r\n`, 'latin1'),
      );
      expect([400, 421]).toContain(answer.status);
      expect(answer.text).not.toContain('evil');
    }
  });

  test('another loopback name leads to the issuer, whatever the path looks like', async () => {
    const port = new URL(server.issuer).port;
    for (const path of [
      '/login',
      '//evil.example/login',
      '/\\evil.example',
      '/@evil.example',
      '/.evil.example',
    ]) {
      const answer = await wire(path, { host: `127.0.0.1:${port}`, accept: 'text/html' });
      const [, location = `${server.issuer}/`] = /^location: (.*)\r$/im.exec(answer.text) ?? [];
      expect(new URL(location, server.issuer).origin).toBe(server.issuer);
    }
    for (const path of ['/auth/check', '/auth/authorize', '/auth/resolve?username=a']) {
      const answer = await wire(path, { host: `127.0.0.1:${port}`, accept: '*/*' });
      expect(`${path} ${answer.status}`).not.toMatch(/ 30\d$/);
    }
    // A login begins there, with a cookie.
    const begun = await wire('/api/oauth/login/other/', { host: `127.0.0.1:${port}`, accept: 'text/html' });
    expect(begun.text).toContain(`${server.issuer}/api/oauth/login/other/`);
    expect((await wire('/login', { host: `127.0.0.1:${port}`, accept: 'text/html' })).text).toContain(
      `${server.issuer}/login`,
    );
  });

  test('behind a named proxy the forwarded host is held to the accepted names', async () => {
    const proxied = await startServer({ TRUST_PROXY: '127.0.0.1' });
    const behind = await openFront(proxied);
    try {
      const ask = (headers: object) =>
        sendWire(behind.port, {
          path: '/.well-known/openid-configuration',
          headers: { host: behind.host, ...headers },
        });
      const foreign = await ask({ 'x-forwarded-host': 'evil.example' });
      expect(foreign.status).toBe(421);
      expect(foreign.text).not.toContain('evil');
      const poisoned = await ask({ ...POISON, 'x-forwarded-host': behind.host });
      expect(poisoned.status).toBe(200);
      expect(poisoned.text).not.toMatch(/evil|:666/);
    } finally {
      behind.close();
      await proxied.close();
    }
  });
});

/** A listener that counts who comes. */
async function listener(answer?: RequestListener) {
  const seen = { connections: 0 };
  const target: Server = answer ? createHttpServer(answer) : createTcpServer((socket) => socket.destroy());
  target.on('connection', (socket) => {
    seen.connections += 1;
    // A test that fails before it closes this must not keep jest from ending.
    socket.unref();
  });
  target.unref();
  await new Promise<void>((resolve) => target.listen(0, resolve));
  return {
    seen,
    port: (target.address() as AddressInfo).port,
    close: () => new Promise((resolve) => target.close(resolve)),
  };
}

describe('A117 requests made for others (SSRF)', () => {
  let keys: Awaited<ReturnType<typeof generateKeyPair>>;
  beforeAll(async () => {
    keys = await generateKeyPair('ES256');
  });

  const keyed = (jwksUri: string) => ({
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    scope: undefined,
    token_endpoint_auth_method: 'private_key_jwt',
    jwks_uri: jwksUri,
  });

  const assertion = (issuer: string, clientId: string) =>
    new SignJWT({ iss: clientId, sub: clientId, aud: issuer, jti: crypto.randomUUID() })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(keys.privateKey);

  async function askToken(at: Front, issuer: string, clientId: string): Promise<RawAnswer> {
    const fields = {
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await assertion(issuer, clientId),
    };
    const body = new URLSearchParams(fields).toString();
    return sendWire(at.port, {
      method: 'POST',
      path: '/oauth/token',
      headers: { ...FORM, host: at.host },
      body,
    });
  }

  const keySet = async () =>
    JSON.stringify({ keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }] });

  test('with a loopback issuer the keys of a private_key_jwt client are fetched from loopback', async () => {
    const body = await keySet();
    const paths: string[] = [];
    const own = await listener((req, res) => {
      paths.push(`${req.method} ${req.url} ${req.headers.cookie}`);
      res.end(body);
    });
    const { clientId } = await server.createClient(keyed(`http://127.0.0.1:${own.port}/keys`));
    expect((await askToken(front, server.issuer, clientId)).status).toBe(200);
    expect(paths).toEqual(['GET /keys undefined']);
    await own.close();
  });

  test.each([
    ['a redirect to loopback', 302, ''],
    ['a huge key set', 200, `{"keys":[],"x":"${'a'.repeat(200_000)}"}`],
    ['no JSON', 200, '<html>'],
    ['an error', 500, '{"keys":[]}'],
  ])('%s in place of the keys is not taken', async (_name, status, body) => {
    const inside = await listener((_req, res) => res.end('{"keys":[]}'));
    const own = await listener((_req, res) => {
      res.writeHead(status, { location: `http://127.0.0.1:${inside.port}/` });
      res.end(body);
    });
    const { clientId } = await server.createClient(keyed(`http://127.0.0.1:${own.port}/keys`));
    const answer = await askToken(front, server.issuer, clientId);
    expect([400, 401]).toContain(answer.status);
    expect(answer.text).not.toMatch(/127\.0\.0\.1|ECONN|FetchFault|SyntaxError/);
    expect([own.seen.connections, inside.seen.connections]).toEqual([1, 0]);
    await Promise.all([own.close(), inside.close()]);
  });

  test('an issuer on the internet connects to no inner address, however it is spelt', async () => {
    const strict = await startServer({
      ISSUER: 'https://id.example',
      SECRET_KEY: 'attack-test-secret-0123456789-abcdefghijkl',
    });
    const door = await openFront(strict);
    const target = await listener();
    try {
      for (const host of [
        '127.0.0.1',
        'localhost',
        '[::ffff:127.0.0.1]',
        '2130706433',
        '0.0.0.0',
        '0x7f.1',
        '[::1]',
        '169.254.169.254',
        '[64:ff9b::7f00:1]',
      ]) {
        const { clientId } = await strict.createClient(keyed(`https://${host}:${target.port}/keys`));
        const answer = await askToken(door, strict.issuer, clientId);
        expect([host, [400, 401].includes(answer.status)]).toEqual([host, true]);
        expect(answer.milliseconds).toBeLessThan(5000);
      }
      await expect(strict.createClient(keyed(`http://127.0.0.1:${target.port}/keys`))).rejects.toMatchObject({
        code: 'invalid_input',
      });
      expect(target.seen.connections).toBe(0);
    } finally {
      await target.close();
      door.close();
      await strict.close();
    }
  });

  test('UPSTREAM_ALLOW_PRIVATE opens what it names', async () => {
    const open = await startServer({
      ISSUER: 'https://id.example',
      SECRET_KEY: 'attack-test-secret-0123456789-abcdefghijkl',
      UPSTREAM_ALLOW_PRIVATE: '127.0.0.1/32',
    });
    const door = await openFront(open);
    const target = await listener();
    const { clientId } = await open.createClient(keyed(`https://127.0.0.1:${target.port}/keys`));
    await askToken(door, open.issuer, clientId);
    expect(target.seen.connections).toBe(1);
    await target.close();
    door.close();
    await open.close();
  });

  test('no other address in metadata or in a request is ever visited', async () => {
    // The addresses here have guessed at the passwords of the other one.
    const untouched = await startServer();
    await untouched.createAccount('alice');
    const target = await listener();
    const here = `http://127.0.0.1:${target.port}/x`;
    const shown = await untouched.createClient({
      logo_uri: here,
      client_uri: here,
      policy_uri: here,
      tos_uri: here,
      sector_identifier_uri: here,
      backchannel_logout_uri: here,
      request_uris: [here],
      initiate_login_uri: here,
    });
    const browser = createBrowser();
    await signIn(untouched, browser);
    const params = { code_challenge: newPkce().challenge, code_challenge_method: 'S256' };
    const consent = await browser.follow(
      await browser.get(authorizeUrl(untouched, shown, params)),
      untouched.issuer,
    );
    expect(consent.text).toContain('Test application');
    const byReference = await browser.get(authorizeUrl(untouched, shown, { ...params, request_uri: here }));
    expect(byReference.location ?? byReference.text).toMatch(/request_uri|error/);
    await post(untouched, '/oauth/par', { request_uri: here, client_id: shown.clientId }, shown);
    await browser.get(
      untouched.url(`/oauth/end_session?post_logout_redirect_uri=${encodeURIComponent(here)}`),
    );
    expect(target.seen.connections).toBe(0);
    await target.close();
    await untouched.close();
  });
});

describe('A120 SQL injection', () => {
  const PAYLOADS = [
    "' OR 1=1 --",
    "'; DROP TABLE accounts; --",
    "alice'--",
    "alice' /*",
    '" OR ""="',
    "x' UNION SELECT password_hash FROM accounts --",
    '%',
    '_____',
    "\\'; --",
    '$1',
    '?',
    ':id',
    'alice\u0000',
  ];

  async function tables(): Promise<Record<string, number>> {
    const { database } = server.container;
    const names = await database.all<{ name: string }>(
      database.sql('sqlite_master').select('name').where({ type: 'table' }),
    );
    const counts: Record<string, number> = {};
    for (const { name } of names) {
      const row = await database.first<{ n: number }>(database.sql(name).count({ n: '*' }));
      counts[name] = Number(row?.n);
    }
    return counts;
  }

  test('names, ids, scopes, codes, tokens, cookies and key ids are text: no match, tables intact', async () => {
    const before = await tables();
    const hashes = await server.container.accounts.findByUsernameKey('alice');
    for (const text of PAYLOADS) {
      const token = (fields: Record<string, string>, as: TestClient | undefined = client) =>
        form('/oauth/token', fields, as ? basic(as) : {});
      const odd = { ...client, clientId: encodeURIComponent(text) };
      const jwt = [{ alg: 'ES256', kid: text }, { iss: text, sub: text, aud: server.issuer, jti: text }, 'x']
        .map((part) =>
          Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url'),
        )
        .join('.');
      const uri = encodeURIComponent(text);
      const answers = await Promise.all([
        token({ grant_type: 'password', username: text, password: PASSWORD, scope: 'profile' }),
        token({ grant_type: 'password', username: 'alice', password: text, scope: text }),
        token({ grant_type: text }),
        token({ grant_type: 'authorization_code', code: text, redirect_uri: text, code_verifier: text }),
        token({ grant_type: 'refresh_token', refresh_token: text, scope: text }),
        token({ grant_type: 'client_credentials', scope: text, resource: `urn:${text}` }),
        token({ grant_type: 'client_credentials' }, odd),
        token({ grant_type: 'client_credentials', client_id: text, client_secret: text }, undefined),
        token(
          {
            grant_type: 'client_credentials',
            client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
            client_assertion: jwt,
          },
          undefined,
        ),
        token({ grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: text }),
        form('/oauth/revoke', { token: text, token_type_hint: text }, basic(client)),
        form('/oauth/introspect', { token: text, token_type_hint: text }, basic(client)),
        form('/oauth/par', { client_id: client.clientId, scope: text, redirect_uri: text }, basic(client)),
        form('/oauth/device', { user_code: text, xsrf: text }),
        form('/login', { username: text, password: text }),
        form('/signup', { username: text, password: text, email: text, invite: text }),
        form('/forgot-password', { identifier: text }),
        form('/reset-password', { token: text, new_password: text }),
        form('/verify-email', { token: text }),
        wire(`/reset-password?token=${uri}`),
        wire(`/signup?invite=${uri}`),
        wire(
          `/oauth/authorize?client_id=${uri}&scope=${uri}&response_type=code&request_uri=${uri}&id_token_hint=${jwt}`,
        ),
        wire(`/clients/${uri}`),
        wire(`/interaction/${uri}`),
        wire(`/oauth/device?user_code=${uri}`),
        wire(`/oauth/end_session?client_id=${uri}&id_token_hint=${uri}&logout_hint=${uri}`),
        wire('/account', { cookie: `postern_session=${uri}; postern_session.sig=${uri}` }),
        wire('/api/me', { authorization: `Bearer ${uri}` }),
        wire('/oauth/userinfo', { authorization: `Bearer ${uri}`, dpop: jwt }),
      ]);
      for (const [at, answer] of answers.entries()) {
        expect([text, at, answer.status < 500 && answer.status >= 200]).toEqual([text, at, true]);
        expect(answer.text).not.toMatch(/"access_token"|"active":true|SQLITE|syntax error|near "/);
      }
    }
    await expect(server.createAccount("'; DROP TABLE accounts; --")).rejects.toMatchObject({
      code: 'invalid_input',
    });
    const after = await tables();
    expect(Object.keys(after)).toEqual(Object.keys(before));
    for (const name of [
      'accounts',
      'clients',
      'client_secrets',
      'account_roles',
      'roles',
      'resources',
      'consents',
    ]) {
      expect([name, after[name]]).toEqual([name, before[name]]);
    }
    expect(await server.container.accounts.findByUsernameKey('alice')).toEqual(hashes);
  });

  test('what may be stored is stored as it was written', async () => {
    const name = "Robert'); DROP TABLE clients; --";
    const made = await server.createClient({ client_name: name });
    expect((await server.container.clients.find(made.clientId))?.metadata.client_name).toBe(name);
    const account = await server.createAccount('bobby', { displayName: name });
    expect((await server.container.accounts.findById(account.id))?.displayName).toBe(name);
  });
});

describe('A121 huge bodies, huge headers, backtracking', () => {
  const POSTS = [
    '/oauth/token',
    '/oauth/revoke',
    '/oauth/introspect',
    '/oauth/par',
    '/oauth/device_authorization',
    '/oauth/device',
    '/oauth/authorize',
    '/oauth/end_session',
    '/oauth/userinfo',
    '/',
    '/login',
    '/signup',
    '/forgot-password',
    '/reset-password',
    '/verify-email',
    '/logout',
    '/create_client',
    '/interaction/abc/login',
  ];

  /** Who is not signed in is sent to the sign-in page, whatever they sent. */
  const isRefusal = (path: string, { status }: RawAnswer) =>
    path === '/create_client' ? status === 303 : status >= 400 && status < 500;

  test.each(['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/json'])(
    '10 MB of %s are refused at every endpoint within two seconds',
    async (type) => {
      const body = Buffer.alloc(10_000_000, 'a=b&');
      for (const path of POSTS) {
        const answer = await wire(path, { 'content-type': type, ...basic(client) }, { method: 'POST', body });
        expect([path, answer.status, answer.milliseconds < 2000]).toEqual([path, expect.any(Number), true]);
        expect([path, isRefusal(path, answer)]).toEqual([path, true]);
      }
      expect(await livez()).toBe(200);
    },
  );

  test('10 MB without a length are refused too', async () => {
    const chunk = `10000\r\n${'a'.repeat(65_536)}\r\n`;
    const head = (path: string) =>
      `POST ${path} HTTP/1.1\r\nHost: ${front.host}\r\nContent-Type: application/x-www-form-urlencoded\r\nAuthorization: ${basic(client).authorization}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    for (const path of POSTS) {
      const answer = await sendRaw(front.port, `${head(path)}${chunk.repeat(160)}0\r\n\r\n`);
      expect([path, isRefusal(path, answer), answer.milliseconds < 2000]).toEqual([path, true, true]);
    }
    expect(await livez()).toBe(200);
  });

  test('200 kB of headers or address are answered 431', async () => {
    for (const path of ENDPOINTS) {
      const long = await sendRaw(
        front.port,
        `GET ${path} HTTP/1.1\r\nHost: ${front.host}\r\nX-Long: ${'a'.repeat(200_000)}\r\n\r\n`,
      );
      const many = await sendRaw(
        front.port,
        `GET ${path} HTTP/1.1\r\nHost: ${front.host}\r\n${'X-Many: abcdefgh\r\n'.repeat(12_000)}\r\n`,
      );
      const address = await sendRaw(
        front.port,
        `GET ${path}?${'a'.repeat(200_000)} HTTP/1.1\r\nHost: ${front.host}\r\n\r\n`,
      );
      expect([path, long.status, many.status, address.status]).toEqual([path, 431, 431, 431]);
    }
    expect(await livez()).toBe(200);
  });

  const LONG = 12_000;
  const spaces = ' '.repeat(LONG);
  const HEADERS: readonly (readonly [string, string])[] = [
    ['x-forwarded-proto', `https${spaces}x`],
    ['x-forwarded-proto', `${spaces},${spaces}`.slice(0, LONG)],
    ['x-forwarded-for', `1.1.1.1${spaces}x`],
    ['x-forwarded-for', '1.1.1.1,'.repeat(LONG / 8)],
    ['x-forwarded-host', `localhost${spaces}x`],
    ['forwarded', `for=${';'.repeat(LONG)}`],
    ['host', `${'a.'.repeat(LONG / 2)}!`],
    ['host', `${'a'.repeat(LONG)}:`],
    ['accept', ','.repeat(LONG)],
    ['accept', `text/html${';q=1'.repeat(LONG / 4)}`],
    ['accept-language', `${'a-'.repeat(LONG / 2)}!`],
    ['content-type', `multipart/form-data; boundary=${spaces}x`],
    ['content-type', `application/x-www-form-urlencoded${';a=b'.repeat(LONG / 4)}`],
    ['cookie', ';'.repeat(LONG)],
    ['cookie', `a=${'"'.repeat(LONG)}`],
    ['authorization', `Basic${spaces}x`],
    ['authorization', `Bearer ${'a.'.repeat(LONG / 2)}`],
    ['authorization', `Basic ${'='.repeat(LONG)}`],
    ['origin', `https://${'a.'.repeat(LONG / 2)}`],
    ['referer', `https://${'@'.repeat(LONG)}`],
    ['dpop', '.'.repeat(LONG)],
    ['user-agent', `${'('.repeat(LONG)}`],
  ];

  test('12,000 spaces and their like in any header keep nobody waiting, with or without a proxy', async () => {
    const proxied = await startServer({ TRUST_PROXY: '127.0.0.1' });
    const behind = await openFront(proxied);
    for (const at of [front, behind]) {
      for (const [name, value] of HEADERS) {
        for (const [method, path] of [
          ['GET', '/login'],
          ['POST', '/login'],
          ['POST', '/oauth/token'],
          ['GET', '/oauth/userinfo'],
          ['GET', '/.well-known/openid-configuration'],
        ] as const) {
          const headers = { host: at.host, ...(method === 'POST' ? FORM : {}), [name]: value };
          const answer = await sendWire(at.port, {
            method,
            path,
            headers,
            body: method === 'POST' ? 'a=b' : undefined,
          });
          expect([name, method, path, answer.status >= 200 && answer.status < 500]).toEqual([
            name,
            method,
            path,
            true,
          ]);
          expect([name, path, answer.milliseconds < 2000]).toEqual([name, path, true]);
        }
      }
      expect((await sendWire(at.port, { path: '/livez', headers: { host: at.host } })).status).toBe(200);
    }
    behind.close();
    await proxied.close();
  });

  test('a long scope, claims, redirect URI or user name keeps nobody waiting', async () => {
    const texts = [
      'a '.repeat(6000),
      'openid '.repeat(1700),
      ' '.repeat(LONG),
      `${'a'.repeat(LONG)}!`,
      '{'.repeat(LONG),
      `https://${'a.'.repeat(5900)}`,
      '%'.repeat(4000),
    ];
    for (const text of texts) {
      const uri = encodeURIComponent(text).slice(0, 13_000);
      for (const name of [
        'scope',
        'claims',
        'redirect_uri',
        'state',
        'id_token_hint',
        'resource',
        'ui_locales',
        'prompt',
      ]) {
        const answer = await wire(
          `/oauth/authorize?client_id=${client.clientId}&response_type=code&${name}=${uri}`,
          { accept: 'text/html' },
        );
        expect([name, answer.status >= 200 && answer.status < 500, answer.milliseconds < 2000]).toEqual([
          name,
          true,
          true,
        ]);
      }
      for (const name of [
        'scope',
        'username',
        'password',
        'code_verifier',
        'refresh_token',
        'client_assertion',
      ]) {
        const answer = await form(
          '/oauth/token',
          { grant_type: 'password', username: 'alice', password: 'x', [name]: text.repeat(4) },
          basic(client),
        );
        expect([name, answer.status >= 400 && answer.status < 500, answer.milliseconds < 2000]).toEqual([
          name,
          true,
          true,
        ]);
      }
      for (const name of ['username', 'next']) {
        const answer = await form('/login', { username: 'x', password: 'x', [name]: text.repeat(4) });
        expect([name, answer.status >= 200 && answer.status < 500, answer.milliseconds < 2000]).toEqual([
          name,
          true,
          true,
        ]);
      }
    }
    expect(await livez()).toBe(200);
  });
});

describe('A123 CORS', () => {
  test('no endpoint lets a foreign origin in with credentials, the authorization endpoint none at all', async () => {
    const { host, port } = new URL(server.issuer);
    for (const path of ENDPOINTS) {
      for (const origin of [
        'https://evil.example',
        'null',
        `http://${host}.evil.example`,
        `http://localhost.evil.example:${port}`,
        'https://app.example.evil.example',
      ]) {
        const preflight = {
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization',
        };
        for (const answer of [
          await wire(path, { origin }),
          await form(path, { client_id: client.clientId }, { origin }),
          await wire(path, { origin, ...preflight }, { method: 'OPTIONS' }),
        ]) {
          expect([path, /^access-control-allow-credentials/im.test(answer.text)]).toEqual([path, false]);
          if (path.startsWith('/oauth/authorize'))
            expect(answer.text).not.toMatch(/^access-control-allow-/im);
        }
      }
    }
  });
});

describe('methods', () => {
  test.each([
    ['GET', '/auth/refresh', 'POST'],
    ['GET', '/token', 'POST'],
    ['PUT', '/auth/verify', 'POST'],
    ['DELETE', '/create_client', 'GET'],
    ['POST', '/api/me', 'GET'],
    ['PATCH', '/account', 'GET'],
  ])('%s %s is 405 and says what there is', async (method, path, allowed) => {
    const answer = await wire(path, { accept: 'application/json' }, { method });
    expect(answer.status).toBe(405);
    expect(/^allow: (.*)\r$/im.exec(answer.text)?.[1]?.split(', ')).toContain(allowed);
    expect(answer.text).toContain('method_not_allowed');
  });

  test('an address that nothing stands at stays 404 for every method', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PROPFIND']) {
      expect((await wire('/nothing-here', {}, { method })).status).toBe(404);
    }
  });

  test.each([
    '/oauth/token',
    '/oauth/revoke',
    '/oauth/introspect',
    '/oauth/par',
    '/oauth/device_authorization',
  ])('%s takes POST only and says so', async (path) => {
    for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
      const answer = await wire(`${path}?grant_type=client_credentials`, basic(client), { method });
      expect([method, answer.status]).toEqual([method, 405]);
      expect(answer.text).toMatch(/^allow: POST\r$/im);
      if (method !== 'HEAD') expect(answer.text).toContain('"error":"method_not_allowed"');
    }
    const preflight = await wire(
      path,
      { origin: 'https://app.example', 'access-control-request-method': 'POST' },
      { method: 'OPTIONS' },
    );
    expect([200, 204]).toContain(preflight.status);
  });

  test('HEAD answers as GET does, without a body', async () => {
    for (const path of [
      '/',
      '/login',
      '/.well-known/openid-configuration',
      '/oauth/jwks.json',
      '/livez',
      '/assets/style.css',
      '/nothing/here',
    ]) {
      const [got, head] = [await wire(path), await wire(path, {}, { method: 'HEAD' })];
      expect([path, head.status]).toEqual([path, got.status]);
      expect(head.text.endsWith('\r\n\r\n')).toBe(true);
    }
  });

  test('library-notes 19: below the device page there is nothing, and never a 500', async () => {
    const cookies = [
      '',
      'postern_resume=abc; postern_resume.sig=abc',
      'postern_session=abc; postern_session.sig=abc; postern_resume=x',
    ];
    for (const path of [
      'abc',
      'auth',
      '../device',
      '%20',
      'a'.repeat(500),
      'abc/def',
      '',
      '?user_code=x',
      'abc?user_code=x',
    ]) {
      for (const cookie of cookies) {
        for (const method of ['GET', 'HEAD', 'POST', 'PUT']) {
          const answer = await wire(`/oauth/device/${path}`, cookie ? { cookie } : {}, { method });
          expect([path, method, answer.status >= 200 && answer.status < 500]).toEqual([path, method, true]);
        }
      }
    }
    expect((await wire('/oauth/device/abc')).status).toBe(404);
  });

  test('a code posted by a browser without a session gets a form that works', async () => {
    const browser = createBrowser();
    const page = await browser.post(server.url('/oauth/device'), { user_code: 'ABCD-EFGH' });
    expect(page.status).toBe(403);
    const again = await browser.submit(page, '/oauth/device', { user_code: 'ABCD-EFGH' });
    expect(again.status).toBe(400);
    expect(again.text).toMatch(/code/i);
    expect(server.logs.filter((line) => line.includes('a request failed'))).toEqual([]);
  });
});
