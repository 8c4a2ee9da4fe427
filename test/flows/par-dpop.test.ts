import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createBrowser } from '../support/browser.js';
import {
  answerOf,
  authorizeUrl,
  getCode,
  getWith,
  introspect,
  newPkce,
  post,
  redeem,
  type TokenAnswer,
  walk,
} from '../support/flow.js';
import { dpopProof, newProofKey, type ProofKey } from '../support/proofs.js';
import { REDIRECT_URI, startServer, type TestClient, type TestServer } from '../support/server.js';
import { later, realTime } from '../support/time.js';

let server: TestServer;
let client: TestClient;
let open: TestClient;

beforeAll(async () => {
  server = await startServer();
  await server.createAccount('alice');
  client = await server.createClient();
  open = await server.createClient({ token_endpoint_auth_method: 'none' });
});
afterEach(realTime);
afterAll(() => server.close());

describe('pushed authorization requests (RFC 9126)', () => {
  const pkce = newPkce();
  const FORM = {
    response_type: 'code',
    redirect_uri: REDIRECT_URI,
    scope: 'openid profile',
    state: 'the-state',
    code_challenge: pkce.challenge,
    code_challenge_method: 'S256',
  };
  const push = (by: TestClient | undefined, more: Record<string, string> = {}) =>
    post(server, '/oauth/par', { ...FORM, ...(by ? { client_id: by.clientId } : {}), ...more }, by);
  const authorize = (by: TestClient, request_uri: string, browser = createBrowser()) =>
    browser.get(
      server.url(`/oauth/authorize?${new URLSearchParams({ client_id: by.clientId, request_uri })}`),
    );
  /** A refusal told to the person: no code, and no redirect to the client with one. */
  const refusedPage = async (by: TestClient, request_uri: string, browser = createBrowser()) => {
    const page = await browser.follow(await authorize(by, request_uri, browser), server.issuer);
    expect(page.status).not.toBe(200);
    expect(page.location ?? '').not.toContain('code=');
    return page;
  };

  test('201 with an address that is not cached, unguessable and short-lived; it leads to a code', async () => {
    const pushed = await push(client);
    expect(pushed.status).toBe(201);
    expect(pushed.headers.get('cache-control')).toBe('no-store');
    expect(pushed.body.request_uri).toMatch(/^urn:ietf:params:oauth:request_uri:[\w-]{43,}$/);
    expect(pushed.body.expires_in).toBe(60);
    const browser = createBrowser();
    const page = await walk(server, browser, await authorize(client, pushed.body.request_uri, browser));
    const answer = answerOf(page);
    expect(answer.get('state')).toBe('the-state');
    const tokens = await redeem(server, client, { code: answer.get('code') ?? '', pkce, browser });
    expect(tokens).toMatchObject({ status: 200, body: { scope: 'openid profile' } });
  });

  test('a public client may push too', async () => {
    const pushed = await push(open);
    expect(pushed.status).toBe(201);
    const browser = createBrowser();
    const page = await walk(server, browser, await authorize(open, pushed.body.request_uri, browser));
    expect(answerOf(page).get('code')).toBeTruthy();
  });

  test('A66: used by another client: refused, and none the worse for its own', async () => {
    const other = await server.createClient();
    const { request_uri } = (await push(client)).body;
    const page = await refusedPage(other, request_uri);
    expect(page.location ?? '').not.toContain('evil');
    const browser = createBrowser();
    const own = await walk(server, browser, await authorize(client, request_uri, browser));
    expect(answerOf(own).get('code')).toBeTruthy();
  });

  test('A66: used twice: the second time it is gone', async () => {
    const { request_uri } = (await push(client)).body;
    const browser = createBrowser();
    const first = await walk(server, browser, await authorize(client, request_uri, browser));
    expect(answerOf(first).get('code')).toBeTruthy();
    await refusedPage(client, request_uri, browser);
    await refusedPage(client, request_uri);
  });

  test('A66: after its time, or made up: refused', async () => {
    const { request_uri } = (await push(client)).body;
    later(60 + 16);
    await refusedPage(client, request_uri);
    await refusedPage(client, `${request_uri.slice(0, -1)}x`);
    await refusedPage(client, 'urn:ietf:params:oauth:request_uri:x');
    await refusedPage(client, 'https://evil.example/request');
  });

  test('A66: a request_uri in a push is invalid_request', async () => {
    const { request_uri } = (await push(client)).body;
    const nested = await push(client, { request_uri });
    expect(nested).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect((await push(client, { request_uri: 'https://evil.example/r' })).status).toBe(400);
  });

  test('A66: GET is 405', async () => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const response = await fetch(server.url(`/oauth/par?${new URLSearchParams(FORM)}`), { method });
      expect([method, response.status]).toEqual([method, 405]);
      expect(await response.text()).not.toContain('request_uri:');
    }
  });

  test('A66: anonymous, a wrong secret, a confidential client by its id alone: invalid_client', async () => {
    const refused = { status: 401, body: { error: 'invalid_client' } };
    expect(await push(undefined)).toMatchObject(refused);
    expect(await push(undefined, { client_id: 'nobody' })).toMatchObject(refused);
    expect(await push({ ...client, secret: 'wrong' })).toMatchObject(refused);
    expect(await push({ ...client, secret: '' })).toMatchObject(refused);
  });

  test('A66: a redirect_uri that is not registered, or none, is refused at the push', async () => {
    for (const redirect_uri of [
      'https://evil.example/cb',
      `${REDIRECT_URI}/../x`,
      'javascript:alert(1)',
      '',
    ]) {
      const answer = await push(client, { redirect_uri });
      expect(answer.status).toBe(400);
      expect(['invalid_request', 'invalid_redirect_uri']).toContain(answer.body.error);
    }
  });

  test('A66: plain PKCE, none for a public client, a short challenge: refused at the push', async () => {
    const faults: [TestClient, Record<string, string>][] = [
      [client, { code_challenge_method: 'plain' }],
      [open, { code_challenge: '', code_challenge_method: '' }],
      [open, { code_challenge_method: '' }],
      [client, { code_challenge: 'abc' }],
    ];
    for (const [by, more] of faults) {
      expect(await push(by, more)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    }
  });

  test('parameters beside the request_uri do not change what was pushed', async () => {
    const { request_uri } = (await push(client)).body;
    const browser = createBrowser();
    const url = authorizeUrl(server, client, {
      request_uri,
      redirect_uri: 'https://evil.example/cb',
      scope: 'openid email',
      state: 'other',
    });
    const page = await walk(server, browser, await browser.get(url));
    expect(page.location ?? '').not.toMatch(/^https:\/\/evil/);
    if (page.location) expect(answerOf(page).get('state')).toBe('the-state');
  });

  test('scopes that the client may not have are cut (seed row 85)', async () => {
    const { request_uri } = (await push(client, { scope: 'openid profile roles admin' })).body;
    const browser = createBrowser();
    const page = await walk(server, browser, await authorize(client, request_uri, browser));
    const tokens = await redeem(server, client, { code: answerOf(page).get('code') ?? '', pkce, browser });
    expect(tokens.body.scope).toBe('openid profile');
  });

  test('a client that must push gets nowhere without', async () => {
    const strict = await server.createClient({ require_pushed_authorization_requests: true });
    const page = await createBrowser().get(authorizeUrl(server, strict));
    expect(page.location ?? '').not.toContain('code=');
    expect(page.status === 400 || answerOf(page).get('error') === 'invalid_request').toBe(true);
  });
});

