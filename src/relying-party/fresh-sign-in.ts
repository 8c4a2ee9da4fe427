import type { Account } from '../accounts/account.js';
import type { Authenticate } from '../accounts/authenticate.js';
import type { BrowserSession } from '../authorization-server/browser-session.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { TooManyAttempts } from '../platform/errors/errors.js';
import { isConfigured, type Upstream } from './upstream.js';
import type { UpstreamSessions } from './upstream-sessions.js';

/** Seconds since the sign-in for which it counts as just made. */
const FRESH_SECONDS = 600;

/** Whether whoever sits at an open session has just shown who they are. */
export interface FreshSignIn {
  /** One that began upstream counts from when it was proven there; where nobody knows, it does not count. */
  isFresh(session: BrowserSession): Promise<boolean>;
  /** Where to prove it again, for who cannot with a password: the upstream that the session began at, or our form. */
  againHref(session: BrowserSession, next: string): Promise<string>;
  /** @throws {TooManyAttempts} */
  provesPassword(account: Account, password: string, info: RequestInfo): Promise<boolean>;
}

export const createFreshSignIn = (deps: {
  readonly authenticate: Authenticate;
  readonly upstreamSessions: Pick<UpstreamSessions, 'of'>;
  readonly findUpstream: (id: string) => Upstream | undefined;
  readonly clock: Clock;
}): FreshSignIn => ({
  async isFresh(session) {
    const begun = await deps.upstreamSessions.of(session);
    const at = begun === undefined ? session.authTime : begun.provedAt;
    return at !== undefined && deps.clock.now() / 1000 - at <= FRESH_SECONDS;
  },
  async againHref(session, next) {
    const begun = await deps.upstreamSessions.of(session);
    const upstream = begun && deps.findUpstream(begun.upstreamId);
    return upstream && !upstream.hide && isConfigured(upstream)
      ? `/oauth/login/${upstream.id}/?${new URLSearchParams({ fresh: '1', next })}`
      : `/login?${new URLSearchParams({ local: '1', next })}`;
  },
  async provesPassword(account, password, info) {
    const result = await deps.authenticate({ username: account.username, password }, info);
    if (result.outcome === 'throttled') throw new TooManyAttempts(result.retryAfterSeconds);
    return result.outcome === 'ok' && result.account.id === account.id;
  },
});
