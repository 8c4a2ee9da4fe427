/** The HTTP side as a table of contents: what a request passes through, in order. */
import type { RequestListener } from 'node:http';
import Router from '@koa/router';
import Koa, { type Context, type Middleware } from 'koa';
import { disconnectApplication } from './accounts/disconnect-application.js';
import { type ConnectedApplication, createOwnAccountRoutes } from './accounts/own-account-routes.js';
import { createEmailRoutes } from './accounts/email-routes.js';
import { createRecoveryRoutes } from './accounts/recovery-routes.js';
import { createAccountPages } from './accounts/routes.js';
import { createSignIn } from './accounts/sign-in.js';
import { createSignInPages } from './accounts/sign-in-pages.js';
import { createSignUpPages } from './accounts/sign-up-pages.js';
import { createAdminPages } from './admin/admin-pages.js';
import { createAdminRoutes } from './admin/routes.js';
import { createServicePages, SERVICES } from './admin/service-pages.js';
import { SCOPES } from './authorization-server/configuration.js';
import { DOCUMENT_PATHS } from './authorization-server/documents.js';
import { LIBRARY_ROUTES } from './authorization-server/library-routes.js';
import { createClientRoutes } from './clients/routes.js';
import type { Container } from './container.js';
import { createDemoRoutes } from './home/demo.js';
import { createDserverRoutes } from './dserver/doors-routes.js';
import { createHomeRoutes } from './home/routes.js';
import { clientCard } from './interactions/consent.js';
import { createInteractionRoutes } from './interactions/routes.js';
import { createSecretBox } from './platform/crypto/secret-box.js';
import { createPermissionDoors } from './permission-service/doors-routes.js';
import { type AnsweredRequest, createAccessLog, PROBES } from './platform/observe/access-log.js';
import type { Health } from './platform/observe/health.js';
import { createRouteLabels } from './platform/observe/route-label.js';
import { errorBoundary } from './platform/web/error-boundary.js';
import { hosts } from './platform/web/hosts.js';
import { pinRequest } from './platform/web/pinned-request.js';
import { rateLimits } from './platform/web/rate-limits.js';
import { securityHeaders } from './platform/web/security-headers.js';
import { createStraightAnswers } from './platform/web/straight-answers.js';
import { createTrustedProxies } from './platform/web/trusted-proxy.js';
import { createWellKnownRoutes } from './platform/web/well-known.js';
import { scopeText } from './platform/web/scope-texts.js';
import { createBackchannelRoutes } from './relying-party/backchannel-routes.js';
import { createRedirectUris } from './relying-party/redirect-uris.js';
import { toIdentity } from './relying-party/connectors/identity.js';
import { signInWay } from './relying-party/page-routes.js';
import { createUpstreamPages, type UpstreamPages } from './relying-party/routes.js';
import { createResourceServer } from './resource-server/me.js';
import { createUpstreamTokenRoutes } from './resource-server/upstream-token.js';

const ADMIN = 'admin';

function healthRoutes(health: Health): Router {
  const router = new Router();
  const answers: [string, () => Promise<ReturnType<Health['livez']>>][] = [
    ['/livez', async () => health.livez()],
    ['/readyz', () => health.readyz()],
    ['/healthz', () => health.readyz()],
    ['/config/health', () => health.configHealth()],
  ];
  for (const [path, answer] of answers) {
    router.get(path, async (ctx) => {
      const { status, body } = await answer();
      ctx.set('Cache-Control', 'no-store');
      ctx.status = status;
      ctx.body = body;
    });
  }
  return router;
}

