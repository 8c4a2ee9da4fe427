import { decodeJwt } from 'jose';
import type { RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { sha256 } from '../platform/crypto/ids.js';
import { UpstreamError } from '../platform/errors/errors.js';
import type { PayloadStore } from '../stores/payload-store.js';
import type { UpstreamSessionStore } from '../stores/upstream-session-store.js';
import type { ConnectorOf, LogoutToken } from './connector.js';
import { withoutSlash } from './connectors/metadata.js';
import type { EndBegunSession } from './end-begun-session.js';
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

interface Dependencies {
  readonly upstreams: () => readonly Upstream[];
  readonly connectorOf: ConnectorOf;
  readonly store: Pick<UpstreamSessionStore, 'listByUpstream'>;
  readonly payloads: Pick<PayloadStore, 'find' | 'once'>;
  readonly endSession: EndBegunSession;
  readonly clock: Clock;
}

const noticeKey = ({ issuer, jti }: LogoutToken): string =>
  sha256(JSON.stringify(['logout_token', issuer, jti]));

const invalid = ({ id, title }: Upstream, detail: string): UpstreamError =>
  new UpstreamError('invalid', `This is no logout token of ${title}.`, { detail: `${id}: ${detail}` });

export function createBackchannelLogout(deps: Dependencies): BackchannelLogout {
  const { store, payloads } = deps;

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
    if (!(await payloads.once({ key, kind: 'LogoutToken', expiresAt: notice.expiresAt })))
      throw invalid(upstream, 'it came before');
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
        const why = { by: 'back-channel logout', actorId: `upstream:${upstream.id}` };
        let count = 0;
        // Another entry of the same service is another client there: its sessions are told of by its own notice.
        for (const session of found.filter(({ upstreamId }) => upstreamId === upstream.id)) {
          count += await deps.endSession(session, why, info);
        }
        return count;
      });
    },
  };
}
