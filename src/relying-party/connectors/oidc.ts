/**
 * OpenID Connect (Core §3.1): what the answer proves is checked by `openid-client` (state, `iss` of RFC 9207,
 * PKCE, nonce, audience, times), the signature by our own key cache, because a code flow may leave it
 * out and because keys must outlive an outage.
 */
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  buildEndSessionUrl,
  calculatePKCECodeChallenge,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  clockSkew,
  clockTolerance,
  Configuration,
  customFetch,
  None,
  type TokenEndpointResponse,
  type TokenEndpointResponseHelpers,
} from 'openid-client';
import type { Clock } from '../../platform/crypto/clock.js';
import { UpstreamError } from '../../platform/errors/errors.js';
import type { AuthorizationStart, Connector, Returned } from '../connector.js';
import type { Upstream } from '../upstream.js';
import { checkError, checkShape, refused } from './callback-answer.js';
import type { Claims } from './http-body.js';
import { toIdentity } from './identity.js';
import { readLogoutToken } from './logout-token.js';
import { isInsecure, type Published, type UpstreamMetadata } from './metadata.js';
import { plainSignOut, required } from './oauth2.js';
import { freshParams, provedAt } from './proved-at.js';
import {
  ALGORITHMS,
  bindsAccessToken,
  CLOCK_TOLERANCE,
  type SignedToken,
  verifySigned,
} from './signed-token.js';
import { refreshTokens, tokensOf } from './token-endpoint.js';
import { invalid, type UpstreamFetch } from './upstream-fetch.js';
import { askUserInfo } from './userinfo.js';

export interface OidcDeps {
  readonly published: (upstream: Upstream) => Published;
  readonly fetchOf: (upstream: Upstream) => UpstreamFetch;
  readonly clock: Clock;
  /** A sign-in that goes on with less than it could have had. */
  readonly warn: (fields: object, line: string) => void;
}

type Granted = TokenEndpointResponse & TokenEndpointResponseHelpers;

const METHODS: Readonly<Record<Upstream['clientAuth'], (secret: string | undefined) => ClientAuth>> = {
  client_secret_basic: ClientSecretBasic,
  client_secret_post: ClientSecretPost,
  none: None,
};

/** The configured way of proving who we are, unless the upstream offers only the other one. */
function clientAuthOf({ clientAuth, clientSecret }: Upstream, metadata: UpstreamMetadata): ClientAuth {
  const offered = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  const other = clientAuth === 'client_secret_basic' ? 'client_secret_post' : 'client_secret_basic';
  const swap = clientAuth !== 'none' && !offered.includes(clientAuth) && offered.includes(other);
  return METHODS[swap ? other : clientAuth](clientSecret);
}

/** OIDC Core §3.1.2.1: a request without `openid` is none. */
const withOpenid = (scope: string): string =>
  scope.split(' ').includes('openid') ? scope : `openid ${scope}`.trim();

/** `email_verified` of the ID Token speaks of its own address, not of another one that UserInfo gives. */
const unconfirmed = (claims: Claims, more: Claims): Claims =>
  more.email !== undefined && more.email !== claims.email ? { email_verified: false } : {};

