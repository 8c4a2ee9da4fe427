/** The OIDC connector against a real provider on another port, which is made to lie in every way we know of. */
import { createHash, createHmac, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { exportJWK, exportSPKI, generateKeyPair, importJWK, type JWTPayload, SignJWT } from 'jose';
import type { Upstream } from '../../src/relying-party/upstream.js';
import { startServer } from '../support/server.js';
import { type Bench, CALLBACK, createBench, loginThrough } from '../support/upstream-login.js';
import { entryOf, newSigningPair, type OidcUpstream, startOidcUpstream } from '../support/upstreams.js';

let there: OidcUpstream;
let entry: Upstream;
let bench: Bench;

beforeAll(async () => {
  there = await startOidcUpstream({ redirectUris: [CALLBACK] });
});
afterAll(() => there.close());

beforeEach(() => {
  bench = createBench();
  entry = entryOf(there);
});
afterEach(() => {
  there.wrong = {};
  there.requests.length = 0;
});

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const now = (): number => Math.floor(Date.now() / 1000);
const refusedAs = (fault: string) => ({ name: 'UpstreamError', fault });
const ada = {
  sub: 'ada-at-upstream',
  email: 'ada@upstream.example',
  email_verified: true,
  name: 'Ada Lovelace',
};

describe('a proper provider', () => {
  test('row 4: PKCE, state and nonce go out; who came back is proven', async () => {
    const { identity, tokens, location } = await bench.login(entry);
    expect(Object.fromEntries(location.searchParams)).toMatchObject({
      response_type: 'code',
      client_id: 'postern',
      redirect_uri: CALLBACK,
      scope: 'openid profile email',
      code_challenge_method: 'S256',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.any(String),
      state: expect.any(String),
    });
    expect(identity).toMatchObject({
      issuer: there.issuer,
      subject: 'ada-at-upstream',
      email: 'ada@upstream.example',
      emailVerified: true,
      username: 'ada',
      displayName: 'Ada Lovelace',
    });
    expect(JSON.stringify(identity)).not.toContain(tokens.accessToken);
    expect(tokens).toMatchObject({ refreshToken: expect.any(String), idToken: expect.stringMatching(/^ey/) });
    expect(tokens.expiresAt).toBeGreaterThan(Date.now());
  });

  test('discovery and keys are fetched once for many sign-ins', async () => {
    for (let round = 0; round < 3; round += 1) await bench.login(entry);
    expect(there.count('GET /.well-known/openid-configuration')).toBe(1);
    expect(there.count('GET /jwks')).toBe(1);
  });

  test('tokens are refreshed, and sign-out leads there with the hint', async () => {
    const { tokens } = await bench.login(entry);
    const connector = bench.connectorOf(entry);
    const renewed = await connector.refresh?.(entry, tokens.refreshToken ?? '');
    expect(renewed?.accessToken).not.toBe(tokens.accessToken);
    await expect(connector.refresh?.(entry, 'no such token')).rejects.toMatchObject(refusedAs('refused'));
    const address = new URL(
      (await connector.signOutAddress?.(entry, {
        idToken: tokens.idToken,
        returnTo: 'http://localhost:5000/',
      })) ?? '',
    );
    expect(address.pathname).toBe('/session/end');
    expect(Object.fromEntries(address.searchParams)).toEqual({
      client_id: 'postern',
      id_token_hint: tokens.idToken,
      post_logout_redirect_uri: 'http://localhost:5000/',
    });
  });

  test('row 109: a sign-out address of its own gets the return address as the original sent it', async () => {
    const own = { ...entry, logoutUrl: 'https://sso.example/logout?x=1' };
    const address = await bench
      .connectorOf(own)
      .signOutAddress?.(own, { returnTo: 'http://localhost:5000/' });
    expect(address).toBe('https://sso.example/logout?x=1&redirect_uri=http%3A%2F%2Flocalhost%3A5000%2F');
  });

  test('a scope without openid gets it, and further parameters never replace ours', async () => {
    const mapping = {
      ...entry.mappings.linked,
      scope: 'email',
      params: { state: 'mine', show_login: 'true' },
    };
    const odd = { ...entry, mappings: { ...entry.mappings, linked: mapping } };
    const { location } = await bench.login(odd);
    expect(location.searchParams.get('scope')).toBe('openid email');
    expect(location.searchParams.getAll('state')).not.toEqual(['mine']);
    expect(location.searchParams.get('show_login')).toBe('true');
  });

  test('client authentication as configured, and the other one where only that is offered', async () => {
    const authorizationOf = async (clientAuth: Upstream['clientAuth'], offered: readonly string[]) => {
      const own = createBench();
      let seen: string | undefined;
      const metadata = { token_endpoint_auth_methods_supported: offered };
      const answer = {
        '/token': (req: IncomingMessage, res: ServerResponse) => {
          seen = req.headers.authorization?.split(' ')[0];
          res.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_client"}');
        },
      };
      there.wrong = { metadata, answer };
      await expect(own.login({ ...entry, clientAuth })).rejects.toMatchObject(refusedAs('refused'));
      return seen;
    };
    const both = ['client_secret_basic', 'client_secret_post'];
    expect(await authorizationOf('client_secret_basic', both)).toBe('Basic');
    expect(await authorizationOf('client_secret_post', both)).toBeUndefined();
    expect(await authorizationOf('client_secret_post', ['client_secret_basic'])).toBe('Basic');
    expect(await authorizationOf('client_secret_basic', ['client_secret_post'])).toBeUndefined();
  });
});

test('a new OpenID provider needs configuration only', async () => {
  const server = await startServer({
    UPSTREAM_UNI_ISSUER: there.issuer,
    UPSTREAM_UNI_CLIENT_ID: there.clientId,
    UPSTREAM_UNI_CLIENT_SECRET: there.clientSecret,
  });
  const { upstreams, upstreamSide } = server.container;
  const [upstream] = upstreams.visible();
  const { identity } = await loginThrough(upstreamSide.connectorOf, upstream as Upstream);
  expect(identity).toMatchObject({ issuer: there.issuer, subject: 'ada-at-upstream', username: 'ada' });
  await server.close();
});

describe('row 105: signatures that are good', () => {
  const publishing = (...keys: object[]) => ({
    '/jwks': (_req: IncomingMessage, res: ServerResponse) => {
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys }));
    },
  });

  test.each(['RS512', 'PS256', 'ES256', 'ES384', 'EdDSA'])(
    '%s, with the hash that goes with it',
    async (alg) => {
      const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
      const half = (token: string): string => {
        const hash = createHash(alg === 'EdDSA' ? 'sha512' : `sha${alg.slice(2)}`)
          .update(token)
          .digest();
        return hash.subarray(0, hash.length / 2).toString('base64url');
      };
      there.wrong = {
        answer: publishing({ ...(await exportJWK(publicKey)), alg, kid: 'k' }),
        idToken: (_token, claims, accessToken) =>
          new SignJWT({ ...claims, at_hash: half(accessToken) })
            .setProtectedHeader({ alg, kid: 'k' })
            .sign(privateKey),
      };
      await expect(bench.login(entry)).resolves.toMatchObject({ identity: { subject: 'ada-at-upstream' } });
    },
  );

  test('without kid, by one of several keys that would fit', async () => {
    const pairs = [await newSigningPair('a'), await newSigningPair('b')];
    const keys = pairs.map(({ publicJwk: { kid: _kid, ...key } }) => key);
    const signedBy = (pair: (typeof pairs)[number]) => {
      there.wrong = {
        answer: publishing(...keys),
        idToken: (_token, claims) =>
          new SignJWT(claims).setProtectedHeader({ alg: 'RS256' }).sign(pair.privateKey),
      };
      return bench.login(entry);
    };
    for (const pair of pairs) await expect(signedBy(pair)).resolves.toBeDefined();
    await expect(signedBy(await newSigningPair('c'))).rejects.toMatchObject(refusedAs('invalid'));
  });
});

