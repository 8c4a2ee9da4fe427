import { decodeJwt } from 'jose';
import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { sha256 } from '../platform/crypto/ids.js';
import { UpstreamError } from '../platform/errors/errors.js';
import type { PayloadStore } from '../stores/payload-store.js';
import type { SessionFactStore } from '../stores/session-fact-store.js';
import type { StoredUpstreamSession, UpstreamSessionStore } from '../stores/upstream-session-store.js';
import type { ConnectorOf, LogoutToken } from './connector.js';
import { withoutSlash } from './connectors/metadata.js';
import type { GroupRoles } from './group-roles.js';
import { isConfigured, type Upstream } from './upstream.js';

/** An upstream tells that somebody signed out there (OIDC Back-Channel Logout 1.0). */
export interface BackchannelLogout {
  /** Those whose notices can be read. */
  find(id: string): Upstream | undefined;
  /** Whom a notice may come from, by the issuer it names; nothing of it is believed yet. */
  senders(token: string): readonly Upstream[];
  /**
   * Ends the sessions here that began with the one that ended there, and what is bound to them; resolves to how
   * many. No such session is a success too (§2.6).
   * @throws {UpstreamError} `invalid` for a notice that is none, is not for us, or came before
   */
  take(upstream: Upstream, token: string, info: RequestInfo): Promise<number>;
}

/** Ends what other parts minted for a session of the account. */
export type EndTokens = (accountId: string, which: { readonly only: string }) => Promise<unknown>;

interface Dependencies {
  readonly upstreams: () => readonly Upstream[];
  readonly connectorOf: ConnectorOf;
  readonly store: UpstreamSessionStore;
  readonly payloads: Pick<PayloadStore, 'find' | 'once' | 'endSessions'>;
  readonly facts: Pick<SessionFactStore, 'remove'>;
  readonly groupRoles: Pick<GroupRoles, 'sweep'>;
  readonly endTokens: EndTokens;
  readonly audit: Audit;
  readonly clock: Clock;
}

const noticeKey = ({ issuer, jti }: LogoutToken): string =>
  sha256(JSON.stringify(['logout_token', issuer, jti]));

const invalid = ({ id, title }: Upstream, detail: string): UpstreamError =>
  new UpstreamError('invalid', `This is no logout token of ${title}.`, { detail: `${id}: ${detail}` });

export function createBackchannelLogout(deps: Dependencies): BackchannelLogout {
  const { store, payloads, facts, audit } = deps;

  const readable = (): Upstream[] =>
    deps
      .upstreams()
      .filter((one) => isConfigured(one) && deps.connectorOf(one).readLogoutToken !== undefined);

  async function read(upstream: Upstream, token: string): Promise<LogoutToken> {
    const notice = await deps.connectorOf(upstream).readLogoutToken?.(upstream, token);
    if (notice === undefined) throw invalid(upstream, 'it sends no logout tokens');
    return notice;
  }

  /** Taken last: a notice whose work failed may come again, one that did its work may not. */
  async function takeOnce(
    upstream: Upstream,
    notice: LogoutToken,
    work: () => Promise<number>,
  ): Promise<number> {
    const key = noticeKey(notice);
    if ((await payloads.find(key)) !== undefined) throw invalid(upstream, 'it came before');
    const count = await work();
    const row = {
      key,
      kind: 'LogoutToken',
      grantKey: null,
      sessionUid: null,
      userCode: null,
      accountId: null,
      clientId: null,
      expiresAt: notice.expiresAt,
      payload: '{}',
      sealed: null,
    };
    if (!(await payloads.once(row))) throw invalid(upstream, 'it came before');
    return count;
  }

  async function end(upstream: Upstream, session: StoredUpstreamSession, info: RequestInfo): Promise<number> {
    const { accountId, sessionUid } = session;
    const which = { only: sessionUid };
    const count = await payloads.endSessions(accountId, which);
    await deps.endTokens(accountId, which);
    const note = audit.step({
      event: 'session.ended',
      outcome: 'success',
      accountId,
      actorId: `upstream:${upstream.id}`,
      ...info,
      detail: { count, by: 'back-channel logout' },
    });
    await facts.remove(accountId, which, count > 0 ? [note] : []);
    await store.remove(sessionUid);
    await deps.groupRoles.sweep(accountId);
    return count;
  }

  return {
    find: (id) => readable().find((one) => one.id === id),
    senders(token) {
      let issuer: unknown;
      try {
        issuer = decodeJwt(token).iss;
      } catch {
        return [];
      }
      if (typeof issuer !== 'string') return [];
      const named = withoutSlash(issuer);
      return readable().filter((one) => withoutSlash(one.issuer) === named);
    },
    async take(upstream, token, info) {
      const notice = await read(upstream, token);
      return takeOnce(upstream, notice, async () => {
        const { issuer, sid, subject } = notice;
        const found = await store.listByUpstream({ issuer, sid, subject });
        let count = 0;
        // Another entry of the same service is another client there: its sessions are told of by its own notice.
        for (const session of found.filter(({ upstreamId }) => upstreamId === upstream.id)) {
          count += await end(upstream, session, info);
        }
        return count;
      });
    },
  };
}
