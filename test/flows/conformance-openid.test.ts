/**
 * The OpenID Foundation's modules for Basic, Implicit and Hybrid providers, by their own names, for every
 * response type and for `response_mode=form_post` (the formpost plans run the same lists).
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Browser, createBrowser } from '../support/browser.js';
import { authorizeUrl, getWith, newPkce, post, redeem, refresh, signIn, walk } from '../support/flow.js';
import { anyAnswerOf, authorize, finish, type Variant, verifyIdToken } from '../support/relying-party.js';
import { REDIRECT_URI, startServer, type TestClient, type TestServer } from '../support/server.js';
import { later, realTime } from '../support/time.js';

const SCOPE = 'openid profile email roles offline_access';

interface Plan extends Variant {
  readonly plan: string;
}

const BASIC = ['code'];
const IMPLICIT = ['id_token', 'id_token token'];
const HYBRID = ['code id_token', 'code token', 'code id_token token'];

const PLANS: readonly Plan[] = [
  ...BASIC.map((responseType) => ({ plan: 'basic', responseType })),
  ...IMPLICIT.map((responseType) => ({ plan: 'implicit', responseType })),
  ...HYBRID.map((responseType) => ({ plan: 'hybrid', responseType })),
].flatMap((plan) => [plan, { ...plan, plan: `formpost-${plan.plan}`, responseMode: 'form_post' as const }]);

let server: TestServer;
const clients = new Map<string, TestClient>();
/** Of alice, signed in and agreed to everything; copied by each test. */
const browsers = new Map<string, Browser>();

/** An access token without a code is for public clients only (`contract.md` §6). */
const methodOf = (responseType: string) =>
  responseType === 'id_token token' ? 'none' : 'client_secret_basic';

beforeAll(async () => {
  server = await startServer({ LEGACY_FLOWS: 'password,implicit' });
  const profile = { displayName: 'Alice Example', givenName: 'Alice', familyName: 'Example', locale: 'de' };
  await server.createAccount('alice', {
    ...profile,
    email: 'alice@example.org',
    emailVerified: true,
    roles: ['admin'],
  });
  await server.createAccount('bob', { email: 'bob@example.org' });
  for (const responseType of [...BASIC, ...IMPLICIT, ...HYBRID]) {
    const client = await server.createClient({
      response_types: [responseType],
      grant_types: responseType.includes('code')
        ? ['authorization_code', 'refresh_token', ...(responseType === 'code' ? [] : ['implicit'])]
        : ['implicit'],
      token_endpoint_auth_method: methodOf(responseType),
      scope: responseType.includes('code') ? SCOPE : 'openid profile email roles',
    });
    clients.set(responseType, client);
    const browser = createBrowser();
    const scope = String(client.record.metadata.scope);
    await authorize(server, client, { responseType }, { scope }, { browser });
    browsers.set(responseType, browser);
  }
});
afterAll(async () => {
  realTime();
  await server.close();
});