describe('row 105: an ID Token that proves nothing is refused', () => {
  const forged = (sign: (claims: JWTPayload) => string | Promise<string>) => {
    there.wrong = { idToken: (_token, claims) => sign(claims) };
  };
  const hs256 = (header: object, claims: JWTPayload, secret: string): string => {
    const input = `${base64(header)}.${base64(claims)}`;
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
  };

  test.each(['none', 'None', 'NONE', ''])('A69: alg "%s"', async (alg) => {
    forged((claims) => `${base64({ alg })}.${base64(claims)}.`);
    await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('invalid'));
  });

  test('A69: an empty signature under a good header', async () => {
    there.wrong = { idToken: (token) => token.replace(/\.[^.]*$/, '.') };
    await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('invalid'));
  });

  test('A70: HS256 keyed with the published public key, the client secret, or nothing', async () => {
    const { publicJwk, kid } = there.key();
    const pem = await exportSPKI((await importJWK(publicJwk, 'RS256', { extractable: true })) as never);
    for (const secret of [pem, pem.trim(), there.clientSecret, '']) {
      forged((claims) => hs256({ alg: 'HS256', kid }, claims, secret));
      await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('invalid'));
    }
  });

  test('A70: not even where the provider says that it signs so', async () => {
    there.wrong = {
      metadata: { id_token_signing_alg_values_supported: ['HS256', 'none'] },
      idToken: (_token, claims) => hs256({ alg: 'HS256' }, claims, there.clientSecret),
    };
    await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('invalid'));
  });

  test('A72: another payload under a good signature, four parts, JSON serialisation', async () => {
    const shapes: ((token: string, claims: JWTPayload) => string)[] = [
      (token, claims) => {
        const [head, , signature] = token.split('.');
        return `${head}.${base64({ ...claims, sub: 'root' })}.${signature}`;
      },
      (token) => `${token}.${token.split('.')[2]}`,
      (token) => {
        const [head, payload, signature] = token.split('.');
        return JSON.stringify({ payload, protected: head, signature });
      },
    ];
    for (const idToken of shapes) {
      there.wrong = { idToken };
      await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('invalid'));
    }
  });

  test('a key of nobody we know, named by a kid we know or in the header itself', async () => {
    const foreign = await newSigningPair(there.key().kid);
    for (const more of [{}, { jwk: foreign.publicJwk }, { jku: 'https://evil.example/jwks' }]) {
      forged((claims) =>
        new SignJWT(claims)
          .setProtectedHeader({ alg: 'RS256', kid: foreign.kid, ...more } as never)
          .sign(foreign.privateKey),
      );
      await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('invalid'));
    }
    expect(there.count('GET /jwks')).toBe(1);
  });

  test.each<[string, (claims: JWTPayload) => JWTPayload]>([
    ['A74: another audience', (claims) => ({ ...claims, aud: 'somebody-else' })],
    ['another authorized party', (claims) => ({ ...claims, aud: ['postern', 'x'], azp: 'x' })],
    ['A74: another issuer', (claims) => ({ ...claims, iss: 'https://evil.example' })],
    ['no issuer', ({ iss: _iss, ...claims }) => claims],
    ['another nonce', (claims) => ({ ...claims, nonce: 'not-ours' })],
    ['A82: no nonce', ({ nonce: _nonce, ...claims }) => claims],
    ['A74: expired, beyond the tolerance of 30 s', (claims) => ({ ...claims, exp: now() - 45 })],
    ['no end', ({ exp: _exp, ...claims }) => claims],
    ['A74: not valid yet', (claims) => ({ ...claims, nbf: now() + 90 })],
    ['no subject', ({ sub: _sub, ...claims }) => claims],
    ['a subject that is no text', (claims) => ({ ...claims, sub: 42 as never })],
    ['at_hash of another access token', (claims) => ({ ...claims, at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' })],
  ])('%s', async (_name, claims) => {
    there.wrong = { claims };
    await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('invalid'));
  });

  test('a token ending within the tolerance is still good: the refusals are not about everything', async () => {
    there.wrong = { claims: (claims) => ({ ...claims, exp: now() - 5 }) };
    await expect(bench.login(entry)).resolves.toMatchObject({ identity: { subject: 'ada-at-upstream' } });
  });

  test('no ID Token at all', async () => {
    there.wrong = { idToken: () => undefined as never };
    await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('invalid'));
  });

  test('a sign-in there that is older than was asked for', async () => {
    there.wrong = { claims: (claims) => ({ ...claims, auth_time: now() - 1000 }) };
    await expect(bench.login(entry, { maxAge: 300 })).rejects.toMatchObject(refusedAs('invalid'));
  });
});