/** What may use an account: by remembered consent, or by tokens got with its password. */
async function applicationsOf(container: Container, accountId: string): Promise<ConnectedApplication[]> {
  const { consents, payloads, clients, auditStore } = container;
  const [remembered, lastIssued] = await Promise.all([
    consents.listOf(accountId),
    auditStore.lastIssued(accountId),
  ]);
  const ids = new Set(remembered.map(({ clientId }) => clientId));
  for (const clientId of await payloads.listGrantedClients(accountId)) ids.add(clientId);
  const found = await Promise.all([...ids].map((clientId) => clients.find(clientId)));
  return found.flatMap((client) => {
    if (!client) return [];
    const consent = remembered.find(({ clientId }) => clientId === client.clientId);
    const { scopes = [], claims = [], resources = {} } = consent ?? {};
    const purposes = [
      ...scopes.map((scope) => scopeText(scope).text),
      ...claims.map((claim) => `Read “${claim}” of your account`),
      ...Object.entries(resources).map(([name, granted]) =>
        [`Use ${name} for you`, granted.join(', ')].filter(Boolean).join(': '),
      ),
    ];
    const { clientId } = client;
    const times = { since: consent?.createdAt, lastUsed: lastIssued.get(clientId) };
    return [{ clientId, ...clientCard(client), ...times, purposes }];
  });
}

