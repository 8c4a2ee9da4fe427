import type { Audit } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { SecretBox } from '../platform/crypto/secret-box.js';
import type { Database } from '../platform/database/database.js';
import type { GuardedFetch } from '../platform/net/guarded-fetch.js';
import type { UpstreamRoleStore } from '../stores/upstream-role-store.js';
import type { UpstreamTokenStore } from '../stores/upstream-token-store.js';
import type { ConnectorOf } from './connector.js';
import type { Upstreams } from './doors.js';
import { createGroupRoles, type GroupRoles } from './group-roles.js';
import { loadHandlerModules } from './handler-modules.js';
import type { Handlers, Signals } from './handlers.js';
import { createRefreshToken } from './refresh-token.js';
import { createHandlers } from './run-handlers.js';
import { createSignals } from './signals.js';
import { createTokenOverview, type TokenOverview } from './token-overview.js';
import { createTokenSeal } from './token-seal.js';
import { createVault, type Vault } from './vault.js';

/** What accounts may do and are at upstreams, and what an operator adds to it. The login works with it. */
export interface UpstreamAccess {
  readonly vault: Vault;
  readonly tokens: TokenOverview;
  readonly handlers: Handlers;
  readonly signals: Signals;
  readonly groupRoles: GroupRoles;
}

interface Dependencies {
  readonly upstreams: Upstreams;
  readonly connectorOf: ConnectorOf;
  readonly stores: { readonly tokens: UpstreamTokenStore; readonly roles: UpstreamRoleStore };
  readonly write: Database['write'];
  /** Purpose `upstream-token`. */
  readonly box: SecretBox;
  readonly settings: {
    readonly handlersDir: string | undefined;
    /** Seconds. */
    readonly tokenLeeway: number;
  };
  readonly fetch: GuardedFetch;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: {
    warn(fields: object, message: string): void;
    error(fields: object, message: string): void;
  };
}

/** @throws {ConfigFault} for handlers that cannot be loaded */
export async function createUpstreamAccess(deps: Dependencies): Promise<UpstreamAccess> {
  const { upstreams, stores, fetch, audit, clock, log } = deps;
  const store = stores.tokens;
  const seal = createTokenSeal(deps.box);
  const vault = createVault({
    store,
    write: deps.write,
    seal,
    refreshToken: createRefreshToken({ store, seal, audit, clock, log }),
    findUpstream: upstreams.find,
    connectorOf: deps.connectorOf,
    clock,
    leeway: deps.settings.tokenLeeway,
  });
  const ids = upstreams.list().map(({ id }) => id);
  const modules = await loadHandlerModules(deps.settings.handlersDir, ids, (line) => log.warn({}, line));
  const signals = createSignals(log);
  return {
    vault,
    tokens: createTokenOverview({ store, seal }),
    handlers: createHandlers({ modules, signals, vault, fetch, log }),
    signals,
    groupRoles: createGroupRoles({ store: stores.roles, audit, clock }),
  };
}