describe('the callback', () => {
  test.each<[string, string, (url: URL) => void]>([
    ['A80: no state', 'state', (url) => url.searchParams.delete('state')],
    ['A80: a foreign state', 'state', (url) => url.searchParams.set('state', randomUUID())],
    ['A80: iss of another provider', 'invalid', (url) => url.searchParams.set('iss', 'https://evil.example')],
    ['A80: no iss from one that always sends it', 'invalid', (url) => url.searchParams.delete('iss')],
    ['A80: two codes', 'invalid', (url) => url.searchParams.append('code', 'another')],
    ['A80: two states', 'invalid', (url) => url.searchParams.append('state', 'another')],
    ['no code', 'invalid', (url) => url.searchParams.delete('code')],
    ['a code of nobody', 'refused', (url) => url.searchParams.set('code', 'made-up')],
    ['the person said no', 'denied', (url) => url.searchParams.set('error', 'access_denied')],
    ['another error', 'refused', (url) => url.searchParams.set('error', 'server_error')],
  ])('%s', async (_name, fault, inward) => {
    await expect(bench.login(entry, { inward })).rejects.toMatchObject(refusedAs(fault));
  });

  test('an error of another issuer is not believed (mix-up)', async () => {
    const inward = (url: URL) => {
      url.searchParams.set('error', 'access_denied');
      url.searchParams.set('iss', 'https://evil.example');
    };
    await expect(bench.login(entry, { inward })).rejects.toMatchObject(refusedAs('invalid'));
  });

  test.each<[string, string, (url: URL) => void]>([
    ['state', 'state', (url) => url.searchParams.delete('state')],
    ['nonce', 'invalid', (url) => url.searchParams.delete('nonce')],
    [
      'code_challenge',
      'refused',
      ({ searchParams }) => {
        searchParams.delete('code_challenge');
        searchParams.delete('code_challenge_method');
      },
    ],
  ])('A82: %s stripped on the way out is missed on the way back', async (_name, fault, outward) => {
    await expect(bench.login(entry, { outward })).rejects.toMatchObject(refusedAs(fault));
  });

  test('a verifier that is not the one of this login', async () => {
    const returned = { codeVerifier: 'x'.repeat(43) };
    await expect(bench.login(entry, { returned })).rejects.toMatchObject(refusedAs('refused'));
  });

  test('no message repeats what the upstream or the browser said', async () => {
    const inward = (url: URL) => {
      url.searchParams.set('error', 'server_error');
      url.searchParams.set('error_description', '<script>alert(1)</script>');
    };
    const error = await bench.login(entry, { inward }).catch((caught: Error) => caught);
    expect((error as Error).message).toBe('The other server refused the sign-in. Please start again.');
  });
});

