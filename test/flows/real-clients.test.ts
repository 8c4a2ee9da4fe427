/** Client libraries as their users call them: openid-client 6 and oauth4webapi, nothing of ours in between. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { createBrowser } from '../support/browser.js';
import { getWith, walk } from '../support/flow.js';
import { REDIRECT_URI, startServer, type TestClient, type TestServer } from '../support/server.js';

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';

let server: TestServer;
let account: { id: string };
let client: TestClient;

beforeAll(async () => {
  server = await startServer();
  account = await server.createAccount('alice', { email: 'alice@example.org', emailVerified: true });
  client = await server.createClient({
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  });
});
afterAll(() => server.close());

/** What the person does in the browser, up to the address the client gets back. */
async function agreeAt(url: URL): Promise<URL> {
  const browser = createBrowser();
  const page = await walk(server, browser, await browser.get(url.href));
  return new URL(page.location ?? '');
}

describe('openid-client', () => {
  const configOf = (of: TestClient, how?: oidc.ClientAuth) =>
    oidc.discovery(new URL(server.issuer), of.clientId, of.secret || undefined, how, {
      execute: [oidc.allowInsecureRequests],
    });

  async function codeFlow(
    config: oidc.Configuration,
    more: Record<string, string> = {},
    options?: oidc.DPoPOptions,
  ) {
    const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
    const [expectedState, expectedNonce] = [oidc.randomState(), oidc.randomNonce()];
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: REDIRECT_URI,
      scope: 'openid profile email',
      code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
      state: expectedState,
      nonce: expectedNonce,
      ...more,
    });
    return oidc.authorizationCodeGrant(
      config,
      await agreeAt(url),
      { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true },
      undefined,
      options,
    );
  }

  test('discovery, code with PKCE, ID Token, UserInfo, refresh, introspection, revocation', async () => {
    const config = await configOf(client);
    expect(config.serverMetadata().supportsPKCE()).toBe(true);
    const tokens = await codeFlow(config);
    expect(tokens.claims()).toMatchObject({
      sub: account.id,
      iss: server.issuer,
      email: 'alice@example.org',
    });
    const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, account.id);
    expect(userinfo).toMatchObject({ sub: account.id, preferred_username: 'alice', email_verified: true });

    const next = await oidc.refreshTokenGrant(config, tokens.refresh_token ?? '');
    expect(next.claims()?.sub).toBe(account.id);
    expect(next.refresh_token).not.toBe(tokens.refresh_token);
    const told = await oidc.tokenIntrospection(config, next.access_token);
    expect(told).toMatchObject({ active: true, client_id: client.clientId, sub: account.id });

    await oidc.tokenRevocation(config, next.refresh_token ?? '');
    expect(await oidc.tokenIntrospection(config, next.access_token)).toEqual({ active: false });
    await expect(oidc.fetchUserInfo(config, next.access_token, account.id)).rejects.toThrow();
    await expect(oidc.refreshTokenGrant(config, next.refresh_token ?? '')).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });

  test('a public client, with the secret nowhere', async () => {
    const open = await server.createClient({ token_endpoint_auth_method: 'none' });
    const config = await configOf(open, oidc.None());
    const tokens = await codeFlow(config);
    expect(tokens.claims()?.sub).toBe(account.id);
    expect((await oidc.refreshTokenGrant(config, tokens.refresh_token ?? '')).access_token).toBeTruthy();
  });

  test.each([
    ['client_secret_post', (secret: string) => oidc.ClientSecretPost(secret)],
    ['client_secret_basic', (secret: string) => oidc.ClientSecretBasic(secret)],
    ['client_secret_jwt', (secret: string) => oidc.ClientSecretJwt(secret)],
  ] as const)('%s', async (method, how) => {
    const own = await server.createClient({ token_endpoint_auth_method: method });
    const tokens = await codeFlow(await configOf(own, how(own.secret)));
    expect(tokens.claims()?.sub).toBe(account.id);
  });

  test('private_key_jwt', async () => {
    const pair = await oidc.randomDPoPKeyPair('ES256', { extractable: true });
    const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey);
    const own = await server.createClient({
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ kty, crv, x, y, alg: 'ES256', use: 'sig' }] },
    });
    const tokens = await codeFlow(await configOf(own, oidc.PrivateKeyJwt(pair.privateKey)));
    expect(tokens.claims()?.sub).toBe(account.id);
  });

  test('every algorithm of ID Tokens', async () => {
    for (const alg of ['RS256', 'PS256', 'ES256']) {
      const own = await server.createClient({ id_token_signed_response_alg: alg });
      const metadata = { client_secret: own.secret, id_token_signed_response_alg: alg };
      const config = await oidc.discovery(new URL(server.issuer), own.clientId, metadata, undefined, {
        execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
      });
      expect((await codeFlow(config)).claims()?.sub).toBe(account.id);
    }
    const own = await server.createClient({ id_token_signed_response_alg: 'EdDSA' });
    const metadata = { client_secret: own.secret, id_token_signed_response_alg: 'EdDSA' };
    const config = await oidc.discovery(new URL(server.issuer), own.clientId, metadata, undefined, {
      execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
    });
    expect((await codeFlow(config)).claims()?.sub).toBe(account.id);
  });

  test('pushed authorization request', async () => {
    const config = await configOf(client);
    const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
    const url = await oidc.buildAuthorizationUrlWithPAR(config, {
      redirect_uri: REDIRECT_URI,
      scope: 'openid',
      code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    });
    expect([...url.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri']);
    const tokens = await oidc.authorizationCodeGrant(config, await agreeAt(url), { pkceCodeVerifier });
    expect(tokens.claims()?.sub).toBe(account.id);
  });

  test('hybrid: the library checks c_hash', async () => {
    const own = await server.createClient({
      grant_types: ['authorization_code', 'implicit'],
      response_types: ['code id_token'],
    });
    const config = await configOf(own);
    oidc.useCodeIdTokenResponseType(config);
    const tokens = await codeFlow(config);
    expect(tokens.claims()?.sub).toBe(account.id);
  });

  test('client credentials', async () => {
    const config = await configOf(client);
    const tokens = await oidc.clientCredentialsGrant(config, { scope: 'profile' });
    expect(tokens.scope).toBe('profile');
    expect(await oidc.tokenIntrospection(config, tokens.access_token)).toMatchObject({ active: true });
  });

  test('device flow: polled by the library while a person agrees', async () => {
    const device = await server.createClient({
      grant_types: [DEVICE_CODE, 'refresh_token'],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: 'none',
      scope: 'openid profile',
    });
    const config = await configOf(device, oidc.None());
    const started = await oidc.initiateDeviceAuthorization(config, { scope: 'openid profile' });
    const browser = createBrowser();
    let page = await browser.get(started.verification_uri_complete ?? '');
    page = await browser.submit(page, '/oauth/device');
    page = await browser.follow(
      await browser.submit(page, '/oauth/device', { confirm: 'yes' }),
      server.issuer,
    );
    page = await browser.submit(page, '/login', {
      username: 'alice',
      password: 'correct horse battery staple',
    });
    page = await browser.follow(page, server.issuer);
    page = await browser.follow(await browser.submit(page, '/consent', { decision: 'allow' }), server.issuer);
    expect(page.text).toContain('Your device is connected');
    const tokens = await oidc.pollDeviceAuthorizationGrant(config, { ...started, interval: 1 });
    expect(tokens.claims()?.sub).toBe(account.id);
  });

  test('DPoP: bound tokens at UserInfo and at refresh, nonces included', async () => {
    const config = await configOf(client);
    const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
    const tokens = await codeFlow(config, { dpop_jkt: await DPoP.calculateThumbprint() }, { DPoP });
    expect(tokens.token_type).toBe('dpop');
    const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, account.id, { DPoP });
    expect(userinfo.sub).toBe(account.id);
    const next = await oidc.refreshTokenGrant(config, tokens.refresh_token ?? '', undefined, { DPoP });
    expect(next.token_type).toBe('dpop');
    expect((await getWith(server, '/api/me', next.access_token)).status).toBe(401);
  });

  test('signing out at the end session endpoint goes back to the client', async () => {
    const own = await server.createClient({ post_logout_redirect_uris: ['https://app.example/bye'] });
    const config = await configOf(own);
    const tokens = await codeFlow(config);
    const url = oidc.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token ?? '',
      post_logout_redirect_uri: 'https://app.example/bye',
      state: 'the-state',
    });
    const browser = createBrowser();
    let page = await browser.get(url.href);
    if (page.status === 200)
      page = await browser.submit(page, '/oauth/end_session/confirm', { logout: 'yes' });
    page = await browser.follow(page, server.issuer);
    expect(page.location).toBe('https://app.example/bye?state=the-state');
  });
});

