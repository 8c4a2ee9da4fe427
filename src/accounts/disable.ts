import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { AccountStore } from '../stores/account-store.js';

interface By {
  /** An account id, or `cli`. */
  readonly actorId: string;
}

export interface DisableAccounts {
  /** Shuts the account out from now on; its grants are the caller's to revoke. `false`: nothing changed. */
  disable(accountId: string, by: By, info?: RequestInfo): Promise<boolean>;
  enable(accountId: string, by: By, info?: RequestInfo): Promise<boolean>;
}

interface DisableDeps {
  readonly store: AccountStore;
  readonly audit: Audit;
  readonly clock: Clock;
}

/** A disabled account keeps its data; its password is as good as wrong. */
export function createDisableAccounts({ store, audit, clock }: DisableDeps): DisableAccounts {
  const change = (accountId: string, disabled: boolean, by: By, info?: RequestInfo): Promise<boolean> => {
    const event = disabled ? 'account.disabled' : 'account.enabled';
    const step = audit.step({ event, ...info, actorId: by.actorId, accountId });
    return store.setDisabled(accountId, disabled, clock.now(), [step]);
  };
  return {
    disable: (accountId, by, info) => change(accountId, true, by, info),
    enable: (accountId, by, info) => change(accountId, false, by, info),
  };
}
