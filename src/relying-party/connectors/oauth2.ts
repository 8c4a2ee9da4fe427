/**
 * OAuth 2.0 without OpenID Connect: the person is whom UserInfo, or the token response itself, speaks of. What is
 * proven is only that the upstream said so over TLS to us, for a code this browser brought (state, PKCE).
 */
import { createHash } from 'node:crypto';
import { canParse } from '../../platform/net/can-parse.js';
import type { Clock } from '../../platform/crypto/clock.js';
import { UpstreamError } from '../../platform/errors/errors.js';
import type { AuthorizationStart, Connector, Returned } from '../connector.js';
import type { Upstream } from '../upstream.js';
import { checkError, checkShape } from './callback-answer.js';
import type { Claims } from './http-body.js';
import { toIdentity } from './identity.js';
import { freshParams, provedAt } from './proved-at.js';
import { refreshTokens, requestToken } from './token-endpoint.js';
import { invalid, type UpstreamFetch } from './upstream-fetch.js';
import { askEmails, askUserInfo } from './userinfo.js';

export interface OAuth2Deps {
  readonly fetchOf: (upstream: Upstream) => UpstreamFetch;
  readonly clock: Clock;
  /** A sign-in that goes on with less than it could have had. */
  readonly warn: (fields: object, line: string) => void;
}

const challengeOf = (verifier: string): string => createHash('sha256').update(verifier).digest('base64url');

/** @throws {UpstreamError} `not_configured` */
export function required<T>(upstream: Upstream, value: T | undefined, what: string): T {
  if (value !== undefined) return value;
  throw new UpstreamError('not_configured', `${upstream.title} is not set up.`, {
    status: 500,
    detail: `${upstream.id}: no ${what}`,
  });
}

/** RFC 9207: there is no metadata to compare with, but an issuer on another host is another server. */
function checkIssuer({ params, upstream }: Returned): void {
  const iss = params.get('iss');
  if (iss === null) return;
  const ours = [upstream.issuer, upstream.endpoints.authorization]
    .filter((url) => url !== undefined && canParse(url))
    .map((url) => new URL(url as string).origin);
  if (!canParse(iss) || !ours.includes(new URL(iss).origin)) throw invalid(upstream, 'iss is another issuer');
}

export function createOAuth2Connector({ fetchOf, clock, warn }: OAuth2Deps): Connector {
  /** What UserInfo says, and what went wrong instead: without it the token response may do. */
  async function ask(upstream: Upstream, accessToken: string): Promise<{ said: Claims; failure?: unknown }> {
    const { userinfo, emails } = upstream.endpoints;
    const asking = { send: fetchOf(upstream), upstream, accessToken };
    if (userinfo === undefined) return { said: {} };
    let said: Claims;
    try {
      said = await askUserInfo(asking, userinfo);
    } catch (failure) {
      warn(
        { err: failure, upstream: upstream.id },
        'UserInfo could not be read; the token response has to do',
      );
      return { said: {}, failure };
    }
    if (emails === undefined) return { said };
    try {
      return { said: { ...said, ...(await askEmails(asking, emails)) } };
    } catch (err) {
      warn({ err, upstream: upstream.id }, 'the list of addresses could not be read; none is verified');
      return { said: { ...said, email_verified: false } };
    }
  }

  return {
    async start({ upstream, dialect, redirectUri, ...request }: AuthorizationStart) {
      const url = new URL(required(upstream, upstream.endpoints.authorization, 'authorization endpoint'));
      const { params, scope } = upstream.mappings[dialect];
      const all = {
        ...params,
        response_type: 'code',
        client_id: required(upstream, upstream.clientId, 'client id'),
        redirect_uri: redirectUri,
        ...(scope === '' ? {} : { scope }),
        state: request.state,
        // Nobody here checks the ID Token this would come back in; the upstream may insist on one.
        ...(scope.split(' ').includes('openid') ? { nonce: request.nonce } : {}),
        code_challenge: challengeOf(request.codeVerifier),
        code_challenge_method: 'S256',
        ...freshParams(upstream, request.maxAge, params),
      };
      for (const [name, value] of Object.entries(all)) url.searchParams.set(name, value);
      return { location: url.href };
    },

    async redeem(answer) {
      const { upstream, params } = answer;
      checkShape(answer);
      checkIssuer(answer);
      checkError(answer);
      const code = params.get('code');
      if (!code) throw invalid(upstream, 'no code');
      const endpoint = required(upstream, upstream.endpoints.token, 'token endpoint');
      const { tokens, fields } = await requestToken({ send: fetchOf(upstream), upstream, clock }, endpoint, {
        grant_type: 'authorization_code',
        code,
        redirect_uri: answer.redirectUri,
        code_verifier: answer.codeVerifier,
      });
      const { said, failure } = await ask(upstream, tokens.accessToken);
      try {
        const identity = toIdentity(upstream, upstream.mappings[answer.dialect], {
          issuer: upstream.issuer,
          said: { ...fields, ...said },
        });
        return { identity, tokens, provedAt: provedAt(answer, undefined, clock) };
      } catch (error) {
        // That UserInfo failed is the better reason for having no name.
        throw failure ?? error;
      }
    },

    async refresh(upstream, refreshToken) {
      const endpoint = required(upstream, upstream.endpoints.token, 'token endpoint');
      return refreshTokens({ send: fetchOf(upstream), upstream, clock }, endpoint, refreshToken);
    },

    async signOutAddress({ logoutUrl }, { returnTo }) {
      return plainSignOut(logoutUrl, returnTo);
    },
  };
}

/** The sign-out page of those who have no more than a page, with the return address as Keycloak once had it. */
export function plainSignOut(logoutUrl: string | undefined, returnTo: string): string | undefined {
  if (logoutUrl === undefined) return undefined;
  const url = new URL(logoutUrl);
  url.searchParams.set('redirect_uri', returnTo);
  return url.href;
}
