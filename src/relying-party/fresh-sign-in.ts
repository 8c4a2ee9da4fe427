import type { Account } from '../accounts/account.js';
import type { Authenticate } from '../accounts/authenticate.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { TooManyAttempts } from '../platform/errors/errors.js';

/** Seconds since the sign-in for which it counts as just made. */
export const FRESH_SECONDS = 600;

/** Whether whoever sits at an open session has just shown who they are. */
export interface FreshSignIn {
  isFresh(session: { readonly authTime: number }): boolean;
  /** @throws {TooManyAttempts} */
  provesPassword(account: Account, password: string, info: RequestInfo): Promise<boolean>;
}

export const createFreshSignIn = (deps: {
  readonly authenticate: Authenticate;
  readonly clock: Clock;
}): FreshSignIn => ({
  isFresh: ({ authTime }) => deps.clock.now() / 1000 - authTime <= FRESH_SECONDS,
  async provesPassword(account, password, info) {
    const result = await deps.authenticate({ username: account.username, password }, info);
    if (result.outcome === 'throttled') throw new TooManyAttempts(result.retryAfterSeconds);
    return result.outcome === 'ok' && result.account.id === account.id;
  },
});
