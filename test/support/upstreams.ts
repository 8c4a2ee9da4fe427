/**
 * A second real OpenID provider on a port of its own, which can be made to misbehave: wrong claims, wrong
 * signatures, rotated keys, answers that never come. Whoever knocks is signed in at once as `person`.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type CryptoKey,
  decodeJwt,
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  SignJWT,
} from 'jose';
import { type ClientMetadata, Provider } from 'oidc-provider';
import type { Mapping, Upstream } from '../../src/relying-party/upstream.js';

export interface SigningPair {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

export interface Person {
  readonly sub: string;
  readonly [claim: string]: unknown;
}

/** What goes wrong; empty, it is a proper provider. */
export interface Misbehaviour {
  /** Other claims in the ID Token, properly signed. */
  claims?: (claims: JWTPayload) => JWTPayload;
  /** Another token in place of the ID Token, which is handed in with what goes with it. */
  idToken?: (idToken: string, claims: JWTPayload, accessToken: string) => string | Promise<string>;
  /** Changes to the discovery document. */
  metadata?: Readonly<Record<string, unknown>>;
  /** Answers one path by itself. */
  answer?: Record<string, (req: IncomingMessage, res: ServerResponse) => void>;
}

export interface OidcUpstream {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  person: Person;
  wrong: Misbehaviour;
  /** `GET /jwks`, `POST /token`, … in order. */
  readonly requests: string[];
  /** How often a request line came. */
  count(line: string): number;
  /** Signs with a new key from now on; the old one is gone from the key set. */
  rotate(kid: string): Promise<void>;
  /** A JWT of this provider, e.g. a logout token. */
  sign(claims: JWTPayload, header?: { typ?: string; kid?: string }): Promise<string>;
  key(): SigningPair;
  close(): Promise<void>;
}

export async function newSigningPair(kid: string): Promise<SigningPair> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  return { kid, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' } };
}

export async function listenOnLoopback(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export async function stopListening(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}

export interface OidcUpstreamOptions {
  /** Where it may send people back to. */
  readonly redirectUris: readonly string[];
  readonly client?: Partial<ClientMetadata>;
  readonly person?: Person;
}

/** The library says at length that its memory is for trying things out, which is what it is here for. */
function quietly<T>(work: () => T): T {
  const { warn } = console;
  console.warn = () => undefined;
  try {
    return work();
  } finally {
    console.warn = warn;
  }
}

const TTL = { Interaction: 3600, Grant: 3600, Session: 3600, AccessToken: 3600, RefreshToken: 86_400 };

const COOKIES = { session: 'up_session', interaction: 'up_interaction', resume: 'up_resume' };

function createProvider(
  issuer: string,
  options: OidcUpstreamOptions,
  jwk: JWK,
  person: () => Person,
): Provider {
  return new Provider(issuer, {
    ttl: { ...TTL, IdToken: 3600, AuthorizationCode: 60 },
    clients: [
      {
        client_id: 'postern',
        client_secret: 'the secret of postern at its upstream',
        redirect_uris: [...options.redirectUris],
        post_logout_redirect_uris: [new URL('/', options.redirectUris[0]).href],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        ...options.client,
      },
    ],
    cookies: { names: COOKIES, keys: ['a key of the upstream'] },
    jwks: { keys: [jwk] },
    scopes: ['openid', 'offline_access', 'profile', 'email'],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
    // UserInfo is asked as well, so the ID Token need not hold everything.
    conformIdTokenClaims: false,
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true },
    },
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    issueRefreshToken: async () => true,
    async loadExistingGrant(ctx) {
      const { client, session } = ctx.oidc;
      if (client === undefined || session?.accountId === undefined) return undefined;
      const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope('openid offline_access profile email');
      await grant.save();
      return grant;
    },
    findAccount: (_ctx, id) => ({ accountId: id, claims: async () => ({ ...person(), sub: id }) }),
  });
}

/** The library's routes as seen from outside, with one of ours in front that signs people in. */
export async function startOidcUpstream(options: OidcUpstreamOptions): Promise<OidcUpstream> {
  const requests: string[] = [];
  let key = await newSigningPair('first');
  const server = createServer();
  const issuer = await listenOnLoopback(server);
  const upstream: OidcUpstream = {
    issuer,
    clientId: 'postern',
    clientSecret: 'the secret of postern at its upstream',
    person: options.person ?? {
      sub: 'ada-at-upstream',
      name: 'Ada Lovelace',
      preferred_username: 'ada',
      email: 'ada@upstream.example',
      email_verified: true,
    },
    wrong: {},
    requests,
    count: (line) => requests.filter((one) => one === line).length,
    async rotate(kid) {
      key = await newSigningPair(kid);
    },
    sign: (claims, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: key.kid, ...header }).sign(key.privateKey),
    key: () => key,
    close: () => stopListening(server),
  };

  const jwk = { ...(await exportJWK(key.privateKey)), kid: 'first' };
  const provider = quietly(() => createProvider(issuer, options, jwk, () => upstream.person));
  provider.use(async (ctx, next) => {
    if (ctx.path.startsWith('/interaction/')) {
      ctx.respond = false;
      return provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: upstream.person.sub } });
    }
    await next();
    const { claims: changed, idToken: forged, metadata } = upstream.wrong;
    const body = ctx.body as Record<string, unknown>;
    if (ctx.path === '/jwks') ctx.body = { keys: [key.publicJwk] };
    if (ctx.path === '/.well-known/openid-configuration' && metadata) ctx.body = { ...body, ...metadata };
    if (ctx.path === '/token' && typeof body?.id_token === 'string') {
      const claims = decodeJwt(body.id_token);
      const token = await upstream.sign(changed ? changed(claims) : claims);
      ctx.body = {
        ...body,
        id_token: forged ? await forged(token, claims, String(body.access_token)) : token,
      };
    }
  });
  const callback = provider.callback();
  server.on('request', (req, res) => {
    const { pathname } = new URL(req.url ?? '/', issuer);
    requests.push(`${req.method} ${pathname}`);
    const own = upstream.wrong.answer?.[pathname];
    if (own) own(req, res);
    else void callback(req, res);
  });
  return upstream;
}

const mapping: Mapping = {
  scope: 'openid profile email',
  attributes: [
    ['sub', 'user_id'],
    ['email', 'email'],
    ['name', 'display_name'],
    ['preferred_username', 'username'],
  ],
  params: {},
};

/** An upstream as the settings would give it, for tests of what comes after them. */
export const upstreamEntry = (more: Partial<Upstream>): Upstream => ({
  id: 'other',
  providerName: 'other',
  protocol: 'oidc',
  title: 'The other server',
  hide: false,
  linkOnly: false,
  remember: true,
  issuer: 'https://other.example',
  endpoints: {},
  clientAuth: 'client_secret_basic',
  accessTokenMethod: 'POST',
  authorizationScheme: 'Bearer',
  mappings: { dserver: { ...mapping, usernameField: 'user_id' }, permission: mapping, linked: mapping },
  precedence: { email: true, username: false, display_name: false },
  signUp: { autoConfirm: true, sendRegisterMessage: false },
  autoProvision: true,
  allowedDomains: [],
  allowedRoles: [],
  groupRoles: {},
  tokenClients: [],
  ...more,
});

export const entryOf = (
  { issuer, clientId, clientSecret }: OidcUpstream,
  more: Partial<Upstream> = {},
): Upstream =>
  upstreamEntry({
    issuer,
    metadataUrl: `${issuer}/.well-known/openid-configuration`,
    clientId,
    clientSecret,
    ...more,
  });