describe('oauth4webapi', () => {
  const insecure = { [oauth.allowInsecureRequests]: true };

  test('discovery, code with PKCE, validated answers, UserInfo, refresh, a refused replay', async () => {
    const issuer = new URL(server.issuer);
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
    const own: oauth.Client = { client_id: client.clientId };
    const authentication = oauth.ClientSecretBasic(client.secret);
    const verifier = oauth.generateRandomCodeVerifier();
    const [state, nonce] = [oauth.generateRandomState(), randomUUID()];

    const url = new URL(as.authorization_endpoint ?? '');
    url.search = new URLSearchParams({
      client_id: client.clientId,
      redirect_uri: REDIRECT_URI,
      response_type: 'code',
      scope: 'openid profile',
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    }).toString();
    const params = oauth.validateAuthResponse(as, own, await agreeAt(url), state);
    const redeem = () =>
      oauth.authorizationCodeGrantRequest(as, own, authentication, params, REDIRECT_URI, verifier, insecure);
    const tokens = await oauth.processAuthorizationCodeResponse(as, own, await redeem(), {
      expectedNonce: nonce,
      requireIdToken: true,
    });
    const sub = oauth.getValidatedIdTokenClaims(tokens)?.sub ?? '';
    expect(sub).toBe(account.id);

    const userinfo = await oauth.userInfoRequest(as, own, tokens.access_token, insecure);
    expect(await oauth.processUserInfoResponse(as, own, sub, userinfo)).toMatchObject({ name: 'alice' });
    const refreshed = await oauth.processRefreshTokenResponse(
      as,
      own,
      await oauth.refreshTokenGrantRequest(as, own, authentication, tokens.refresh_token ?? '', insecure),
    );
    expect(refreshed.access_token).not.toBe(tokens.access_token);

    await expect(oauth.processAuthorizationCodeResponse(as, own, await redeem())).rejects.toMatchObject({
      error: 'invalid_grant',
      status: 400,
    });
    const after = await oauth.introspectionRequest(as, own, authentication, refreshed.access_token, insecure);
    expect(await oauth.processIntrospectionResponse(as, own, after)).toEqual({ active: false });
  });

  test('a JWT access token is accepted by a resource server that uses the library (RFC 9068)', async () => {
    const resource = 'https://api.example';
    await server.container.resources.create({
      identifier: resource,
      scopes: ['profile'],
      signing_alg: 'ES256',
    });
    const issuer = new URL(server.issuer);
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
    const answer = await oauth.clientCredentialsGrantRequest(
      as,
      { client_id: client.clientId },
      oauth.ClientSecretBasic(client.secret),
      { resource, scope: 'profile' },
      insecure,
    );
    const { access_token } = await oauth.processClientCredentialsResponse(
      as,
      { client_id: client.clientId },
      answer,
    );
    const request = new Request(resource, { headers: { authorization: `Bearer ${access_token}` } });
    const claims = await oauth.validateJwtAccessToken(as, request, resource, {
      ...insecure,
      signingAlgorithms: ['ES256'],
    });
    expect(claims).toMatchObject({ client_id: client.clientId, scope: 'profile', aud: resource });
  });
});