export function createOidcConnector({ published, fetchOf, clock, warn }: OidcDeps): Connector {
  /** Made for each request: it holds nothing that would have to last. */
  async function configurationOf(upstream: Upstream): Promise<Configuration> {
    const { clientSecret } = upstream;
    const clientId = required(upstream, upstream.clientId, 'client id');
    const metadata = await published(upstream).metadata();
    const config = new Configuration(
      // What it may sign with is for us to say; the library would take RS256 alone.
      { ...metadata, id_token_signing_alg_values_supported: ALGORITHMS },
      clientId,
      {
        ...(clientSecret === undefined ? {} : { client_secret: clientSecret }),
        // The library reads `Date`; ours is the one clock.
        [clockSkew]: Math.round((clock.now() - Date.now()) / 1000),
        [clockTolerance]: CLOCK_TOLERANCE,
      },
      clientAuthOf(upstream, metadata),
    );
    const send = fetchOf(upstream);
    config[customFetch] = (url, options) => send(url, options as RequestInit);
    if (isInsecure(upstream)) allowInsecureRequests(config);
    return config;
  }

  async function verified(upstream: Upstream, granted: Granted, issuer: string): Promise<SignedToken> {
    const token = await verifySigned(
      granted.id_token ?? '',
      published(upstream).key,
      { issuer, audience: upstream.clientId ?? '' },
      clock,
    );
    const { at_hash } = token.claims;
    if (at_hash !== undefined && !bindsAccessToken(at_hash, granted.access_token, token.alg)) {
      throw invalid(upstream, 'at_hash does not fit the access token');
    }
    return token;
  }

  /** Says more than the ID Token, about the same person; without it the ID Token is enough. */
  async function userInfo(
    upstream: Upstream,
    accessToken: string,
    url: string,
    sub: unknown,
  ): Promise<Claims> {
    let claims: Claims;
    try {
      claims = await askUserInfo({ send: fetchOf(upstream), upstream, accessToken }, url);
    } catch (err) {
      warn({ err, upstream: upstream.id }, 'UserInfo could not be read; the ID Token has to do');
      return {};
    }
    // OIDC Core §5.3.2: otherwise it may speak of another person.
    if (claims.sub !== sub) throw invalid(upstream, 'UserInfo names another subject');
    return claims;
  }

  async function redeem(answer: Returned) {
    const { upstream, redirectUri, params } = answer;
    checkShape(answer);
    const config = await configurationOf(upstream);
    const { issuer, userinfo_endpoint } = config.serverMetadata();
    if (params.has('iss') && params.get('iss') !== issuer) throw invalid(upstream, 'iss is another issuer');
    checkError(answer);
    const granted = await authorizationCodeGrant(config, new URL(`${redirectUri}?${params}`), {
      expectedState: answer.state,
      expectedNonce: answer.nonce,
      pkceCodeVerifier: answer.codeVerifier,
      idTokenExpected: true,
    });
    const { claims } = await verified(upstream, granted, issuer);
    const more = userinfo_endpoint
      ? await userInfo(upstream, granted.access_token, userinfo_endpoint, claims.sub)
      : {};
    const identity = toIdentity(upstream, upstream.mappings[answer.dialect], {
      issuer,
      // UserInfo last, but who it is and who says so stands in what was signed.
      said: { ...claims, ...unconfirmed(claims, more), ...more, iss: issuer, sub: claims.sub },
    });
    const tokens = tokensOf(granted, clock) ?? { accessToken: granted.access_token };
    return {
      identity,
      tokens: { ...tokens, idToken: granted.id_token },
      provedAt: provedAt(answer, claims.auth_time, clock),
      ...(typeof claims.sid === 'string' ? { sid: claims.sid } : {}),
    };
  }

  return {
    async start({ upstream, dialect, redirectUri, ...request }: AuthorizationStart) {
      const config = await configurationOf(upstream);
      const { params, scope } = upstream.mappings[dialect];
      const url = buildAuthorizationUrl(config, {
        ...params,
        response_type: 'code',
        redirect_uri: redirectUri,
        scope: withOpenid(scope),
        state: request.state,
        nonce: request.nonce,
        code_challenge: await calculatePKCECodeChallenge(request.codeVerifier),
        code_challenge_method: 'S256',
        ...freshParams(upstream, request.maxAge, params),
      });
      return { location: url.href };
    },
    redeem: (answer) => redeem(answer).catch((error: unknown) => rethrow(answer.upstream, error)),
    async refresh(upstream, refreshToken) {
      const { token_endpoint } = await published(upstream).metadata();
      return refreshTokens({ send: fetchOf(upstream), upstream, clock }, token_endpoint, refreshToken);
    },
    async signOutAddress(upstream, { idToken, returnTo }) {
      const config = await configurationOf(upstream).catch(() => undefined);
      const endpoint = config?.serverMetadata().end_session_endpoint;
      const { logoutUrl } = upstream;
      if (config !== undefined && endpoint !== undefined && (logoutUrl ?? endpoint) === endpoint) {
        return buildEndSessionUrl(config, {
          post_logout_redirect_uri: returnTo,
          ...(idToken === undefined ? {} : { id_token_hint: idToken }),
        }).href;
      }
      return plainSignOut(logoutUrl, returnTo);
    },
    async readLogoutToken(upstream, token) {
      const { issuer } = await published(upstream).metadata();
      const expected = { issuer, audience: upstream.clientId ?? '' };
      return readLogoutToken(token, published(upstream).key, expected, clock).catch((error: unknown) =>
        rethrow(upstream, error),
      );
    },
  };
}

function* causes(error: unknown): Generator<unknown> {
  let next = error;
  for (let depth = 0; depth < 5 && next instanceof Error; depth += 1) {
    yield next;
    next = next.cause;
  }
}

/** The library's and `jose`'s errors in our words; ours pass, however deep they lie. */
function rethrow(upstream: Upstream, error: unknown): never {
  for (const one of causes(error)) {
    if (one instanceof UpstreamError) throw one;
    // The token endpoint's own `error` (RFC 6749 §5.2), told by its members because the class is the library's.
    if (one instanceof Error && 'error' in one && typeof one.error === 'string') {
      throw refused(
        upstream,
        `token endpoint: ${one.error}: ${'error_description' in one ? one.error_description : ''}`,
      );
    }
  }
  const reasons = [...causes(error)].map((one) => (one as Error).message).join(': ');
  throw invalid(upstream, reasons, error);
}
