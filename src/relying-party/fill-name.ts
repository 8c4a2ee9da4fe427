import type { Account } from '../accounts/account.js';
import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { AccountStore } from '../stores/account-store.js';

/**
 * A name that nobody has written yet becomes the upstream's. One that is there stays, and so
 * does the emptiness that somebody chose. Where the account is changed at the same moment, the next login fills it.
 */
export type FillName = (
  account: Account,
  said: { readonly upstreamId: string; readonly displayName: string | undefined },
  info: RequestInfo,
) => Promise<void>;

export function createFillName(deps: {
  readonly store: Pick<AccountStore, 'findCredentials' | 'setProfile'>;
  readonly audit: Audit;
  readonly clock: Clock;
}): FillName {
  const { store, audit, clock } = deps;
  return async ({ id, displayName: held }, { upstreamId, displayName }, info) => {
    if (held !== undefined || displayName === undefined) return;
    const found = await store.findCredentials({ id });
    if (found === undefined || found.sources.displayName !== undefined) return;
    const { account, sources } = found;
    if (account.displayName !== undefined) return;
    const { givenName, familyName, locale } = account;
    const profile = { displayName, givenName, familyName, locale };
    const source = `upstream:${upstreamId}`;
    const step = audit.step({
      event: 'account.profile_changed',
      outcome: 'success',
      accountId: id,
      actorId: source,
      ...info,
      detail: { fields: ['displayName'] },
    });
    const at = Math.max(clock.now(), account.updatedAt + 1);
    const change = { profile, sources: { ...sources, displayName: source }, at };
    await store.setProfile(id, change, account.updatedAt, [step]);
  };
}