describe('foreign metadata', () => {
  test.each<[string, Readonly<Record<string, unknown>>]>([
    ['another issuer', { issuer: 'https://evil.example' }],
    ['an issuer that only begins alike', { issuer: 'http://127.0.0.1' }],
    ['no token endpoint', { token_endpoint: undefined }],
    ['no keys', { jwks_uri: undefined }],
    ['an endpoint that is no web address', { token_endpoint: 'javascript:alert(1)' }],
  ])('%s', async (_name, metadata) => {
    there.wrong = { metadata };
    await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('invalid'));
  });

  test('an https document may not lead to plain http', async () => {
    const { createPublished } = await import('../../src/relying-party/connectors/metadata.js');
    const document = {
      issuer: 'https://op.example',
      authorization_endpoint: 'https://op.example/auth',
      token_endpoint: 'http://op.example/token',
      jwks_uri: 'https://op.example/jwks',
    };
    const secure = entryOf(there, {
      issuer: 'https://op.example',
      metadataUrl: 'https://op.example/.well-known/x',
    });
    const published = createPublished(secure, async () => Response.json(document), bench.clock);
    await expect(published.metadata()).rejects.toMatchObject({
      fault: 'invalid',
      detail: expect.stringContaining('token_endpoint is not https'),
    });
  });

  test('A117: keys at a private address are not fetched', async () => {
    there.wrong = { metadata: { jwks_uri: 'http://169.254.169.254/latest' } };
    await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('invalid'));
    there.wrong = {};
    await expect(createBench({ loopback: false }).login(entry)).rejects.toMatchObject(refusedAs('invalid'));
  });

  test('UserInfo of another person', async () => {
    there.wrong = { answer: { '/me': (_req, res) => res.end(JSON.stringify({ sub: 'bob', name: 'Bob' })) } };
    await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('invalid'));
  });
});