describe('DPoP (RFC 9449)', () => {
  let key: ProofKey;
  const htu = () => server.url('/oauth/token');

  beforeAll(async () => {
    key = await newProofKey();
  });

  const form = ({ code, pkce }: Awaited<ReturnType<typeof getCode>>) => ({
    grant_type: 'authorization_code',
    code,
    redirect_uri: REDIRECT_URI,
    code_verifier: pkce.verifier,
  });
  async function withProof(fields: Record<string, string>, proof: string, by = client): Promise<TokenAnswer> {
    return post(server, '/oauth/token', fields, by, { dpop: proof });
  }
  async function boundTokens(by = client, params: Record<string, string> = {}) {
    const proof = await dpopProof(key, 'POST', htu());
    const answer = await withProof(form(await getCode(server, by, params)), proof, by);
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
    return answer.body;
  }
  async function userinfo(token: string, proof?: string, scheme = 'DPoP') {
    const response = await fetch(server.url('/oauth/userinfo'), {
      headers: { authorization: `${scheme} ${token}`, ...(proof ? { dpop: proof } : {}) },
    });
    return { status: response.status, headers: response.headers, body: await response.json() };
  }
  const proofFor = (token: string, by = key, more = {}) =>
    dpopProof(by, 'GET', server.url('/oauth/userinfo'), { accessToken: token, ...more });

  test('a token bound to a key works with proofs of that key only', async () => {
    const { access_token, token_type } = await boundTokens();
    expect(token_type).toBe('DPoP');
    expect(await introspect(server, client, access_token)).toMatchObject({
      active: true,
      token_type: 'DPoP',
      cnf: { jkt: key.thumbprint },
    });
    expect((await userinfo(access_token, await proofFor(access_token))).status).toBe(200);
    const thief = await newProofKey();
    expect((await userinfo(access_token, await proofFor(access_token, thief))).status).toBe(401);
    expect((await userinfo(access_token)).status).toBeGreaterThanOrEqual(400);
  });

  test('a DPoP token as Bearer is 401, at UserInfo and at /api/me (RFC 9449 §7.1)', async () => {
    const { access_token } = await boundTokens();
    expect((await userinfo(access_token, undefined, 'Bearer')).status).toBe(401);
    expect([400, 401]).toContain(
      (await userinfo(access_token, await proofFor(access_token), 'Bearer')).status,
    );
    const me = await getWith(server, '/api/me', access_token);
    expect(me).toMatchObject({ status: 401, body: { error: 'invalid_token' } });
  });

  test('a proof is good once', async () => {
    const { access_token } = await boundTokens();
    const proof = await proofFor(access_token);
    expect((await userinfo(access_token, proof)).status).toBe(200);
    const replayed = await userinfo(access_token, proof);
    expect(replayed.status).toBe(401);
    const tokenProof = await dpopProof(key, 'POST', htu());
    expect((await withProof(form(await getCode(server, client)), tokenProof)).status).toBe(200);
    const again = await withProof(form(await getCode(server, client)), tokenProof);
    expect(again.status).toBe(400);
    expect(['invalid_grant', 'invalid_dpop_proof']).toContain(again.body.error);
  });

  const now = () => Math.floor(Date.now() / 1000);
  const faults: [string, () => Promise<string>][] = [
    ['for another method', () => dpopProof(key, 'GET', htu())],
    ['for another address', () => dpopProof(key, 'POST', server.url('/oauth/userinfo'))],
    ['for another host', () => dpopProof(key, 'POST', 'https://evil.example/oauth/token')],
    ['without jti', () => dpopProof(key, 'POST', htu(), { claims: { jti: undefined } })],
    ['without iat', () => dpopProof(key, 'POST', htu(), { claims: { iat: undefined } })],
    ['of another type', () => dpopProof(key, 'POST', htu(), { header: { typ: 'JWT' } })],
    [
      'whose key is not the signer’s',
      async () => {
        const { publicJwk } = await newProofKey();
        return dpopProof(key, 'POST', htu(), { header: { jwk: publicJwk } });
      },
    ],
    [
      'that shows a private key',
      () =>
        dpopProof(key, 'POST', htu(), {
          header: { jwk: { ...key.publicJwk, d: key.privateKey.export({ format: 'jwk' }).d } },
        }),
    ],
    ['that is no JWT', async () => 'x.y.z'],
  ];
  test.each(faults)('a proof %s is invalid_dpop_proof', async (_name, proof) => {
    const answer = await withProof(form(await getCode(server, client)), await proof());
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_dpop_proof' } });
  });

  test('query and fragment of htu do not matter (RFC 9449 §4.3)', async () => {
    const proof = await dpopProof(key, 'POST', `${htu()}?a=b#c`);
    expect((await withProof(form(await getCode(server, client)), proof)).status).toBe(200);
  });

  test('a proof without the hash of the token, or of another token, is refused at UserInfo', async () => {
    const { access_token } = await boundTokens();
    const bare = await dpopProof(key, 'GET', server.url('/oauth/userinfo'));
    for (const proof of [bare, await proofFor('another token')]) {
      expect([400, 401]).toContain((await userinfo(access_token, proof)).status);
    }
  });

  test('an old proof is told to use a nonce, and works with it (RFC 9449 §8)', async () => {
    const old = { iat: now() - 3600 };
    const first = await withProof(
      form(await getCode(server, client)),
      await dpopProof(key, 'POST', htu(), { claims: old }),
    );
    expect(first).toMatchObject({ status: 400, body: { error: 'use_dpop_nonce' } });
    const nonce = first.headers.get('dpop-nonce') ?? '';
    expect(nonce).not.toBe('');
    const second = await withProof(
      form(await getCode(server, client)),
      await dpopProof(key, 'POST', htu(), { claims: { ...old, nonce } }),
    );
    expect(second.status).toBe(200);
    const made = await withProof(
      form(await getCode(server, client)),
      await dpopProof(key, 'POST', htu(), { claims: { nonce: 'made up' } }),
    );
    expect(made).toMatchObject({ status: 400, body: { error: 'use_dpop_nonce' } });
    const { access_token } = await boundTokens();
    const resource = await userinfo(access_token, await proofFor(access_token, key, { claims: old }));
    expect(resource.status).toBe(401);
    expect(resource.headers.get('www-authenticate')).toContain('use_dpop_nonce');
    expect(resource.headers.get('dpop-nonce')).toBeTruthy();
  });

  const SECRET = 'k'.repeat(43);
  test.each([
    ['the same secret', SECRET, 200],
    ['another secret first, and this one after it', `${'n'.repeat(43)},${SECRET}`, 200],
    ['another secret', 'n'.repeat(43), 400],
  ])(
    'nonces are derived from the secrets: of one instance they are judged by another with %s',
    async (_, SECRET_KEY, status) => {
      const [one, two] = [await startServer({ SECRET_KEY: SECRET }), await startServer({ SECRET_KEY })];
      try {
        const nonceOf = async (at: TestServer) => {
          const own = await at.createClient({
            grant_types: ['client_credentials'],
            response_types: [],
            redirect_uris: [],
          });
          const ask = async (claims: object) =>
            post(at, '/oauth/token', { grant_type: 'client_credentials' }, own, {
              dpop: await dpopProof(key, 'POST', at.url('/oauth/token'), { claims }),
            });
          const refused = await ask({ nonce: 'made up' });
          return { ask, nonce: refused.headers.get('dpop-nonce') ?? '' };
        };
        const first = await nonceOf(one);
        const second = await nonceOf(two);
        expect((await second.ask({ nonce: second.nonce })).status).toBe(200);
        expect((await second.ask({ nonce: first.nonce })).status).toBe(status);
      } finally {
        await one.close();
        await two.close();
      }
    },
  );

  test('dpop_jkt binds the code to a key: another key, or none, is invalid_grant (RFC 9449 §10)', async () => {
    const thief = await newProofKey();
    const params = { dpop_jkt: key.thumbprint };
    const other = await withProof(
      form(await getCode(server, client, params)),
      await dpopProof(thief, 'POST', htu()),
    );
    expect(other).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    const none = await redeem(server, client, await getCode(server, client, params));
    expect(none).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect((await boundTokens(client, params)).token_type).toBe('DPoP');
  });

  test('a proof at PAR binds the code as well', async () => {
    const thief = await newProofKey();
    const pkce = newPkce();
    const pushed = await post(
      server,
      '/oauth/par',
      {
        client_id: client.clientId,
        response_type: 'code',
        redirect_uri: REDIRECT_URI,
        code_challenge: pkce.challenge,
        code_challenge_method: 'S256',
        scope: 'openid',
      },
      client,
      { dpop: await dpopProof(key, 'POST', server.url('/oauth/par')) },
    );
    expect(pushed.status).toBe(201);
    const browser = createBrowser();
    const url = server.url(
      `/oauth/authorize?${new URLSearchParams({ client_id: client.clientId, request_uri: pushed.body.request_uri })}`,
    );
    const code = answerOf(await walk(server, browser, await browser.get(url))).get('code') ?? '';
    const stolen = await withProof(form({ code, pkce, browser }), await dpopProof(thief, 'POST', htu()));
    expect(stolen).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });

  test('the refresh token of a public client is bound: another key is refused, its own goes on', async () => {
    const thief = await newProofKey();
    const { refresh_token } = await boundTokens(open);
    const fields = { grant_type: 'refresh_token', refresh_token };
    const other = await withProof(fields, await dpopProof(thief, 'POST', htu()), open);
    expect(other.status).toBe(400);
    expect(['invalid_grant', 'invalid_dpop_proof']).toContain(other.body.error);
    expect(await post(server, '/oauth/token', fields, open)).toMatchObject({ status: 400 });
    const own = await withProof(fields, await dpopProof(key, 'POST', htu()), open);
    expect(own).toMatchObject({ status: 200, body: { token_type: 'DPoP' } });
  });

  test('a client registered for bound tokens gets none without a proof', async () => {
    const strict = await server.createClient({ dpop_bound_access_tokens: true });
    const answer = await redeem(server, strict, await getCode(server, strict));
    expect(answer.status).toBe(400);
    expect(['invalid_grant', 'invalid_dpop_proof', 'invalid_request']).toContain(answer.body.error);
    expect((await boundTokens(strict)).token_type).toBe('DPoP');
  });

  test('the password, client credentials and device grants bind too', async () => {
    const all = await server.createClient({
      grant_types: ['password', 'client_credentials'],
      response_types: [],
      redirect_uris: [],
    });
    const machine = await withProof(
      { grant_type: 'client_credentials' },
      await dpopProof(key, 'POST', htu()),
      all,
    );
    expect(machine.body.token_type).toBe('DPoP');
    const person = await withProof(
      {
        grant_type: 'password',
        username: 'alice',
        password: 'correct horse battery staple',
        scope: 'profile',
      },
      await dpopProof(key, 'POST', htu()),
      all,
    );
    expect(person.body.token_type).toBe('DPoP');
  });
});
