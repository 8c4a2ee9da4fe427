/** What answers at every address of ours, put together from the container. The library answers at the rest. */
import type Router from '@koa/router';
import type { Context } from 'koa';
import { disconnectApplication } from './accounts/disconnect-application.js';
import { createOwnAccountRoutes } from './accounts/own-account-routes.js';
import { createEmailRoutes } from './accounts/email-routes.js';
import { createRecoveryRoutes } from './accounts/recovery-routes.js';
import { ADMIN } from './accounts/role-names.js';
import { createAccountPages } from './accounts/routes.js';
import { createSignIn } from './accounts/sign-in.js';
import { createSignInPages } from './accounts/sign-in-pages.js';
import { createSignUpPages } from './accounts/sign-up-pages.js';
import { createAdminPages } from './admin/admin-pages.js';
import { createAdminRoutes } from './admin/routes.js';
import { createServicePages, SERVICES } from './admin/service-pages.js';
import { SCOPES } from './authorization-server/configuration.js';
import { createClientRoutes } from './clients/routes.js';
import type { Container } from './container.js';
import { createDserverRoutes } from './dserver/doors-routes.js';
import { createDemoRoutes } from './home/demo.js';
import { createHomeRoutes } from './home/routes.js';
import { connectedApplications } from './interactions/connected-applications.js';
import { clientCard } from './interactions/consent.js';
import { createInteractionRoutes } from './interactions/routes.js';
import { createSecretBox } from './platform/crypto/secret-box.js';
import { createPermissionDoors } from './permission-service/doors-routes.js';
import { createWellKnownRoutes } from './platform/web/well-known.js';
import { createBackchannelRoutes } from './relying-party/backchannel-routes.js';
import { createRedirectUris } from './relying-party/redirect-uris.js';
import { toIdentity } from './relying-party/connectors/identity.js';
import { signInWay } from './relying-party/page-routes.js';
import { createUpstreamPages, type UpstreamPages } from './relying-party/routes.js';
import { createResourceServer } from './resource-server/me.js';
import { createUpstreamTokenRoutes } from './resource-server/upstream-token.js';

/** Every router of ours, by the name of the folder that answers. */
export function createRouters(container: Container): Record<string, Router> {
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
    redirectUris: createRedirectUris(config),
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
      applicationsOf: (accountId) => connectedApplications(container, accountId),
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