describe.each(PLANS)('$plan: response_type=$responseType $responseMode', (plan) => {
  const { responseType, responseMode } = plan;
  const withCode = responseType.includes('code');
  const withAccessToken = withCode || responseType.includes(' token');
  const frontIdToken = responseType.includes('id_token');
  const client = () => clients.get(responseType) as TestClient;
  const signedIn = () => (browsers.get(responseType) as Browser).copy();
  const run = (
    params: Record<string, string | undefined> = {},
    visit: { browser?: Browser; username?: string } = {},
  ) => authorize(server, client(), plan, params, { browser: signedIn(), ...visit });
  const ask = (browser: Browser, params: Record<string, string | undefined> = {}) => {
    const { challenge } = newPkce();
    return browser.get(
      authorizeUrl(server, client(), {
        response_type: responseType,
        ...(responseMode ? { response_mode: responseMode } : {}),
        ...(withCode ? { code_challenge: challenge, code_challenge_method: 'S256' } : {}),
        nonce: 'the-nonce',
        ...params,
      }),
    );
  };
  const refused = async (params: Record<string, string | undefined>, browser = signedIn()) => {
    const answer = anyAnswerOf(await ask(browser, params));
    expect(answer.get('state')).toBe('the-state');
    expect(answer.get('iss')).toBe(server.issuer);
    expect([answer.get('code'), answer.get('id_token'), answer.get('access_token')]).toEqual([
      null,
      null,
      null,
    ]);
    return answer.get('error');
  };

  // wrong cases

  test('oidcc-response-type-missing: refused', async () => {
    const page = await ask(signedIn(), { response_type: undefined });
    expect(page.text + page.location).not.toContain('id_token=');
    // Nothing says how to answer, unless the mode does.
    expect(anyAnswerOf(page).get('error')).toBe('invalid_request');
  });

  test('oidcc-ensure-registered-redirect-uri: error page, no redirect', async () => {
    const page = await ask(signedIn(), { redirect_uri: 'https://app.example/other' });
    expect(page.status).toBe(400);
    expect(page.location).toBeUndefined();
    expect(page.text).toContain('not registered');
    expect(page.text).not.toContain('action="https://app.example/other"');
  });

  test('oidcc-prompt-none-not-logged-in: login_required and no page', async () => {
    expect(await refused({ prompt: 'none' }, createBrowser())).toBe('login_required');
  });

  test(
    frontIdToken
      ? 'oidcc-ensure-request-without-nonce-fails'
      : 'oidcc-ensure-request-without-nonce-succeeds-for-code-flow',
    async () => {
      if (frontIdToken) expect(await refused({ nonce: undefined })).toBe('invalid_request');
      else expect((await run({ nonce: undefined })).idToken?.claims).not.toHaveProperty('nonce');
    },
  );

  test('oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported', async () => {
    expect(await refused({ request_uri: 'https://app.example/request.jwt' })).toMatch(
      /^(request_uri_not_supported|invalid_request_uri)$/,
    );
  });

  test('oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported', async () => {
    expect(await refused({ request: requestObject({ scope: 'openid' }) })).toBe('request_not_supported');
  });

  test('oidcc-ensure-request-object-with-redirect-uri: the one inside is never followed', async () => {
    const request = requestObject({ redirect_uri: 'https://evil.example/' });
    expect(await refused({ request })).toBe('request_not_supported');
    const page = await ask(signedIn(), { request, redirect_uri: 'https://app.example/wrong' });
    expect(page).toMatchObject({ status: 400, location: undefined });
  });

  // the flow itself

  test('oidcc-server: a verified answer with state and iss, tokens, and UserInfo of the same subject', async () => {
    const { answer, idToken, accessToken, tokens, page } = await run();
    expect(answer.get('state')).toBe('the-state');
    expect(answer.get('iss')).toBe(server.issuer);
    expect(answer.has('code')).toBe(withCode);
    expect(answer.has('id_token')).toBe(frontIdToken);
    expect(answer.has('access_token')).toBe(responseType.split(' ').includes('token'));
    if (responseType.split(' ').includes('token')) {
      expect(answer.get('token_type')).toBe('Bearer');
      expect(Number(answer.get('expires_in'))).toBeGreaterThan(0);
    }
    expect(idToken?.claims.aud).toBe(client().clientId);
    expect(Number(idToken?.claims.exp) - Number(idToken?.claims.iat)).toBe(3600);
    if (tokens) expect(tokens).toMatchObject({ token_type: 'Bearer', scope: 'openid profile' });
    if (accessToken) {
      const info = await getWith(server, '/oauth/userinfo', accessToken);
      expect(info.body.sub).toBe(idToken?.claims.sub);
    }
    if (responseMode) {
      expect(page.status).toBe(200);
      expect(page.headers.get('cache-control')).toContain('no-store');
      expect(page.headers.get('content-security-policy')).toContain(
        "form-action 'self' https://app.example;",
      );
      expect(page.text).toMatch(/<button[^>]*type="submit"[^>]*>/);
      expect(page.text).toMatch(/<html[^>]* lang="/);
    } else {
      expect(new URL(String(page.location)).hash !== '').toBe(responseType !== 'code');
      expect([302, 303]).toContain(page.status);
    }
  });

  test('oidcc-idtoken-signature: RS256 by default, a kid that JWKS lists', async () => {
    const { idToken } = await run();
    expect(idToken?.header).toMatchObject({ alg: 'RS256', kid: expect.any(String) });
  });

  if (withAccessToken) {
    test('oidcc-userinfo-get', async () => {
      const { accessToken } = await run();
      const { status, headers } = await getWith(server, '/oauth/userinfo', accessToken);
      expect(status).toBe(200);
      expect(headers.get('content-type')).toMatch(/^application\/json/);
    });

    test('oidcc-userinfo-post-header', async () => {
      const { accessToken, idToken } = await run();
      const info = await post(server, '/oauth/userinfo', {}, undefined, {
        authorization: `Bearer ${accessToken}`,
      });
      expect(info).toMatchObject({ status: 200, body: { sub: idToken?.claims.sub } });
    });

    test('oidcc-userinfo-post-body', async () => {
      const { accessToken, idToken } = await run();
      const info = await post(server, '/oauth/userinfo', { access_token: String(accessToken) });
      expect(info).toMatchObject({ status: 200, body: { sub: idToken?.claims.sub } });
    });
  }

  const CLAIMS: Record<string, object> = {
    profile: {
      name: 'Alice Example',
      given_name: 'Alice',
      family_name: 'Example',
      preferred_username: 'alice',
      locale: 'de',
      updated_at: expect.any(Number),
    },
    email: { email: 'alice@example.org', email_verified: true },
    roles: { roles: ['admin'] },
  };

  test.each([
    ['oidcc-scope-profile', ['profile']],
    ['oidcc-scope-email', ['email']],
    ['oidcc-scope-all', ['profile', 'email', 'roles']],
  ])('%s: its claims and no others, in the ID Token and at UserInfo', async (_module, scopes) => {
    const { idToken, accessToken } = await run({ scope: ['openid', ...scopes].join(' ') });
    const places = [
      idToken?.claims,
      accessToken && (await getWith(server, '/oauth/userinfo', accessToken)).body,
    ];
    for (const place of places.filter(Boolean)) {
      for (const [scope, claims] of Object.entries(CLAIMS)) {
        if (scopes.includes(scope)) expect(place).toMatchObject(claims);
        else for (const claim of Object.keys(claims)) expect(place).not.toHaveProperty(claim);
      }
    }
  });

  test.each(['address', 'phone'])('oidcc-scope-%s: not offered, so cut and not an error', async (scope) => {
    const { idToken, tokens } = await run({ scope: `openid profile ${scope}` });
    expect(idToken?.claims).not.toHaveProperty(scope);
    if (tokens) expect(tokens.scope).toBe('openid profile');
  });

  test('oidcc-alternate-happy-flow: another person in another browser', async () => {
    const browser = createBrowser();
    const other = await run({}, { browser, username: 'bob' });
    expect(other.idToken?.claims.sub).toBeTruthy();
    expect(other.idToken?.claims.sub).not.toBe((await run()).idToken?.claims.sub);
  });

  test.each(['page', 'popup', 'touch', 'wap'])('oidcc-display-%s', async (display) => {
    expect((await run({ display })).idToken).toBeDefined();
  });

  test('oidcc-prompt-login: signs in again, with a newer auth_time', async () => {
    const browser = createBrowser();
    const before = await run({}, { browser });
    later(3);
    const login = await browser.follow(await ask(browser, { prompt: 'login' }), server.issuer);
    expect(login.text).toContain('<h1>Sign in</h1>');
    const after = await run({ prompt: 'login' }, { browser });
    expect(Number(after.idToken?.claims.auth_time)).toBeGreaterThan(Number(before.idToken?.claims.auth_time));
  });

  test('oidcc-prompt-none-logged-in: silently, the same sub and auth_time', async () => {
    const browser = signedIn();
    const before = await run({}, { browser });
    later(3);
    const page = await browser.follow(await ask(browser, { prompt: 'none' }), server.issuer);
    expect(anyAnswerOf(page).get('error')).toBeNull();
    const after = await run({ prompt: 'none' }, { browser });
    const { sub, auth_time } = before.idToken?.claims ?? {};
    expect(auth_time).toEqual(expect.any(Number));
    expect(after.idToken?.claims).toMatchObject({ sub, auth_time });
  });

  test('oidcc-max-age-1: signs in again after two seconds', async () => {
    const browser = createBrowser();
    const before = await run({}, { browser });
    later(2);
    const login = await browser.follow(await ask(browser, { max_age: '1' }), server.issuer);
    expect(login.text).toContain('<h1>Sign in</h1>');
    const after = await run({ max_age: '1' }, { browser });
    expect(Number(after.idToken?.claims.auth_time)).toBeGreaterThan(Number(before.idToken?.claims.auth_time));
  });

  test('oidcc-max-age-10000: nobody signs in again, auth_time is there', async () => {
    const browser = signedIn();
    const before = await run({ max_age: '15000' }, { browser });
    later(2);
    expect(
      anyAnswerOf(await browser.follow(await ask(browser, { max_age: '10000' }), server.issuer)).get('iss'),
    ).toBe(server.issuer);
    const after = await run({ max_age: '10000' }, { browser });
    expect(after.idToken?.claims.auth_time).toBe(before.idToken?.claims.auth_time);
  });

  test('max_age=0 signs in again, once', async () => {
    const browser = createBrowser();
    await run({}, { browser });
    const login = await browser.follow(await ask(browser, { max_age: '0' }), server.issuer);
    expect(login.text).toContain('<h1>Sign in</h1>');
    expect((await run({ max_age: '0' }, { browser })).idToken?.claims.auth_time).toEqual(expect.any(Number));
  });

  test('oidcc-id-token-hint: silently for the same person, login_required for another', async () => {
    const mine = await run();
    const id_token_hint = String(mine.idToken?.text);
    const again = await run({ id_token_hint, prompt: 'none' });
    expect(again.idToken?.claims.sub).toBe(mine.idToken?.claims.sub);
    const other = createBrowser();
    await run({}, { browser: other, username: 'bob' });
    expect(await refused({ id_token_hint, prompt: 'none' }, other)).toBe('login_required');
    const login = await other.follow(await ask(other, { id_token_hint }), server.issuer);
    expect(login.text).toContain('<h1>Sign in</h1>');
  });

  test('oidcc-login-hint: stands in the sign-in form', async () => {
    const browser = createBrowser();
    const login = await browser.follow(await ask(browser, { login_hint: 'alice' }), server.issuer);
    expect(login.text).toMatch(/<input[^>]*name="username"[^>]*value="alice"/);
    expect(anyAnswerOf(await walk(server, browser, login)).get('error')).toBeNull();
  });

  test.each([
    ['oidcc-ensure-request-with-unknown-parameter-succeeds', { extra: 'foobar' }],
    ['oidcc-ui-locales', { ui_locales: 'se fr-CA' }],
    ['oidcc-claims-locales', { claims_locales: 'se de' }],
    ['oidcc-ensure-request-with-acr-values-succeeds', { acr_values: '1 2' }],
  ])('%s', async (_module, params) => {
    expect((await run(params)).idToken?.claims.sub).toBeTruthy();
  });

  test('oidcc-claims-essential: an essential claim lands where it was asked for', async () => {
    const claims = { [withAccessToken ? 'userinfo' : 'id_token']: { name: { essential: true } } };
    const { idToken, accessToken } = await run(
      { scope: 'openid', claims: JSON.stringify(claims) },
      { browser: createBrowser() },
    );
    if (!accessToken) return expect(idToken?.claims.name).toBe('Alice Example');
    expect(idToken?.claims).not.toHaveProperty('name');
    const { body } = await getWith(server, '/oauth/userinfo', accessToken);
    expect(body).toEqual({ sub: idToken?.claims.sub, name: 'Alice Example' });
  });

  test('oidcc-ensure-post-request-succeeds: the authorization endpoint takes POST', async () => {
    const browser = signedIn();
    const pkce = newPkce();
    const form = {
      client_id: client().clientId,
      response_type: responseType,
      redirect_uri: REDIRECT_URI,
      scope: 'openid',
      state: 'the-state',
      nonce: 'the-nonce',
      ...(responseMode ? { response_mode: responseMode } : {}),
      ...(withCode ? { code_challenge: pkce.challenge, code_challenge_method: 'S256' } : {}),
    };
    // The form stands on a page of the client.
    const headers = { origin: 'https://app.example', 'sec-fetch-site': 'cross-site' };
    const posted = await browser.post(server.url('/oauth/authorize'), form, headers);
    expect(posted.status).toBe(303);
    const page = await walk(server, browser, posted);
    expect((await finish(server, client(), page, { pkce, nonce: 'the-nonce' })).idToken).toBeDefined();
  });

  if (withCode) {
    test('oidcc-refresh-token: a consistent ID Token, bound to its client', async () => {
      const before = await run({ scope: 'openid offline_access' });
      const other = await refresh(
        server,
        clients.get(responseType === 'code' ? 'code token' : 'code') as TestClient,
        String(before.refreshToken),
      );
      expect(other).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
      const { status, body } = await refresh(server, client(), String(before.refreshToken));
      expect(status).toBe(200);
      const { claims } = await verifyIdToken(server, client().clientId, body.id_token, {
        accessToken: body.access_token,
        nonce: 'the-nonce',
      });
      const { iss, sub, aud, auth_time } = before.idToken?.claims ?? {};
      expect(claims).toMatchObject({ iss, sub, aud, auth_time });
    });

    test('oidcc-ensure-request-with-valid-pkce-succeeds: and a wrong verifier does not', async () => {
      const browser = signedIn();
      const wrong = anyAnswerOf(await browser.follow(await ask(browser), server.issuer));
      const grant = { code: String(wrong.get('code')), pkce: newPkce(), browser };
      expect(await redeem(server, client(), grant)).toMatchObject({
        status: 400,
        body: { error: 'invalid_grant' },
      });
      expect((await run()).tokens.access_token).toBeTruthy();
    });
  }
});

describe('modules with a client of their own', () => {
  test('oidcc-server-client-secret-post', async () => {
    const client = await server.createClient({ token_endpoint_auth_method: 'client_secret_post' });
    const browser = createBrowser();
    await signIn(server, browser);
    const pkce = newPkce();
    const url = authorizeUrl(server, client, {
      code_challenge: pkce.challenge,
      code_challenge_method: 'S256',
    });
    const code = String(anyAnswerOf(await walk(server, browser, await browser.get(url))).get('code'));
    const form = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: REDIRECT_URI,
      code_verifier: pkce.verifier,
    };
    const withSecret = { ...form, client_id: client.clientId, client_secret: client.secret };
    const wrong = await post(server, '/oauth/token', { ...withSecret, client_secret: 'wrong' });
    expect(wrong).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    expect((await post(server, '/oauth/token', withSecret)).body).toMatchObject({ token_type: 'Bearer' });
  });

  test('oidcc-idtoken-unsigned: `none` cannot be registered', async () => {
    await expect(server.createClient({ id_token_signed_response_alg: 'none' })).rejects.toMatchObject({
      faults: [{ field: 'id_token_signed_response_alg', message: expect.any(String) }],
    });
  });

  test.each(['RS256', 'PS256', 'ES256', 'EdDSA'])(
    'ID Tokens are signed with %s for a client that says so',
    async (alg) => {
      const client = await server.createClient({ id_token_signed_response_alg: alg });
      const { idToken } = await authorize(server, client, { responseType: 'code' });
      expect(idToken?.header.alg).toBe(alg);
    },
  );
});

const requestObject = (claims: object): string =>
  [{ alg: 'none' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
    .concat('.');
