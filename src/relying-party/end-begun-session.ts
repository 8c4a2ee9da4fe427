import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { PayloadStore } from '../stores/payload-store.js';
import type { SessionFactStore } from '../stores/session-fact-store.js';
import type { StoredUpstreamSession, UpstreamSessionStore } from '../stores/upstream-session-store.js';
import type { GroupRoles } from './group-roles.js';

/** Ends a session here that began at an upstream, and what is bound to it; resolves to 1, or 0 where it had ended. */
export type EndBegunSession = (
  session: StoredUpstreamSession,
  why: { readonly by: string; readonly actorId: string },
  info: RequestInfo,
) => Promise<number>;

/** Ends what other parts minted for a session of the account. */
export type EndTokens = (accountId: string, which: { readonly only: string }) => Promise<unknown>;

export function createEndBegunSession(deps: {
  readonly store: Pick<UpstreamSessionStore, 'remove'>;
  readonly payloads: Pick<PayloadStore, 'endSessions'>;
  readonly facts: Pick<SessionFactStore, 'remove'>;
  readonly groupRoles: Pick<GroupRoles, 'sweep'>;
  readonly endTokens: EndTokens;
  readonly audit: Audit;
}): EndBegunSession {
  return async ({ accountId, sessionUid }, { by, actorId }, info) => {
    const which = { only: sessionUid };
    const count = await deps.payloads.endSessions(accountId, which);
    await deps.endTokens(accountId, which);
    const note = deps.audit.step({
      event: 'session.ended',
      outcome: 'success',
      accountId,
      actorId,
      ...info,
      detail: { count, by },
    });
    await deps.facts.remove(accountId, which, count > 0 ? [note] : []);
    await deps.store.remove(sessionUid);
    await deps.groupRoles.sweep(accountId);
    return count;
  };
}
