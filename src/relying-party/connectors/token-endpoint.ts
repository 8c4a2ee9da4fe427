/** Token requests (RFC 6749 §3.2) to upstreams that are too old or too free for a strict library. */
import type { Clock } from '../../platform/crypto/clock.js';
import type { UpstreamTokens } from '../connector.js';
import type { Upstream } from '../upstream.js';
import { refused } from './callback-answer.js';
import { readFields } from './http-body.js';
import { invalid, type UpstreamFetch } from './upstream-fetch.js';

export interface TokenAnswer {
  readonly tokens: UpstreamTokens;
  /** Everything that came, tokens included. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** RFC 6749 §2.3.1: each half is form-encoded before they are joined. */
const formEncoded = (text: string): string => new URLSearchParams({ v: text }).toString().slice(2);

function authenticate(upstream: Upstream, params: URLSearchParams, headers: Headers): void {
  const { clientId = '', clientSecret, clientAuth } = upstream;
  if (clientAuth === 'client_secret_basic' && clientSecret !== undefined) {
    const pair = `${formEncoded(clientId)}:${formEncoded(clientSecret)}`;
    headers.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
    return;
  }
  params.set('client_id', clientId);
  if (clientAuth === 'client_secret_post' && clientSecret !== undefined) {
    params.set('client_secret', clientSecret);
  }
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

/** Seconds, which GitHub and others write as text. */
const secondsOf = (value: unknown): number | undefined => {
  const seconds = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof seconds === 'number' && Number.isFinite(seconds) && seconds > 0 ? seconds : undefined;
};

export function tokensOf(fields: TokenAnswer['fields'], clock: Clock): UpstreamTokens | undefined {
  const accessToken = text(fields.access_token);
  if (accessToken === undefined) return undefined;
  const expiresIn = secondsOf(fields.expires_in);
  return {
    accessToken,
    refreshToken: text(fields.refresh_token),
    scope: text(fields.scope),
    ...(expiresIn === undefined ? {} : { expiresAt: clock.now() + expiresIn * 1000 }),
  };
}

/** @throws {UpstreamError} `refused` where it says no, whatever the status it says it with */
export async function requestToken(
  { send, upstream, clock }: { send: UpstreamFetch; upstream: Upstream; clock: Clock },
  endpoint: string,
  grant: Readonly<Record<string, string>>,
): Promise<TokenAnswer> {
  const params = new URLSearchParams(grant);
  const headers = new Headers({ accept: 'application/json' });
  authenticate(upstream, params, headers);
  const url = new URL(endpoint);
  const response = await (upstream.accessTokenMethod === 'GET'
    ? send(withParams(url, params), { headers })
    : send(url, { method: 'POST', headers, body: params }));
  const fields = await readFields(upstream, response);
  // GitHub says 200 with an error in the body.
  if (fields.error !== undefined) {
    const detail = `token endpoint: ${fields.error}: ${fields.error_description ?? ''}`;
    throw refused(upstream, detail, fields.error);
  }
  const tokens = tokensOf(fields, clock);
  if (response.status >= 300 || tokens === undefined) {
    throw invalid(upstream, `the token endpoint answered ${response.status} without an access token`);
  }
  return { tokens, fields };
}

function withParams(url: URL, params: URLSearchParams): URL {
  for (const [name, value] of params) url.searchParams.set(name, value);
  return url;
}

/** RFC 6749 §6. Where no new refresh token comes, the old one stays good. */
export async function refreshTokens(
  asking: Parameters<typeof requestToken>[0],
  endpoint: string,
  refreshToken: string,
): Promise<UpstreamTokens> {
  const { tokens } = await requestToken(asking, endpoint, {
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
  });
  return { ...tokens, refreshToken: tokens.refreshToken ?? refreshToken };
}
