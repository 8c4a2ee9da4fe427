import { canParse } from '../platform/net/can-parse.js';
import type { UpstreamSessionStore } from '../stores/upstream-session-store.js';
import type { Connector } from './connector.js';
import type { GroupRoles } from './group-roles.js';
import type { Upstream } from './upstream.js';
import type { UpstreamSessions } from './upstream-sessions.js';

/** What is to follow where a browser session ends that began with a sign-in through an upstream. */
export interface UpstreamGoodbye {
  readonly upstreamId: string;
  /** Its title. */
  readonly title: string;
  /** Where to send the browser, so that its session there ends too; absent where the upstream has no such place. */
  readonly address?: string;
  /** A sentence for a page that says the browser is signed out here. */
  readonly text: string;
}

/** A browser session, as `BrowserSessions.current` tells it. */
export interface EndingSession {
  readonly uid: string;
  readonly accountId: string;
}

/** For `/logout`, `/oauth/logout` and `/auth/logout`. */
export interface UpstreamSignOut {
  /**
   * Call it before the session ends; `undefined` where it did not begin at an upstream. Never throws for what
   * the upstream does: signing out here comes first.
   * @param returnTo absolute address of ours that the upstream may send the browser back to
   * @param style `return`: a plain `logoutUrl` is given `?redirect_uri=<returnTo>`, as the OIDC demo does
   *   (`/logout`); `plain`: it is used as it stands (`/oauth/logout`)
   */
  before(
    session: EndingSession,
    returnTo: string,
    style: 'return' | 'plain',
  ): Promise<UpstreamGoodbye | undefined>;
  /** Call it once the session has ended: what was noted of its upstream goes, and the roles that hung on it. */
  after(session: EndingSession): Promise<void>;
}

interface Dependencies {
  readonly sessions: Pick<UpstreamSessions, 'of'>;
  readonly store: Pick<UpstreamSessionStore, 'remove'>;
  readonly groupRoles: Pick<GroupRoles, 'sweep'>;
  readonly findUpstream: (id: string) => Upstream | undefined;
  readonly connectorOf: (upstream: Upstream) => Connector;
  readonly log: { warn(fields: object, message: string): void };
}

const isWebAddress = (address: string): boolean => /^https?:\/\//i.test(address) && canParse(address);

export function createUpstreamSignOut(deps: Dependencies): UpstreamSignOut {
  async function addressOf(
    upstream: Upstream,
    idToken: string | undefined,
    returnTo: string,
    style: 'return' | 'plain',
  ): Promise<string | undefined> {
    if (style === 'plain' && upstream.logoutUrl !== undefined) return upstream.logoutUrl;
    try {
      const address = await deps.connectorOf(upstream).signOutAddress?.(upstream, { idToken, returnTo });
      // Its document says where; a browser is sent nowhere but to a web page.
      return address !== undefined && isWebAddress(address) ? address : undefined;
    } catch (err) {
      deps.log.warn({ err, upstream: upstream.id }, 'an upstream could not be asked for its sign-out');
      return undefined;
    }
  }

  return {
    async before(session, returnTo, style) {
      const begun = await deps.sessions.of(session);
      const upstream = begun && deps.findUpstream(begun.upstreamId);
      if (!upstream) return undefined;
      const address = await addressOf(upstream, begun.idToken, returnTo, style);
      const { id, title } = upstream;
      return address === undefined
        ? { upstreamId: id, title, text: stillSignedIn(title) }
        : {
            upstreamId: id,
            title,
            address,
            text: `You are signed out here. ${title} ends your session there.`,
          };
    },
    async after({ uid, accountId }) {
      await deps.store.remove(uid);
      await deps.groupRoles.sweep(accountId);
    },
  };
}

const stillSignedIn = (title: string): string =>
  `You are signed out here, but may still be signed in at ${title}: it offers no sign-out to others. ` +
  `Sign out there too if other people use this computer.`;