describe('what is said about the person', () => {
  const saying = (claims: Record<string, unknown>) => {
    there.person = { ...ada, ...claims } as never;
  };
  let usual: typeof there.person;
  beforeEach(() => {
    usual = there.person;
  });
  afterEach(() => {
    there.person = usual;
  });

  test.each([
    ['"true" as text', 'true'],
    ['1', 1],
    ['false', false],
    ['nothing', undefined],
  ])('A83: email_verified %s is not verified', async (_name, value) => {
    saying({ email_verified: value });
    const { identity } = await bench.login(entry);
    expect(identity).toMatchObject({ email: 'ada@upstream.example', emailVerified: false });
  });

  test('A83: an address from another claim is not covered by email_verified', async () => {
    saying({ name: 'boss@victim.example', email_verified: true });
    const linked = { ...entry.mappings.linked, attributes: [['name', 'email']] as const };
    const { identity } = await bench.login({ ...entry, mappings: { ...entry.mappings, linked } });
    expect(identity).toMatchObject({ email: 'boss@victim.example', emailVerified: false });
  });

  test('A85: same address and name, other subject: another identity', async () => {
    const { identity: first } = await bench.login(entry);
    saying({ sub: 'somebody-else' });
    const { identity: second } = await bench.login(entry);
    expect(second.email).toBe(first.email);
    expect([second.issuer, second.subject]).not.toEqual([first.issuer, first.subject]);
  });

  test('markup in names stays text, control characters and length do not stay', async () => {
    saying({ name: `<img src=x onerror=alert(1)>\r\nEvil\u0000${'x'.repeat(400)}` });
    const { identity } = await bench.login(entry);
    expect(identity.displayName).toMatch(/^<img src=x onerror=alert\(1\)> Evil x+$/);
    expect(identity.displayName?.length).toBeLessThanOrEqual(255);
  });

  test.each([
    ['300 characters', 'x'.repeat(300)],
    ['a line break', 'a\nb'],
    ['empty', ''],
    ['an object', {}],
  ])('A92: a preferred user name with %s is none', async (_name, preferred_username) => {
    saying({ preferred_username });
    expect((await bench.login(entry)).identity.username).toBeUndefined();
  });

  test('50 MB of UserInfo are not read; the ID Token has to do (row 36)', async () => {
    let sent = 0;
    there.wrong = {
      answer: {
        '/me': (_req, res) => {
          const chunk = 'x'.repeat(1024 * 1024);
          const more = () => {
            while (sent < 50 && !res.destroyed && res.write(chunk)) sent += 1;
            if (sent >= 50) res.end();
          };
          res.on('drain', more);
          more();
        },
      },
    };
    const { identity } = await bench.login(entry);
    expect(identity.subject).toBe('ada-at-upstream');
    expect(sent).toBeLessThan(20);
    expect(bench.warnings).toEqual(['UserInfo could not be read; the ID Token has to do']);
  });

  test('row 36: UserInfo overrides the ID Token, but not who it is', async () => {
    const said = {
      sub: 'ada-at-upstream',
      name: 'New Name',
      email_verified: false,
      iss: 'https://evil.example',
    };
    there.wrong = {
      claims: (claims) => ({ ...claims, name: 'Old Name', email_verified: true }),
      answer: { '/me': (_req, res) => res.end(JSON.stringify(said)) },
    };
    const { identity } = await bench.login(entry);
    expect(identity).toMatchObject({ displayName: 'New Name', emailVerified: false, issuer: there.issuer });
    expect(identity.claims.iss).toBe(there.issuer);
  });

  test.each([
    ['another', 'boss@victim.example', false],
    ['the same', 'ada@upstream.example', true],
  ])('A83: email_verified of the ID Token and %s address in UserInfo', async (_, email, verified) => {
    there.wrong = {
      claims: (claims) => ({ ...claims, email: 'ada@upstream.example', email_verified: true }),
      answer: { '/me': (_req, res) => res.end(JSON.stringify({ sub: 'ada-at-upstream', email })) },
    };
    const { identity } = await bench.login(entry);
    expect(identity).toMatchObject({ email, emailVerified: verified });
  });
});