/** By the name of the folder they come from. */
function pages(container: Container): Record<string, Router> {
  const { config, authorizationServer, accounts, clients, web, audit } = container;
  const { sessions, interactions, tokens } = authorizationServer;
  const { csrf, flash, renderView, requestInfo } = web;
  const findAccount = async (id: string) => accounts.findById(id);

  const currentAccount = async (ctx: Context) => {
    const session = await sessions.current(ctx);
    const account = session && (await findAccount(session.accountId));
    return account?.disabled ? undefined : account;
  };
  const everybodyCreates = config.clientCreation === 'everyone';
  const isAdmin = ({ roles }: { roles: readonly string[] }) => roles.includes(ADMIN);
  const mayCreateClients = (person: { roles: readonly string[] }) => everybodyCreates || isAdmin(person);

  const signIn = createSignIn({
    authenticate: container.authenticate,
    findAccount,
    setPassword: container.setPassword,
    undoDeletion: container.leaving.undo,
    box: createSecretBox(config.secretKeys, 'sign-in-ticket'),
    clock: container.clock,
  });
  const forgotHref = container.byMail.postman.available ? '/forgot-password' : undefined;
  const signInPages = createSignInPages({ signIn, renderView, forgotHref });
  const signUpPages = createSignUpPages({
    register: container.register.signUp,
    signUp: config.signUp,
    byMail: container.byMail,
    csrf,
    renderView,
    requestInfo,
  });
  const { sessions: upstreamSessions } = container.upstreamSide.login;
  const dserver = createDserverRoutes({
    ...container,
    doors: () => upstreamPages.doors,
    fresh: () => upstreamPages.fresh,
    sessions,
    signInArrival: (ctx, arrival) =>
      sessions.signIn(ctx, arrival.account, signInWay(upstreamSessions, arrival)),
    beganUpstream: (session) => upstreamSessions.of(session),
    endedUpstream: (session) => container.upstreamSide.endings.signOut.after(session),
    toIdentity,
  });
  const permissions = createPermissionDoors({ ...container, doors: () => upstreamPages.doors });
  const adminPages = createAdminPages({ currentAccount });
  const upstreamPages: UpstreamPages = createUpstreamPages({
    ...config,
    upstreams: container.upstreams,
    oneProvider: () => container.upstreams.find(config.upstreams.oneProviderId ?? ''),
    redirectUris: createRedirectUris({ issuer: config.issuer, ...config.callbacks }),
    byUpstream: container.upstreamSide.login,
    upstreamSignOut: container.upstreamSide.endings.signOut,
    ends: { dserver: dserver.end, permission: permissions.end },
    sessions,
    interactions,
    accounts,
    authenticate: container.authenticate,
    showSignIn: (ctx, next) => signInPages.show(ctx, accountPages.signInPlace(next)),
    signedOut: ({ accountId }, info) =>
      audit.record({ event: 'account.sign_out', outcome: 'success', accountId, ...info }),
    mails: container.byMail.postman.available,
    web,
    clock: container.clock,
  });
  const accountPages = createAccountPages({
    sessions,
    signInPages,
    signUpPages,
    currentAccount,
    upstreams: upstreamPages.ways,
    leadsTo: dserver.leadsTo,
    forgotHref,
    csrf,
    flash,
    renderView,
    requestInfo,
  });

  return {
    home: createHomeRoutes({
      issuer: config.issuer,
      currentAccount,
      clientsOf: (accountId) => clients.listOf(accountId),
      mayCreateClients,
      everybodyCreates,
      database: () => container.database.ping(),
      signingKeys: () => container.loadedKeys.map(({ alg, kid }) => ({ alg, kid })),
      upstreamClaims: upstreamPages.claimsOf,
      accountPages,
      renderView,
    }),
    ...upstreamPages.routers,
    ...(everybodyCreates
      ? {
          demo: createDemoRoutes({
            issuer: config.issuer,
            redeem: authorizationServer.ownTokenEndpoint,
            publicKeys: container.keyring.publicKeys,
            currentAccount,
            box: createSecretBox(config.secretKeys, 'demo'),
            clock: container.clock,
            renderView,
          }),
        }
      : {}),
    accounts: accountPages.router,
    recovery: createRecoveryRoutes({
      recovery: container.byMail.recovery,
      requireMail: container.byMail.postman.require,
      csrf,
      renderView,
      requestInfo,
    }),
    email: createEmailRoutes({
      emailAddress: container.byMail.emailAddress,
      authenticate: container.authenticate,
      currentAccount,
      requireMail: container.byMail.postman.require,
      csrf,
      flash,
      renderView,
      requestInfo,
    }),
    'own account': createOwnAccountRoutes({
      currentSession: (ctx) => sessions.current(ctx),
      accounts,
      authenticate: container.authenticate,
      setPassword: container.setPassword,
      tellOwner: container.byMail.tellOwner,
      editProfile: container.editProfile,
      ownSessions: container.ownSessions,
      leaving: container.leaving,
      applicationsOf: (accountId) => applicationsOf(container, accountId),
      disconnect: (...of) => disconnectApplication(container, ...of),
      clientNamesOf: async (accountId) =>
        (await clients.listOf(accountId)).map((client) => clientCard(client).name),
      exportOf: container.exportAccount,
      signOut: (ctx) => sessions.signOut(ctx),
      csrf,
      flash,
      renderView,
      requestInfo,
    }),
    // Before dserver's doors: a log-out there ends the user token that comes along.
    ...permissions.routers,
    ...dserver.routers,
    interactions: createInteractionRoutes({
      interactions,
      signInPages,
      signUpPages,
      upstreamLinks: upstreamPages.interactionLinks,
      findAccount,
      audit,
      csrf,
      renderView,
      requestInfo,
    }),
    clients: createClientRoutes({
      issuer: config.issuer,
      clients,
      currentAccount,
      mayCreateClients,
      isAdmin,
      resources: container.resources,
      ownScopes: new Set(SCOPES),
      revokeGrantsOf: (clientId) => container.payloads.revokeGrants({ clientId }, container.clock.now()),
      usageOf: (clientId) => container.clientUsage.of(clientId, container.clock.now()),
      leases: container.redirectLeases,
      tests: authorizationServer.clientTests,
      csrf,
      flash,
      renderView,
      requestInfo,
    }),
    admin: createAdminRoutes({
      pages: adminPages,
      sections: [SERVICES],
      accounts,
      identities: container.identities,
      upstreamTokens: container.upstreamSide.access.tokens,
      upstreamTitle: (id) => container.upstreams.find(id)?.title ?? id,
      renderView,
    }),
    'admin services': createServicePages({
      ...container.permissionService,
      pages: adminPages,
      allowed: config.permissions.services,
      roles: container.roles,
      renderView,
    }),
    'upstream logout': createBackchannelRoutes({
      logout: container.upstreamSide.endings.backchannel,
      requestInfo,
    }),
    'resource-server': createResourceServer({ issuer: config.issuer, tokens, findAccount }),
    'upstream token': createUpstreamTokenRoutes({
      tokens,
      findAccount,
      findUpstream: container.upstreams.find,
      tokenFor: container.upstreamSide.access.vault.tokenFor,
      audit,
      requestInfo,
      clock: container.clock,
    }),
    web: createWellKnownRoutes({
      securityContact: config.securityContact,
      issuer: config.issuer,
      clock: container.clock,
    }),
  };
}

