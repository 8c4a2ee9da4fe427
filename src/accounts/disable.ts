import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { AccountStore } from '../stores/account-store.js';

interface By {
  /** An account id, or `cli`. */
  readonly actorId: string;
}

export interface DisableAccounts {
  /**
   * Shuts the account out from now on and ends what it has: sessions, tokens. `false`: it was so already;
   * what is left of its access ends all the same, so that a half-done attempt can be repeated.
   */
  disable(accountId: string, by: By, info?: RequestInfo): Promise<boolean>;
  enable(accountId: string, by: By, info?: RequestInfo): Promise<boolean>;
}

interface DisableDeps {
  readonly store: AccountStore;
  /** Ends the account's sessions and revokes its grants, for good: enabling brings none of them back. */
  readonly endAccess: (accountId: string) => Promise<unknown>;
  readonly audit: Audit;
  readonly clock: Clock;
}

/** A disabled account keeps its data; its password is as good as wrong. */
export function createDisableAccounts({ store, endAccess, audit, clock }: DisableDeps): DisableAccounts {
  const change = (accountId: string, disabled: boolean, by: By, info?: RequestInfo): Promise<boolean> => {
    const event = disabled ? 'account.disabled' : 'account.enabled';
    const step = audit.step({ event, ...info, actorId: by.actorId, accountId });
    return store.setDisabled(accountId, disabled, clock.now(), [step]);
  };
  return {
    async disable(accountId, by, info) {
      // Shut out first: nothing new can begin while the old is being ended.
      const changed = await change(accountId, true, by, info);
      await endAccess(accountId);
      return changed;
    },
    enable: (accountId, by, info) => change(accountId, false, by, info),
  };
}
