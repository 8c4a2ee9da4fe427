import type { Dialect, Upstream } from './upstream.js';

/** What an upstream says about a person, whatever its dialect. Identity is (issuer, subject) and nothing else. */
export interface UpstreamIdentity {
  readonly issuer: string;
  readonly subject: string;
  /** By the door's mapping: `user_id`, `email`, `username`, `display_name`, … as the upstream wrote them. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Lower case domain; never taken from an unproven field. */
  readonly email?: string | undefined;
  /** `true` only for the JSON value `true`, or where the upstream verifies every address it gives out. */
  readonly emailVerified: boolean;
  /** Where the mapping names a `usernameField`, the dserver name by its rules (never absent then). */
  readonly username?: string | undefined;
  readonly displayName?: string | undefined;
  readonly givenName?: string | undefined;
  readonly familyName?: string | undefined;
  readonly picture?: string | undefined;
  /** Everything it said: ID Token claims, UserInfo and what came with the token, UserInfo last. No tokens. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** What the original kept with a linked account (`extra_data`), by the mapping. */
  readonly extra: Readonly<Record<string, unknown>>;
}

/** What the vault keeps, sealed. */
export interface UpstreamTokens {
  readonly accessToken: string;
  /** OAuth 1.0a: the token secret. */
  readonly secret?: string | undefined;
  readonly refreshToken?: string | undefined;
  /** For the hint at sign-out. */
  readonly idToken?: string | undefined;
  /** Milliseconds since the epoch; absent: never. */
  readonly expiresAt?: number | undefined;
  readonly scope?: string | undefined;
}

export interface AuthorizationStart {
  readonly upstream: Upstream;
  readonly dialect: Dialect;
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce: string;
  /** PKCE (RFC 7636): the challenge is S256 of it. */
  readonly codeVerifier: string;
  /** Seconds: a sign-in there must not be older (`max_age`). */
  readonly maxAge?: number | undefined;
}

export interface Started {
  /** Where to send the browser. */
  readonly location: string;
  /** OAuth 1.0a: the secret of the temporary credentials, to be kept with the transaction. */
  readonly temporarySecret?: string | undefined;
}

export interface Returned {
  readonly upstream: Upstream;
  readonly dialect: Dialect;
  readonly redirectUri: string;
  /** The whole query of the callback. */
  readonly params: URLSearchParams;
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly maxAge?: number | undefined;
  readonly temporarySecret?: string | undefined;
}

export interface Proven {
  readonly identity: UpstreamIdentity;
  readonly tokens: UpstreamTokens;
  /** Seconds since the epoch: when they proved there who they are; `undefined` where nobody knows. */
  readonly provedAt?: number | undefined;
  /** The upstream's session (`sid`), for back-channel logout. */
  readonly sid?: string | undefined;
}

/** A validated notice that somebody signed out upstream (OIDC Back-Channel Logout §2.4). Names one or both. */
export interface LogoutToken {
  readonly issuer: string;
  readonly subject?: string | undefined;
  readonly sid?: string | undefined;
  /** To be taken once, until `expiresAt` (milliseconds). */
  readonly jti: string;
  readonly expiresAt: number;
}

/** One protocol. Every request goes out through the guarded fetch. All throw {@link UpstreamError}. */
export interface Connector {
  start(request: AuthorizationStart): Promise<Started>;
  redeem(answer: Returned): Promise<Proven>;
  /**
   * RFC 6749 §6; absent where the protocol has none. An answer without a refresh token leaves the former good.
   * @throws {UpstreamError} `refused`, with the upstream's own `error` as `answer`: `invalid_grant` gives the
   *   pair up, whatever else leaves it for the next try
   */
  refresh?(upstream: Upstream, refreshToken: string): Promise<UpstreamTokens>;
  /** The address that also ends the session there, or `undefined` where it has none. */
  signOutAddress?(
    upstream: Upstream,
    hint: { readonly idToken?: string | undefined; readonly returnTo: string },
  ): Promise<string | undefined>;
  /** Signature, issuer, audience, age and event are checked; that it comes once is the caller's affair. */
  readLogoutToken?(upstream: Upstream, token: string): Promise<LogoutToken>;
}

/** The connector that speaks to an upstream. */
export type ConnectorOf = (upstream: Upstream) => Connector;
