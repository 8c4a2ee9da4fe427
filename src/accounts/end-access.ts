import type { Clock } from '../platform/crypto/clock.js';
import type { AccountStore } from '../stores/account-store.js';
import type { PayloadStore } from '../stores/payload-store.js';

interface Dependencies {
  readonly accounts: Pick<AccountStore, 'beginAccessEpoch'>;
  readonly payloads: Pick<PayloadStore, 'endSessions' | 'revokeGrants'>;
  readonly dserver: { tokens: { revoke(of: { accountId: string }, at: number): Promise<unknown> } };
  readonly permissionService: { tokens: { revokeAll(accountId: string): Promise<unknown> } };
  readonly clock: Clock;
}

/**
 * Signs an account out everywhere, applications included: for whoever may have had it in hand. API keys, which the
 * person made to outlast sign-ins, go on.
 */
export function createEndAccess({ accounts, payloads, dserver, permissionService, clock }: Dependencies) {
  return async (accountId: string): Promise<void> => {
    // What could give something new ends before what was given.
    await accounts.beginAccessEpoch(accountId);
    await payloads.endSessions(accountId);
    await payloads.revokeGrants({ accountId }, clock.now());
    await dserver.tokens.revoke({ accountId }, clock.now());
    await permissionService.tokens.revokeAll(accountId);
  };
}