describe('R20: keys', () => {
  test('a new key is fetched once, an unknown one at most once in 30 s', async () => {
    await bench.login(entry);
    await there.rotate('second');
    await Promise.all([bench.login(entry), bench.login(entry)]);
    expect(there.count('GET /jwks')).toBe(2);
    there.wrong = { idToken: async (_token, claims) => there.sign(claims, { kid: 'unknown' }) };
    for (let round = 0; round < 4; round += 1) {
      await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('invalid'));
    }
    expect(there.count('GET /jwks')).toBe(2);
    bench.clock.advance(31);
    await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('invalid'));
    expect(there.count('GET /jwks')).toBe(3);
  });

  test('old keys and the old discovery document serve while they cannot be had', async () => {
    await bench.login(entry);
    const away = (_req: unknown, res: { writeHead(status: number): { end(): void } }) =>
      res.writeHead(503).end();
    there.wrong = { answer: { '/jwks': away, '/.well-known/openid-configuration': away } };
    for (const minutes of [11, 5, 120]) {
      bench.clock.advance(minutes * 60);
      // The library's own tokens are made with the machine's time; ours has moved on.
      there.wrong.claims = (claims) => {
        const iat = Math.floor(bench.clock.now() / 1000);
        return { ...claims, iat, exp: iat + 60 };
      };
      await expect(bench.login(entry)).resolves.toMatchObject({ identity: { subject: 'ada-at-upstream' } });
    }
    expect(there.count('GET /jwks')).toBeLessThanOrEqual(4);
  });

  test('an upstream that was away when it was first needed is found when it is back', async () => {
    there.wrong = {
      answer: { '/.well-known/openid-configuration': (_req, res) => res.writeHead(500).end() },
    };
    await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('unreachable'));
    there.wrong = {};
    bench.clock.advance(3);
    await expect(bench.login(entry)).resolves.toBeDefined();
  });
});

