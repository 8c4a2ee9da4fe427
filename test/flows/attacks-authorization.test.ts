/** Rows of the attack table (`attacks-and-faults.md` §2.1) at the authorization endpoint. */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { exportJWK, SignJWT } from 'jose';
import { type Browser, createBrowser, type Page } from '../support/browser.js';
import { answerOf, authorizeUrl, getCode, newPkce, redeem, signIn, walk } from '../support/flow.js';
import { anyAnswerOf } from '../support/relying-party.js';
import { PASSWORD, REDIRECT_URI, startServer, type TestClient, type TestServer } from '../support/server.js';
import { later, realTime } from '../support/time.js';

let server: TestServer;
let client: TestClient;
let browserClient: TestClient;
let native: TestClient;
/** Signed in as alice, everything agreed to. */
let alice: Browser;

beforeAll(async () => {
  server = await startServer({ LEGACY_FLOWS: 'none' });
  await server.createAccount('alice');
  client = await server.createClient();
  browserClient = await server.createClient({
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'implicit'],
    response_types: ['code', 'id_token', 'code id_token'],
  });
  native = await server.createClient({
    token_endpoint_auth_method: 'none',
    redirect_uris: ['http://127.0.0.1/cb', 'http://localhost/cb', 'http://[::1]/cb', 'com.example.app:/cb'],
  });
  alice = createBrowser();
  await getCode(server, client, {}, { browser: alice });
});
afterEach(realTime);
afterAll(() => server.close());

const PKCE = { code_challenge: newPkce().challenge, code_challenge_method: 'S256' };

const ask = (
  params: Record<string, string | undefined> = {},
  browser: Browser = alice,
  of: TestClient = client,
): Promise<Page> => browser.get(authorizeUrl(server, of, { ...PKCE, ...params }));

/** "No redirect": an error page with 4xx and no `Location`. */
function expectErrorPage(page: Page, status = 400): void {
  expect(page).toMatchObject({ status, location: undefined });
  expect(page.headers.get('content-type')).toMatch(/^text\/html/);
  expect(page.headers.get('cache-control')).toContain('no-store');
  expect(page.text).toContain('Reference');
  expect(page.text).not.toMatch(/\bat .*\.(js|ts):\d+/);
  expect(page.text).not.toMatch(/(href|action|src|content)="[^"]*evil/i);
}

