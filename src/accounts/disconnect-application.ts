import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { ConsentStore } from '../stores/consent-store.js';
import type { PayloadStore } from '../stores/payload-store.js';

interface Dependencies {
  readonly consents: Pick<ConsentStore, 'remove'>;
  readonly payloads: Pick<PayloadStore, 'revokeGrants'>;
  readonly audit: Audit;
  readonly clock: Clock;
}

/** Takes an application's access to an account away; `false`: it had none. */
export async function disconnectApplication(
  { consents, payloads, audit, clock }: Dependencies,
  accountId: string,
  clientId: string,
  info: RequestInfo,
): Promise<boolean> {
  const event = { outcome: 'success', accountId, actorId: accountId, clientId, ...info } as const;
  // The consent first: nothing new can be begun from it while the old is being ended.
  const forgot = await consents.remove(accountId, clientId, [
    audit.step({ event: 'consent.withdrawn', ...event }),
  ]);
  const count = await payloads.revokeGrants({ accountId, clientId }, clock.now());
  if (count > 0) await audit.record({ event: 'grant.revoked', ...event, detail: { count } });
  return forgot || count > 0;
}
