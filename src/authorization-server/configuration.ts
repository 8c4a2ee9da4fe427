import type { Configuration, Interaction, KoaContextWithOIDC } from 'oidc-provider';
import { DEVICE_CODE } from '../clients/client.js';
import type { Config } from '../platform/config/config.js';

/**
 * The library's configuration as data. Every value that is not its default has its reason beside it; what
 * needs our own objects (adapter, accounts, pages) is joined on in `provider.ts`.
 */

export const ROUTES = {
  // The library's own default routes would swallow `/auth/callback`.
  authorization: '/oauth/authorize',
  token: '/oauth/token',
  revocation: '/oauth/revoke',
  introspection: '/oauth/introspect',
  userinfo: '/oauth/userinfo',
  jwks: '/oauth/jwks.json',
  pushed_authorization_request: '/oauth/par',
  device_authorization: '/oauth/device_authorization',
  code_verification: '/oauth/device',
  end_session: '/oauth/end_session',
} as const;

/** How long a person may take over a sign-in, in seconds; the page says so. */
export const INTERACTION_TTL = 3600;
export const DEVICE_CODE_TTL = 600;

/** What each scope gives, at UserInfo and in the ID Token. */
export const CLAIMS = {
  openid: ['sub'],
  profile: ['name', 'preferred_username', 'given_name', 'family_name', 'picture', 'locale', 'updated_at'],
  email: ['email', 'email_verified'],
  roles: ['roles'],
};

export const SCOPES: readonly string[] = ['openid', 'offline_access', ...Object.keys(CLAIMS).slice(1)];

const FRONT_CHANNEL_TOKENS = ['id_token token', 'code token', 'code id_token token'] as const;

/** Response types on offer. An access token in a redirect needs `LEGACY_FLOWS` to contain `implicit`. */
export function responseTypes(config: Config) {
  const legacy = config.legacyFlows.includes('implicit') ? FRONT_CHANNEL_TOKENS : [];
  return ['code', 'id_token', 'code id_token', ...legacy] as const;
}

/** Grant types on offer. `implicit` stands for an ID Token in the redirect, which hybrid clients need too. */
export function grantTypes(config: Config): readonly string[] {
  const legacy = config.legacyFlows.includes('password') ? ['password'] : [];
  return ['authorization_code', 'implicit', 'refresh_token', 'client_credentials', DEVICE_CODE, ...legacy];
}

/** Session cookies carry `__Host-` and the others `__Secure-` under https (RFC 6265bis §4.1.3). */
export function cookieNames(secure: boolean) {
  const [host, other] = secure ? ['__Host-', '__Secure-'] : ['', ''];
  return {
    session: `${host}postern_session`,
    interaction: `${other}postern_interaction`,
    resume: `${other}postern_resume`,
    /** Ours: what this browser last began; see `attempts.ts`. */
    attempt: `${host}postern_attempt`,
  };
}

export function staticConfiguration(config: Config, cookieKeys: readonly Buffer[], nonceSecret: Buffer) {
  const secure = config.issuer.startsWith('https:');
  const cookie = { signed: true, httpOnly: true, overwrite: true, sameSite: 'lax', secure } as const;
  return {
    routes: ROUTES,
    // `auth_time` in every ID Token, as clients of the originals expect it; UserInfo has none to give.
    claims: { ...CLAIMS, openid: [...CLAIMS.openid, 'auth_time'], acr: null, iss: null, sid: null },
    scopes: [...SCOPES],
    responseTypes: [...responseTypes(config)],
    clientAuthMethods: [
      'client_secret_basic',
      'client_secret_post',
      'client_secret_jwt',
      'private_key_jwt',
      'none',
    ],
    enabledJWA: {
      // No HS256: it would need a clear secret, and every client has asymmetric keys to trust.
      idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      clientAuthSigningAlgValues: ['HS256', 'HS384', 'HS512', 'RS256', 'PS256', 'ES256', 'EdDSA'],
      dPoPSigningAlgValues: ['ES256', 'RS256', 'PS256', 'EdDSA'],
    },
    // Clients of the originals read their claims from the ID Token, as with most providers.
    conformIdTokenClaims: false,
    // OAuth 2.1 §4.1.3: the redirect URI is always said.
    allowOmittingSingleRegisteredRedirectUri: false,
    clockTolerance: 15,
    cookies: {
      keys: cookieKeys.map((key) => key.toString('base64url')),
      names: cookieNames(secure),
      long: cookie,
      short: cookie,
    },
    interactions: { url: (_ctx: KoaContextWithOIDC, { uid }: Interaction) => `/interaction/${uid}` },
    // Every refresh rotates; the library would wait until 70 % of the lifetime.
    rotateRefreshToken: true,
    // Revoking is always one tombstone on the Grant row.
    revokeGrantPolicy: () => true,
    // The defaults are boundless.
    fetchResponseBodyLimits: { jwks_uri: 64 * 1024, sector_identifier_uri: 64 * 1024 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      claimsParameter: { enabled: true },
      dPoP: { enabled: true, nonceSecret },
      // What `signing-key.ts` is made of.
      externalSigningSupport: { enabled: true, ack: 'experimental-01' },
      pushedAuthorizationRequests: { enabled: true },
    },
  } satisfies Configuration;
}
