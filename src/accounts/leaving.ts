import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { LeavingStore } from '../stores/leaving-store.js';

/** Deleting one's own account, with time to change one's mind. */
export interface Leaving {
  /**
   * Ends all sessions and grants at once; resolves to when the account goes. The password was just proven.
   * `undefined`: it is the only administrator's, and nothing was done.
   */
  ask(accountId: string, info: RequestInfo): Promise<number | undefined>;
  /** Whether nobody else who may sign in, and is not leaving, administers the server. */
  isOnlyAdmin(accountId: string): Promise<boolean>;
  /** `false`: nothing was asked for. */
  undo(accountId: string, info: RequestInfo): Promise<boolean>;
  /** Deletes those whose time has come; resolves to how many. */
  finish(signal?: AbortSignal): Promise<number>;
}

interface Dependencies {
  readonly store: LeavingStore;
  /** Ends the account's sessions and revokes its grants. */
  readonly endAccess: (accountId: string) => Promise<unknown>;
  readonly clientsOf: (accountId: string) => Promise<readonly { readonly clientId: string }[]>;
  readonly revokeClient: (clientId: string) => Promise<unknown>;
  readonly audit: Audit;
  readonly clock: Clock;
}

export const GRACE_DAYS = 14;
const GRACE_MS = GRACE_DAYS * 24 * 60 * 60_000;
const BATCH = 100;
const BY_SYSTEM = { actorId: 'system', outcome: 'success' } as const;

export function createLeaving(deps: Dependencies): Leaving {
  const { store, endAccess, audit, clock } = deps;

  async function remove(accountId: string): Promise<boolean> {
    // An application nobody answers for must not go on receiving people's data: its clients go, too.
    const clients = await deps.clientsOf(accountId);
    const steps = [
      ...clients.map(({ clientId }) =>
        audit.step({
          event: 'client.deleted',
          ...BY_SYSTEM,
          accountId,
          clientId,
          detail: { reason: 'owner_deleted' },
        }),
      ),
      audit.step({ event: 'account.deleted', ...BY_SYSTEM, accountId }),
    ];
    if (!(await store.remove(accountId, clock.now(), steps))) return false;
    // Whatever lives on is refused already, since account and clients are gone; this ends it for good.
    await endAccess(accountId);
    for (const { clientId } of clients) await deps.revokeClient(clientId);
    return true;
  }

  return {
    async ask(accountId, info) {
      const at = clock.now() + GRACE_MS;
      const step = audit.step({
        event: 'account.deletion_asked',
        outcome: 'success',
        accountId,
        actorId: accountId,
        ...info,
      });
      // Asked for before is no reason to stop: what a half-done attempt left is ended.
      const noted = await store.setDeleteAt(accountId, at, [step]);
      if (!noted && (await store.isLastHolder(accountId))) return undefined;
      await endAccess(accountId);
      return at;
    },
    isOnlyAdmin: (accountId) => store.isLastHolder(accountId),
    undo(accountId, info) {
      const event = { event: 'account.deletion_undone', outcome: 'success', accountId } as const;
      return store.setDeleteAt(accountId, undefined, [audit.step({ ...event, actorId: accountId, ...info })]);
    },
    async finish(signal) {
      let total = 0;
      let due = await store.listDue(clock.now(), BATCH);
      while (due.length > 0 && !signal?.aborted) {
        let removed = 0;
        for (const { accountId } of due) if (await remove(accountId)) removed += 1;
        total += removed;
        due = removed === 0 ? [] : await store.listDue(clock.now(), BATCH);
      }
      return total;
    },
  };
}
