import type Router from '@koa/router';
import type { Context } from 'koa';
import type { Account } from '../accounts/account.js';
import type { Authenticate } from '../accounts/authenticate.js';
import type { BrowserSessions } from '../authorization-server/browser-session.js';
import type { Audit } from '../platform/audit/audit.js';
import type { Config } from '../platform/config/config.js';
import type { Clock } from '../platform/crypto/clock.js';
import { createCredentialedCors } from '../platform/web/credentialed-cors.js';
import { ownOrigins } from '../platform/web/leads-on.js';
import type { Web } from '../platform/web/web.js';
import type { DoorEnd, LoginDoors, Upstreams } from '../relying-party/doors.js';
import type { Arrival } from '../relying-party/relying-party.js';
import type { Mapping, Upstream } from '../relying-party/upstream.js';
import type { AccountStore } from '../stores/account-store.js';
import { createApiKeyPages, type Freshness } from './api-key-pages.js';
import { createDelivery } from './deliver-routes.js';
import type { Dserver } from './dserver.js';
import type { SessionName, UpstreamSelf } from './issue.js';
import { createKeyRoutes } from './key-routes.js';
import { createLoginRoutes } from './login-routes.js';
import { createTokenRoutes } from './token-routes.js';
import type { NamedIdentity } from './upstream-name.js';

interface Began {
  readonly upstreamId: string;
  readonly issuer: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface DserverRoutesDeps {
  readonly config: Config;
  readonly dserver: Dserver;
  readonly upstreams: Upstreams;
  /** Made after us, since they need the end of our door. */
  readonly doors: () => LoginDoors;
  readonly fresh: () => Freshness;
  readonly sessions: BrowserSessions;
  /** Signs the browser in as who arrived, and remembers through which upstream; the session's uid. */
  readonly signInArrival: (ctx: Context, arrival: Arrival) => Promise<string | undefined>;
  /** What the relying party keeps of a session that began at an upstream. */
  readonly beganUpstream: (session: SessionName) => Promise<Began | undefined>;
  /** The session has ended: what is kept of its beginning goes, with the roles that hung on it. */
  readonly endedUpstream: (session: SessionName) => Promise<void>;
  readonly toIdentity: (
    upstream: Upstream,
    mapping: Mapping,
    began: { readonly issuer: string; readonly said: Record<string, unknown> },
  ) => NamedIdentity;
  readonly accounts: AccountStore;
  readonly authenticate: Authenticate;
  readonly web: Web;
  readonly audit: Audit;
  readonly clock: Clock;
}

/** Every address of dserver's part, and the end of a login that began at its door. */
export function createDserverRoutes(deps: DserverRoutesDeps): {
  readonly routers: Readonly<Record<string, Router>>;
  readonly end: DoorEnd;
  /** Where a path here leads a browser that has just signed in, for the policy of the form it signs in with. */
  readonly leadsTo: (path: string) => readonly string[];
} {
  const { config, dserver, accounts, sessions, upstreams, web } = deps;
  const { dserver: settings, allowedOrigins } = config;
  const { csrf, renderView, requestInfo, origin } = web;
  const secure = config.issuer.startsWith('https:');
  const findAccount = async (id: string): Promise<Account | undefined> => accounts.findById(id);
  /** Who the session's person is at the upstream it began at; `undefined` where it began with a password. */
  async function selfOfSession(session: SessionName): Promise<UpstreamSelf | undefined> {
    const began = await deps.beganUpstream(session);
    const upstream = began && upstreams.find(began.upstreamId);
    if (!began || !upstream) return undefined;
    const said = { issuer: began.issuer, said: { ...began.claims } };
    return { upstream, identity: deps.toIdentity(upstream, upstream.mappings.dserver, said) };
  }
  const cors = createCredentialedCors(allowedOrigins);
  const shared = { ...dserver, ...settings, sessions, findAccount, selfOfSession, cors, requestInfo };
  const delivery = createDelivery(settings, {
    allowedOrigins,
    ownOrigins: ownOrigins(config.issuer, config.http.acceptedHosts),
    secure,
  });
  const login = createLoginRoutes({
    ...shared,
    delivery,
    pluginId: config.upstreams.pluginId,
    upstreams,
    doors: deps.doors,
    signInArrival: deps.signInArrival,
    endedUpstream: deps.endedUpstream,
    origin,
    csrf,
    renderView,
    audit: deps.audit,
  });
  return {
    routers: {
      'dserver (keys)': createKeyRoutes(dserver.key),
      'dserver (tokens)': createTokenRoutes({ ...shared, authenticate: deps.authenticate }),
      'dserver (sign-in)': login.router,
      'dserver (API keys)': createApiKeyPages({
        currentSession: (ctx) => sessions.current(ctx),
        fresh: deps.fresh,
        findAccount,
        apiKeys: dserver.apiKeys,
        permissionsOf: dserver.permissionsOf,
        csrf,
        renderView,
        requestInfo,
        clock: deps.clock,
      }),
    },
    end: login.end,
    leadsTo: (path) => (path.startsWith('/auth/login') ? delivery.origins : []),
  };
}