describe('R19: an upstream that does not answer', () => {
  const stall = () => {
    there.wrong = { answer: { '/token': () => undefined } };
  };

  test('costs a bounded time, opens its circuit, and is tried again later', async () => {
    const impatient = createBench({ timeoutMs: 1_000 });
    await impatient.login(entry);
    stall();
    there.requests.length = 0;
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => impatient.login(entry)));
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: refusedAs('unreachable') });
    }
    const asked = there.count('POST /token');
    await expect(impatient.login(entry)).rejects.toMatchObject(refusedAs('unreachable'));
    expect(there.count('POST /token')).toBe(asked);
  });

  test('half open, one request tries, and its failure closes it again', async () => {
    there.wrong = { answer: { '/token': (_req, res) => res.writeHead(500).end() } };
    for (let round = 0; round < 5; round += 1) {
      await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('unreachable'));
    }
    expect(there.count('POST /token')).toBe(5);
    bench.clock.advance(31);
    const all = await Promise.allSettled(Array.from({ length: 4 }, () => bench.login(entry)));
    for (const outcome of all) expect(outcome).toMatchObject({ reason: refusedAs('unreachable') });
    await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('unreachable'));
    expect(there.count('POST /token')).toBe(6);
  });

  test('half open, one success opens it wide', async () => {
    there.wrong = { answer: { '/token': (_req, res) => res.writeHead(500).end() } };
    for (let round = 0; round < 5; round += 1) await bench.login(entry).catch(() => undefined);
    there.wrong = {};
    await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('unreachable'));
    bench.clock.advance(31);
    await expect(bench.login(entry)).resolves.toBeDefined();
    await expect(bench.login(entry)).resolves.toBeDefined();
  });

  test('an upstream that cuts the line', async () => {
    there.wrong = { answer: { '/token': (req) => req.socket.destroy() } };
    await expect(bench.login(entry)).rejects.toMatchObject({ ...refusedAs('unreachable'), status: 502 });
  });
});

describe('a logout token', () => {
  const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
  const good = (): JWTPayload => ({
    iss: there.issuer,
    aud: 'postern',
    iat: now(),
    exp: now() + 120,
    jti: randomUUID(),
    sub: 'ada-at-upstream',
    sid: 'a-session',
    events: { [EVENT]: {} },
  });
  const read = async (claims: JWTPayload, header = {}) =>
    bench.connectorOf(entry).readLogoutToken?.(entry, await there.sign(claims, header));

  test('row 110: names whose session ended', async () => {
    const claims = good();
    await expect(read(claims)).resolves.toEqual({
      issuer: there.issuer,
      subject: 'ada-at-upstream',
      sid: 'a-session',
      jti: claims.jti,
      expiresAt: expect.any(Number),
    });
  });

  test.each<[string, (claims: JWTPayload) => JWTPayload]>([
    ['an ID Token', ({ events: _events, ...claims }) => claims],
    ['one with a nonce', (claims) => ({ ...claims, nonce: 'n' })],
    ['of another event', (claims) => ({ ...claims, events: { other: {} } })],
    ['for another audience', (claims) => ({ ...claims, aud: 'x' })],
    ['of another issuer', (claims) => ({ ...claims, iss: 'https://evil.example' })],
    ['naming nobody', ({ sub: _sub, sid: _sid, ...claims }) => claims],
    ['without jti', ({ jti: _jti, ...claims }) => claims],
    ['an old one', (claims) => ({ ...claims, iat: now() - 400 })],
  ])('row 110: refused: %s', async (_name, change) => {
    await expect(read(change(good()))).rejects.toMatchObject(refusedAs('invalid'));
  });

  test('row 110: unsigned', async () => {
    const token = `${base64({ alg: 'none' })}.${base64(good())}.`;
    await expect(bench.connectorOf(entry).readLogoutToken?.(entry, token)).rejects.toMatchObject(
      refusedAs('invalid'),
    );
  });
});