/** An error that went to the registered redirect URI, without a token beside it. */
function refusal(page: Page): string | null {
  expect(page.location?.startsWith(REDIRECT_URI)).toBe(true);
  const answer = answerOf(page);
  expect(answer.get('iss')).toBe(server.issuer);
  expect(answer.get('state')).toBe('the-state');
  expect(page.location).not.toMatch(/access_token=|id_token=|[?#&]code=/);
  return answer.get('error');
}

describe('redirect URIs are compared exactly', () => {
  const CB = REDIRECT_URI;
  const cases: [string, string][] = [
    ['A01 unregistered', 'http://evil.example/'],
    ['A01 unregistered, without a scheme', '//evil.example/'],
    ['A01 a relative one', '/cb'],
    ['A01 http instead of https', 'http://app.example/cb'],
    ['A01 the host in another case', 'https://APP.example/cb'],
    ['A01 the path in another case', 'https://app.example/CB'],
    ['A01 a port spelt out', 'https://app.example:443/cb'],
    ['A01 another port', 'https://app.example:8443/cb'],
    ['A02 user information', 'https://app.example:80@evil.example/cb'],
    ['A02 a backslash', 'https://evil.example\\@app.example/cb'],
    ['A02 a backslash the other way', 'https://app.example\\@evil.example/cb'],
    ['A02 a fragment', 'https://evil.example#@app.example/cb'],
    ['A02 an encoded fragment', 'https://evil.example%23@app.example/cb'],
    ['A02 a fragment behind', `${CB}#fragment`],
    ['A02 an empty fragment', `${CB}#`],
    ['A03 a traversal', `${CB}/../evil`],
    ['A03 an encoded slash', `${CB}/..%2fevil`],
    ['A03 encoded dots', `${CB}/%2e%2e/evil`],
    ['A03 encoded all over', `${CB}%2f..%2fevil`],
    ['A03 encoded twice', `${CB}%252f..%252fevil`],
    ['A03 dots that lead back to it', 'https://app.example/x/../cb'],
    ['A06 a dot as any character', 'https://appXexample/cb'],
    ['A07 a path below', `${CB}/extra`],
    ['A07 a slash behind', `${CB}/`],
    ['A07 a query added', `${CB}?x=1`],
    ['A07 an empty query', `${CB}?`],
    ['A07 a longer host', 'https://app.example.evil.example/cb'],
    ['A07 a longer path', `${CB}.evil.example`],
    ['A07 a space before', ` ${CB}`],
    ['A07 a space behind', `${CB} `],
    ['A07 a line end', `${CB}\r\n`],
    ['A08 javascript:', 'javascript:alert(document.domain)//evil'],
    ['A08 data:', 'data:text/html,<script>evil()</script>'],
    ['A08 vbscript:', 'vbscript:evil'],
    ['A08 file:', 'file:///etc/passwd'],
    ['A08 a custom scheme of nobody', 'com.evil.app:/cb'],
  ];
  test.each(cases)('%s: no redirect, signed in or not, valid request or not', async (_name, redirect_uri) => {
    expectErrorPage(await ask({ redirect_uri }));
    expectErrorPage(await ask({ redirect_uri, prompt: 'none' }, createBrowser()));
    expectErrorPage(await ask({ redirect_uri, response_type: 'nonsense' }));
    expectErrorPage(await ask({ redirect_uri, response_mode: 'form_post', prompt: 'none' }));
    expectErrorPage(await ask({ redirect_uri, request: 'x.y.z' }));
  });

  test('oidcc-ensure-redirect-uri-in-authorization-request: none at all is an error page', async () => {
    expectErrorPage(await ask({ redirect_uri: undefined }));
    expectErrorPage(await ask({ redirect_uri: '' }));
  });

  test.each([
    'javascript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'https://*.example/cb',
    'https://app.example/cb#x',
    'https://app.example@evil.example/',
  ])('A08 %s cannot be registered either (oidcc-redirect-uri-regfrag)', async (uri) => {
    await expect(server.createClient({ redirect_uris: [uri] })).rejects.toMatchObject({
      faults: [{ field: 'redirect_uris', message: expect.any(String) }],
    });
  });

  test('oidcc-redirect-uri-query-OK, -mismatch, -added: a registered query is part of the comparison', async () => {
    const uri = 'https://app.example/cb?tenant=1';
    const withQuery = await server.createClient({ redirect_uris: [uri] });
    for (const redirect_uri of [
      'https://app.example/cb',
      'https://app.example/cb?tenant=2',
      `${uri}&more=1`,
    ]) {
      expectErrorPage(await ask({ redirect_uri }, alice, withQuery));
    }
    const page = await walk(server, alice, await ask({ redirect_uri: uri }, alice, withQuery));
    const answer = new URL(String(page.location)).searchParams;
    expect(answer.get('tenant')).toBe('1');
    expect(answer.get('code')).toBeTruthy();
  });

  test.each([
    ['http://127.0.0.1:51004/cb', true],
    ['http://[::1]:51004/cb', true],
    ['http://localhost:51004/cb', true],
    ['http://127.0.0.1/cb', true],
    ['com.example.app:/cb', true],
    ['http://127.0.0.1:51004/cb/', false],
    ['http://127.0.0.1:51004/other', false],
    ['http://127.0.0.1:51004/cb?x=1', false],
    ['https://127.0.0.1:51004/cb', false],
    ['http://127.0.0.2:51004/cb', false],
    ['http://0.0.0.0:51004/cb', false],
    ['http://127.1:51004/cb', false],
    ['http://127.0.0.1.evil.example:51004/cb', false],
    ['http://evil@127.0.0.1:51004/cb', false],
    ['com.example.app:/cb/evil', false],
    ['com.example.app://cb', false],
    ['COM.example.app:/cb', false],
  ])('native application at %s: %s (RFC 8252 §7.3, any port on loopback)', async (redirect_uri, fine) => {
    const page = await ask({ redirect_uri, prompt: 'none' }, createBrowser(), native);
    if (!fine) return expectErrorPage(page);
    expect(page.location?.startsWith(redirect_uri)).toBe(true);
    expect(page.location).toContain('error=login_required');
  });

  test('a web client gets no other port on loopback', async () => {
    const web = await server.createClient({ redirect_uris: ['http://localhost:3000/cb'] });
    expectErrorPage(await ask({ redirect_uri: 'http://localhost:3001/cb' }, createBrowser(), web));
  });

  test('the code of a loopback port is redeemed with that port only', async () => {
    const redirect_uri = 'http://127.0.0.1:51004/cb';
    const grant = await getCode(server, native, { redirect_uri });
    const other = await redeem(server, native, grant, { redirect_uri: 'http://127.0.0.1:51005/cb' });
    expect(other).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    const again = await getCode(server, native, { redirect_uri });
    expect((await redeem(server, native, again, { redirect_uri })).status).toBe(200);
  });
});

describe('A10 clients nobody knows', () => {
  test.each([
    ['unknown', 'nobody'],
    ['missing', undefined],
    ['empty', ''],
    ['a path', '../admin'],
    ['with NUL', 'a\0b'],
    ['very long', 'x'.repeat(4000)],
  ])('%s: a 400 page, no redirect', async (_name, client_id) => {
    expectErrorPage(await ask({ client_id }));
    expectErrorPage(await ask({ client_id, prompt: 'none', response_mode: 'form_post' }));
  });

  test('a deleted client', async () => {
    const gone = await server.createClient();
    await server.container.clients.remove(gone.clientId);
    expectErrorPage(await ask({}, alice, gone));
  });

  test('a program gets JSON', async () => {
    const response = await fetch(server.url('/oauth/authorize?client_id=nobody&response_type=code'), {
      headers: { accept: 'application/json' },
      redirect: 'manual',
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: 'invalid_client', request_id: expect.any(String) });
  });
});

describe('A11 duplicate parameters', () => {
  const NAMES = [
    'state',
    'scope',
    'nonce',
    'response_type',
    'prompt',
    'code_challenge',
    'response_mode',
    'max_age',
    'login_hint',
    'claims',
  ];
  test.each(NAMES)('%s twice: invalid_request at the registered address', async (name) => {
    const url = new URL(authorizeUrl(server, client, PKCE));
    url.searchParams.append(name, 'one');
    url.searchParams.append(name, 'two');
    const page = await alice.get(url.href);
    expect(page.location?.startsWith(REDIRECT_URI)).toBe(true);
    expect(answerOf(page).get('error')).toBe('invalid_request');
    expect(answerOf(page).get('code')).toBeNull();
  });

  test.each(['redirect_uri', 'client_id'])('%s twice: an error page', async (name) => {
    for (const value of [
      name === 'redirect_uri' ? 'https://evil.example/' : 'nobody',
      name === 'redirect_uri' ? REDIRECT_URI : client.clientId,
    ]) {
      const url = new URL(authorizeUrl(server, client, PKCE));
      url.searchParams.append(name, value);
      expectErrorPage(await alice.get(url.href));
    }
  });

  test('in a POST too', async () => {
    const body = `${new URL(authorizeUrl(server, client, PKCE)).searchParams}&state=twice`;
    const response = await fetch(server.url('/oauth/authorize'), {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body,
      redirect: 'manual',
    });
    const page = await alice.get(new URL(String(response.headers.get('location')), server.issuer).href);
    expect(answerOf(page).get('error')).toBe('invalid_request');
  });
});

describe('A13 tokens in the front channel are off', () => {
  test.each(['token', 'id_token token', 'code token', 'code id_token token', 'none', 'nonsense', 'CODE'])(
    '%s: unsupported_response_type, nothing in the fragment',
    async (response_type) => {
      expect(refusal(await ask({ response_type, nonce: 'n' }))).toBe('unsupported_response_type');
      expect(refusal(await ask({ response_type, nonce: 'n' }, alice, browserClient))).toBe(
        'unsupported_response_type',
      );
    },
  );

  test('a client that did not register id_token does not get one', async () => {
    expect(refusal(await ask({ response_type: 'id_token', nonce: 'n' }))).toMatch(
      /^(invalid_request|unauthorized_client)$/,
    );
  });

  test('bare token stays off with LEGACY_FLOWS, and the answer says what to use', async () => {
    const legacy = await startServer({ LEGACY_FLOWS: 'implicit' });
    try {
      const implicit = await legacy.createClient({
        token_endpoint_auth_method: 'none',
        grant_types: ['implicit'],
        response_types: ['id_token token'],
        scope: 'openid',
      });
      const page = await createBrowser().get(authorizeUrl(legacy, implicit, { response_type: 'token' }));
      expect(answerOf(page).get('error')).toBe('unsupported_response_type');
      expect(answerOf(page).get('error_description')).toContain('id_token token');
    } finally {
      await legacy.close();
    }
  });

  test.each(['id_token', 'code id_token'])(
    '%s is there for clients that registered it',
    async (response_type) => {
      const page = await walk(server, alice, await ask({ response_type, nonce: 'n' }, alice, browserClient));
      expect(answerOf(page).get('id_token')).toBeTruthy();
      expect(new URL(String(page.location)).search).toBe('');
    },
  );

  test.each(['id_token', 'code id_token'])(
    '%s never in the query, whatever is asked',
    async (response_type) => {
      const page = await ask({ response_type, nonce: 'n', response_mode: 'query' }, alice, browserClient);
      expect(page.location).not.toContain('id_token=');
      expect(answerOf(page).get('error')).toBe('invalid_request');
    },
  );

  test.each(['jwt', 'web_message', 'nonsense'])('response_mode %s is not offered', async (response_mode) => {
    expect(refusal(await ask({ response_mode }))).toBe('unsupported_response_mode');
  });
});

describe('request objects', () => {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const inside = () => ({
    client_id: client.clientId,
    iss: client.clientId,
    aud: server.issuer,
    redirect_uri: 'https://evil.example/',
    response_type: 'code',
    scope: 'openid',
  });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const objects: [string, () => Promise<string> | string][] = [
    ['alg none', () => `${encode({ alg: 'none' })}.${encode(inside())}.`],
    [
      'HS256 keyed by client_id',
      () => new SignJWT(inside()).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(client.clientId)),
    ],
    [
      'HS256 keyed by the stored hash',
      () =>
        new SignJWT(inside())
          .setProtectedHeader({ alg: 'HS256' })
          .sign(createHash('sha256').update(client.secret).digest()),
    ],
    [
      'a foreign RS256 key',
      () => new SignJWT(inside()).setProtectedHeader({ alg: 'RS256' }).sign(rsa.privateKey),
    ],
    [
      'an embedded jwk',
      async () =>
        new SignJWT(inside())
          .setProtectedHeader({ alg: 'RS256', jwk: await exportJWK(rsa.publicKey) })
          .sign(rsa.privateKey),
    ],
    ['garbage', () => 'x'],
  ];
  test.each(objects)('A14 %s: refused, never redirected to the address inside', async (_name, make) => {
    const request = await make();
    expect(refusal(await ask({ request }))).toBe('request_not_supported');
    expectErrorPage(await ask({ request, redirect_uri: 'https://evil.example/' }));
    expectErrorPage(await ask({ request, redirect_uri: undefined }));
  });

  test('A14 request_uri that is no pushed one is refused and not fetched', async () => {
    for (const request_uri of [
      'https://evil.example/r.jwt',
      `${server.issuer}/livez`,
      'urn:ietf:params:oauth:request_uri:nothing',
      'urn:x',
    ]) {
      const page = await ask({ request_uri });
      expect(page.status).toBeLessThan(500);
      expect(page.location ?? '').not.toContain('evil');
      expect(refusal(page)).toMatch(/^(request_uri_not_supported|invalid_request_uri|invalid_request)$/);
    }
  });

  test('A15 both request and request_uri: refused', async () => {
    const request = `${encode({ alg: 'none' })}.${encode(inside())}.`;
    expect(refusal(await ask({ request, request_uri: 'https://evil.example/r.jwt' }))).toMatch(
      /^(request_not_supported|invalid_request)$/,
    );
  });

  test('registration is not supported', async () => {
    expect(refusal(await ask({ registration: '{}' }))).toBe('registration_not_supported');
  });
});

describe('sign-in that is asked for takes place', () => {
  test('A16 prompt=none without a session: login_required, no page, with iss and state', async () => {
    expect(refusal(await ask({ prompt: 'none' }, createBrowser()))).toBe('login_required');
  });

  test('prompt=none without consent: consent_required', async () => {
    expect(refusal(await ask({ prompt: 'none' }, alice, await server.createClient()))).toBe(
      'consent_required',
    );
  });

  test('A17 prompt="none login": invalid_request', async () => {
    for (const prompt of ['none login', 'login none', 'none consent', 'nonsense']) {
      expect(refusal(await ask({ prompt }))).toBe('invalid_request');
    }
  });

  test('A17 max_age=1 after two seconds, max_age=0 and prompt=login: the sign-in page, and prompt=none says login_required', async () => {
    later(2);
    for (const params of [
      { max_age: '1' },
      { max_age: '0' },
      { prompt: 'login' },
      { prompt: 'login consent' },
    ]) {
      const browser = alice.copy();
      const page = await browser.follow(await ask(params, browser), server.issuer);
      expect(page.text).toContain('<h1>Sign in</h1>');
    }
    expect(refusal(await ask({ max_age: '1', prompt: 'none' }))).toBe('login_required');
  });

  test('A17 a max_age of the client is kept to', async () => {
    const strict = await server.createClient({ default_max_age: 60 });
    await walk(server, alice, await ask({}, alice, strict));
    later(61);
    const page = await alice.follow(await ask({}, alice, strict), server.issuer);
    expect(page.text).toContain('<h1>Sign in</h1>');
  });

  test.each(['-1', '1.5', 'x', '1e99'])('max_age=%s: invalid_request', async (max_age) => {
    expect(refusal(await ask({ max_age }))).toBe('invalid_request');
  });

  test('prompt=login consent asks for both, one after the other', async () => {
    const browser = createBrowser();
    await getCode(server, client, {}, { browser });
    const login = await browser.follow(await ask({ prompt: 'login consent' }, browser), server.issuer);
    const consent = await browser.follow(
      await browser.submit(login, '/login', { username: 'alice', password: PASSWORD }),
      server.issuer,
    );
    expect(consent.text).toContain('to use your account?');
    expect(answerOf(await walk(server, browser, consent)).get('code')).toBeTruthy();
  });

  test('a broken or foreign id_token_hint is refused', async () => {
    for (const id_token_hint of [
      'x',
      `${encodePart({ alg: 'none' })}.${encodePart({ sub: 'x', aud: client.clientId, iss: server.issuer })}.`,
    ]) {
      expect(refusal(await ask({ id_token_hint }))).toBe('invalid_request');
    }
  });
});

const encodePart = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('what comes back', () => {
  test.each([['code'], ['id_token'], ['code id_token']])(
    'A19 %s: iss in success and error, by every mode; metadata says so',
    async (response_type) => {
      for (const response_mode of [undefined, 'form_post']) {
        const params = { response_type, nonce: 'n', response_mode };
        const fine = anyAnswerOf(await walk(server, alice, await ask(params, alice, browserClient)));
        expect(fine.get('error')).toBeNull();
        expect(fine.getAll('iss')).toEqual([server.issuer]);
        const faulty = anyAnswerOf(await ask({ ...params, prompt: 'none' }, createBrowser(), browserClient));
        expect(faulty.get('error')).toBe('login_required');
        expect(faulty.getAll('iss')).toEqual([server.issuer]);
      }
      const metadata = (await (
        await fetch(server.url('/.well-known/openid-configuration'))
      ).json()) as object;
      expect(metadata).toMatchObject({
        authorization_response_iss_parameter_supported: true,
        issuer: server.issuer,
      });
    },
  );

  const STATES = [
    '"<>&%20+/=',
    "'`;{}|^~\\",
    ' leading and trailing ',
    'ünïcode 🙂',
    '%00%0d%0a',
    'a=b&c=d#e?f',
    'x'.repeat(2000),
  ];
  test.each(STATES)('A20 state %j comes back byte for byte', async (state) => {
    const fine = await walk(server, alice, await ask({ state }));
    expect(answerOf(fine).get('state')).toBe(state);
    expect(answerOf(await ask({ state, prompt: 'none' }, createBrowser())).get('state')).toBe(state);
    expect(
      anyAnswerOf(await walk(server, alice, await ask({ state, response_mode: 'form_post' }))).get('state'),
    ).toBe(state);
    const throughPages = createBrowser();
    expect(answerOf(await walk(server, throughPages, await ask({ state }, throughPages))).get('state')).toBe(
      state,
    );
  });

  test('without a state none comes back', async () => {
    expect(answerOf(await walk(server, alice, await ask({ state: undefined }))).has('state')).toBe(false);
  });
});

const PARAMETERS = [
  'client_id',
  'redirect_uri',
  'response_type',
  'response_mode',
  'scope',
  'state',
  'nonce',
  'prompt',
  'max_age',
  'display',
  'ui_locales',
  'claims_locales',
  'id_token_hint',
  'login_hint',
  'acr_values',
  'claims',
  'request',
  'request_uri',
  'registration',
  'code_challenge',
  'code_challenge_method',
  'resource',
  'dpop_jkt',
  'unknown',
];

describe('hostile text in any parameter', () => {
  test.each(PARAMETERS)('A21 CR LF and NUL in %s: no new header, no split answer', async (name) => {
    for (const value of [
      'x\r\nSet-Cookie: pwn=1',
      'x\nLocation: https://evil.example/',
      'x\0y',
      '\r\n\r\n<html>pwn',
    ]) {
      const browser = createBrowser();
      const page = await ask({ [name]: value }, browser);
      expect(page.status).toBeLessThan(500);
      expect(browser.cookie('pwn')).toBeUndefined();
      expect(page.headers.getSetCookie().join()).not.toMatch(/(^|,\s*)pwn=/);
      expect(page.location ?? server.issuer).not.toMatch(/^https:\/\/evil/);
      const next = await browser.follow(page, server.issuer);
      expect(next.status).toBeLessThan(500);
    }
  });

  test.each(PARAMETERS)('A22 markup in %s is never raw in a page', async (name) => {
    for (const value of ['"><script>alert(1)</script>', "'><img src=x onerror=alert(1)>"]) {
      const browser = createBrowser();
      for (const mode of [undefined, 'form_post']) {
        const page = await browser.follow(
          await ask({ response_mode: mode, [name]: value }, browser),
          server.issuer,
        );
        expect(page.status).toBeLessThan(500);
        expect(page.text).not.toContain('<script>alert(1)');
        expect(page.text).not.toContain('<img src=x');
        expect(page.headers.get('content-security-policy') ?? '').not.toContain('unsafe-inline');
      }
    }
  });

  test('A24 500 scopes, unknown ones and control characters: cut or invalid_scope, in time', async () => {
    const scopes = Array.from({ length: 500 }, (_, at) => `scope${at}`).join(' ');
    const started = performance.now();
    for (const scope of [
      `openid profile ${scopes}`,
      'openid profile unknown admin',
      'openid\0admin profile',
      'openid profile\u0001',
      'openid  profile',
      `openid profile ${'x'.repeat(3000)}`,
    ]) {
      const page = await walk(server, alice, await ask({ scope }));
      const answer = answerOf(page);
      if (answer.get('error')) expect(answer.get('error')).toBe('invalid_scope');
      else expect(answer.get('code')).toBeTruthy();
    }
    expect(performance.now() - started).toBeLessThan(6000);
  });

  test('A24 scopes the client may not have are cut, and the answer names what was granted', async () => {
    const grant = await getCode(server, client, { scope: 'openid profile roles admin' }, { browser: alice });
    expect((await redeem(server, client, grant)).body.scope).toBe('openid profile');
  });

  test.each([['{'], ['[]'], ['"x"'], ['{}'], ['{"id_token":[]}'], ['{"userinfo":"x"}'], ['null']])(
    'claims=%s: invalid_request',
    async (claims) => {
      expect(refusal(await ask({ claims }))).toBe('invalid_request');
    },
  );

  test.each([
    '{"id_token":{"__proto__":{"essential":true}}}',
    '{"id_token":{"acr":{"essential":true,"values":"x"}}}',
    '{"id_token":{"sub":{"value":{"a":1}}}}',
    '{"id_token":{"name":5}}',
    '{"userinfo":{"<script>":null}}',
  ])('claims=%s: no 500', async (claims) => {
    const browser = alice.copy();
    const page = await browser.follow(await ask({ claims }, browser), server.issuer);
    expect(page.status).toBeLessThan(500);
    expect(page.location ?? '').not.toContain('server_error');
    expect(page.text).not.toContain('<script>"');
  });
});

describe('A26 consent', () => {
  test('is asked again for a wider scope, naming what is new, and not before the new is agreed to', async () => {
    const fresh = await server.createClient({ scope: 'openid profile email' });
    const browser = createBrowser();
    await signIn(server, browser);
    await getCode(server, fresh, { scope: 'openid profile' }, { browser });
    expect(
      answerOf(await ask({ scope: 'openid profile email', prompt: 'none' }, browser, fresh)).get('error'),
    ).toBe('consent_required');
    const page = await browser.follow(
      await ask({ scope: 'openid profile email' }, browser, fresh),
      server.issuer,
    );
    const items = [...page.text.matchAll(/<li>[\s\S]*?<\/li>/g)].map(([item]) => item);
    const added = items.filter((item) => item.includes('class="tag"'));
    expect(added).toHaveLength(1);
    expect(added[0]).toContain('e-mail');
    const denied = await browser.follow(
      await browser.submit(page, '/consent', { decision: 'deny' }),
      server.issuer,
    );
    expect(answerOf(denied).get('error')).toBe('access_denied');
    expect(
      answerOf(await ask({ scope: 'openid profile email', prompt: 'none' }, browser, fresh)).get('error'),
    ).toBe('consent_required');
    // The narrower request is still fine.
    expect(answerOf(await ask({ scope: 'openid', prompt: 'none' }, browser, fresh)).get('code')).toBeTruthy();
  });

  test('is asked for each client, each account and each claim of its own', async () => {
    const fresh = await server.createClient();
    const browser = createBrowser();
    await getCode(server, fresh, {}, { browser });
    const none = (params: Record<string, string>, of = fresh, who = browser) =>
      ask({ prompt: 'none', ...params }, who, of);
    expect(answerOf(await none({}, await server.createClient())).get('error')).toBe('consent_required');
    expect(answerOf(await none({ claims: '{"userinfo":{"email":null}}' })).get('error')).toBe(
      'consent_required',
    );
    await server.createAccount('carol');
    const other = createBrowser();
    await signIn(server, other, 'carol');
    expect(answerOf(await none({}, fresh, other)).get('error')).toBe('consent_required');
  });

  test('prompt=consent asks again', async () => {
    const browser = alice.copy();
    const page = await browser.follow(await ask({ prompt: 'consent' }, browser), server.issuer);
    expect(page.text).toContain('to use your account?');
  });
});
