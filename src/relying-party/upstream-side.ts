import type { SecretBox } from '../platform/crypto/secret-box.js';
import type { GuardedFetch } from '../platform/net/guarded-fetch.js';
import type { Database } from '../platform/database/database.js';
import type { Logger } from '../platform/observe/logger.js';
import type { PayloadStore } from '../stores/payload-store.js';
import type { SessionFactStore } from '../stores/session-fact-store.js';
import type { UpstreamRoleStore } from '../stores/upstream-role-store.js';
import type { UpstreamTokenStore } from '../stores/upstream-token-store.js';
import { type ByUpstream, type ByUpstreamDeps, createByUpstream } from './by-upstream.js';
import type { ConnectorOf } from './connector.js';
import { createConnectors } from './connectors.js';
import { createEndBegunSession, type EndTokens } from './end-begun-session.js';
import { TOKEN_PURPOSE } from './token-seal.js';
import { createUpstreamAccess, type UpstreamAccess } from './upstream-access.js';
import { createUpstreamEndings, type UpstreamEndings } from './upstream-endings.js';

/** Everything that has to do with upstreams, made in one go: `container.ts` says what it is made from. */
export interface UpstreamSide {
  readonly connectorOf: ConnectorOf;
  readonly access: UpstreamAccess;
  readonly login: ByUpstream;
  readonly endings: UpstreamEndings;
}

type Made = 'connectorOf' | 'handlers' | 'vault' | 'groupRoles' | 'stores' | 'endSession';

interface Dependencies extends Omit<ByUpstreamDeps, Made> {
  readonly stores: ByUpstreamDeps['stores'] & {
    readonly tokens: UpstreamTokenStore;
    readonly roles: UpstreamRoleStore;
    readonly facts: Pick<SessionFactStore, 'remove'>;
    readonly payloads: Pick<PayloadStore, 'find' | 'once' | 'endSessions'>;
  };
  readonly write: Database['write'];
  readonly endTokens: EndTokens;
  readonly boxFor: (purpose: string) => SecretBox;
  readonly handlersDir: string | undefined;
  /** Seconds. */
  readonly tokenLeeway: number;
  readonly fetch: GuardedFetch;
  readonly log: Logger;
}

/** @throws {ConfigFault} for handlers that cannot be loaded */
export async function createUpstreamSide(deps: Dependencies): Promise<UpstreamSide> {
  const { stores, handlersDir, tokenLeeway, fetch, clock, log } = deps;
  const connectorOf = createConnectors({ fetch, clock, log });
  const access = await createUpstreamAccess({
    ...deps,
    connectorOf,
    box: deps.boxFor(TOKEN_PURPOSE),
    settings: { handlersDir, tokenLeeway },
  });
  const endSession = createEndBegunSession({
    ...deps,
    store: stores.sessions,
    payloads: stores.payloads,
    facts: stores.facts,
    groupRoles: access.groupRoles,
  });
  const login = createByUpstream({ ...deps, ...access, connectorOf, endSession });
  const endings = createUpstreamEndings({
    ...deps,
    connectorOf,
    sessions: login.sessions,
    store: stores.sessions,
    payloads: stores.payloads,
    endSession,
    groupRoles: access.groupRoles,
  });
  return { connectorOf, access, login, endings };
}