export interface Route {
  readonly rule: string;
  readonly methods: readonly string[];
  /** The folder that answers, with the library's name of the route where it has one. */
  readonly endpoint: string;
}

/** Every address that is answered, for the command line. From the routers themselves, as far as there are any. */
export function listRoutes(container: Container, health: Health): Route[] {
  const routers = { health: healthRoutes(health), ...pages(container) };
  return [
    { rule: '/assets/:name', methods: ['HEAD', 'GET'], endpoint: 'assets' },
    { rule: '/favicon.ico', methods: ['HEAD', 'GET'], endpoint: 'assets' },
    ...Object.entries(routers).flatMap(([endpoint, router]) =>
      router.stack.map(({ path, methods }) => ({ rule: String(path), methods, endpoint })),
    ),
    ...LIBRARY_ROUTES,
  ];
}

const middlewareOf = (router: Router): Middleware => router.routes() as unknown as Middleware;

/** @param gate is put before everything but the documents, which are bytes as a rule: less than a refusal costs */
export function createApp(
  container: Container,
  health: Health,
  gate: (answer: RequestListener) => RequestListener = (answer) => answer,
): RequestListener {
  const { config, authorizationServer, web, log, clock, metrics } = container;
  const { documents } = authorizationServer;
  const proxies = createTrustedProxies(config.http.trustProxy, (peer) =>
    log.warn(
      { peer },
      'a proxy here is not named in TRUST_PROXY: whoever comes through it counts as one address',
    ),
  );
  const logAccess = createAccessLog(log, new Set([...PROBES, ...DOCUMENT_PATHS]));
  const routeOf = createRouteLabels([...LIBRARY_ROUTES.map(({ rule }) => rule), ...DOCUMENT_PATHS]);
  const issuer = new URL(config.issuer);
  const finished = (request: AnsweredRequest, matched: unknown): void => {
    const { path, status, milliseconds } = request;
    if (metrics.on) metrics.request(routeOf(matched, path), status, milliseconds);
    logAccess(request, String(matched ?? path));
  };
  const answerStraight = createStraightAnswers({
    issuer: config.issuer,
    clock,
    documentOf: documents.of,
    finished: (entry) => finished(entry, undefined),
  });

  const app = new Koa({ proxy: true });
  // The library reads with its own context what is set here, and the other way round.
  app.keys = [...authorizationServer.cookieKeys];
  app.silent = true;

  app.use(
    errorBoundary({
      clock,
      renderError: web.renderError,
      finished: (entry, ctx) => finished(entry, (ctx as Context & { _matchedRoute?: unknown })._matchedRoute),
    }),
  );
  app.use(securityHeaders({ issuer: config.issuer }));
  app.use(hosts({ ...config.http, issuer: config.issuer, loopback: config.loopback }));
  app.use(authorizationServer.cors);
  app.use(rateLimits(container.limits.ofEndpoints));
  // What programs ask all the time does not go past every page's router first.
  app.use(authorizationServer.protocol);
  app.use(web.assets.middleware);
  app.use(middlewareOf(healthRoutes(health)));
  for (const router of Object.values(pages(container))) app.use(middlewareOf(router));
  app.use(authorizationServer.middleware);

  const answer = app.callback();
  const answerBehind = gate((req, res) => void answer(req, res));
  return (req, res) => {
    pinRequest(req, issuer, proxies);
    if (answerStraight(req, res)) return;
    if (req.method === 'GET' && documents.has(req.url ?? '')) void answer(req, res);
    else answerBehind(req, res);
  };
}
