import type { Clock } from '../../platform/crypto/clock.js';
import type { Returned } from '../connector.js';
import type { Upstream } from '../upstream.js';
import { CLOCK_TOLERANCE } from './signed-token.js';
import { invalid } from './upstream-fetch.js';

/**
 * What makes an upstream ask for a sign-in once more (OIDC Core §3.1.2.1), beside what is sent anyway.
 * @param maxAge seconds; `undefined`: a session that is open there will do
 */
export function freshParams(
  { freshPrompt = 'login' }: Upstream,
  maxAge: number | undefined,
  { prompt = '' }: Readonly<Record<string, string>>,
): Record<string, string> {
  if (maxAge === undefined) return {};
  const all = new Set([...prompt.split(' '), freshPrompt].filter((one) => one !== '' && one !== 'none'));
  return { max_age: String(maxAge), prompt: [...all].join(' ') };
}

/**
 * When the person proved there who they are, in seconds. Never later than now, whatever it says. One that does not
 * say counts by our clock where it was told to ask, and is unknown otherwise: a session may have been open there.
 * @throws {UpstreamError} `invalid` where that is longer ago than was asked for
 */
export function provedAt(
  { upstream, maxAge }: Pick<Returned, 'upstream' | 'maxAge'>,
  authTime: unknown,
  clock: Clock,
): number | undefined {
  const now = Math.floor(clock.now() / 1000);
  if (typeof authTime !== 'number' || !Number.isFinite(authTime)) {
    return maxAge === undefined ? undefined : now;
  }
  if (maxAge !== undefined && authTime < now - maxAge - CLOCK_TOLERANCE) {
    throw invalid(upstream, 'the sign-in there is older than was asked for');
  }
  return Math.min(Math.max(Math.floor(authTime), 0), now);
}
