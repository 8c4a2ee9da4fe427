/**
 * The composition root: every object that lives as long as the process is made here, once, in reading order; closures
 * that name a later one run only once requests arrive. Two containers can live in one process; `close()` undoes what this
 * one opened.
 */
import type { Context } from 'koa';
import {
  type Authenticate,
  createAuthenticate,
  SIGN_IN_BY_ACCOUNT,
  SIGN_IN_BY_ADDRESS,
} from './accounts/authenticate.js';
import { bootstrapAdmin, type Bootstrapped } from './accounts/bootstrap-admin.js';
import { type ByMail, createByMail } from './accounts/by-mail.js';
import { createDisableAccounts, type DisableAccounts } from './accounts/disable.js';
import { createEndAccess } from './accounts/end-access.js';
import { createEditProfile, type EditProfile } from './accounts/edit-profile.js';
import { createExportAccount, type ExportAccount } from './accounts/export-account.js';
import { createLeaving, type Leaving } from './accounts/leaving.js';
import { createOwnSessions, type OwnSessions } from './accounts/own-sessions.js';
import { type Argon2, createPasswords } from './accounts/passwords.js';
import { createRegister, type Register } from './accounts/register.js';
import { ADMIN } from './accounts/role-names.js';
import { createRoles, type Roles } from './accounts/roles.js';
import { createSetPassword, type SetPassword } from './accounts/set-password.js';
import { createDeviceLimits } from './authorization-server/grants/device-limits.js';
import { grantTypes } from './authorization-server/configuration.js';
import { sealedPayloads } from './authorization-server/payload-secrets.js';
import { createInspectToken, type InspectToken } from './authorization-server/inspect-token.js';
import { type AuthorizationServer, createAuthorizationServer } from './authorization-server/provider.js';
import { demoClient, withBuiltIn } from './clients/demo-client.js';
import { type Clients, createClients } from './clients/register.js';
import { createRedirectLeases, type RedirectLeases } from './clients/leases.js';
import { createResources, type Resources } from './clients/resources.js';
import { DEFAULT_RULES } from './clients/server-rules.js';
import { createClientSecrets, sealedClientSecrets } from './clients/secrets.js';
import { createDserver, type Dserver } from './dserver/dserver.js';
import { readFileKeys } from './keys/file-keys.js';
import { createKeyring, type Keyring } from './keys/keyring.js';
import type { PrivateSigningKey } from './keys/signing-keys.js';
import { createStoredKeys, KEY_PURPOSE, sealedSigningKeys, type StoredKeys } from './keys/stored-keys.js';
import { createPermissionService, type PermissionService } from './permission-service/permission-service.js';
import { type Audit, createAudit } from './platform/audit/audit.js';
import type { Config } from './platform/config/config.js';
import { withSecretKey } from './platform/config/secret-key.js';
import { type Clock, systemClock } from './platform/crypto/clock.js';
import type { SealedPlace } from './platform/crypto/rekey.js';
import { createSecretBox } from './platform/crypto/secret-box.js';
import { type MigrationResult, prepareSchema } from './platform/database/migrate.js';
import { type OpenDatabase, openDatabase } from './platform/database/open.js';
import { openPostman } from './platform/mail/open-postman.js';
import { createGuardedFetch } from './platform/net/guarded-fetch.js';
import type { Logger } from './platform/observe/logger.js';
import { type Metrics, noMetrics } from './platform/observe/metrics.js';
import { createLimits, type Limits } from './platform/throttle/limits.js';
import { createWeb, type Web } from './platform/web/web.js';
import type { Upstreams } from './relying-party/doors.js';
import { sealedUpstreamTokens } from './relying-party/token-seal.js';
import { sealedUpstreamSessions } from './relying-party/upstream-sessions.js';
import { createUpstreamSide, type UpstreamSide } from './relying-party/upstream-side.js';
import { createUpstreams } from './relying-party/upstreams.js';
import { type AccountStore, createAccountStore } from './stores/account-store.js';
import { type AuditStore, createAuditStore } from './stores/audit-store.js';
import { createClientStore } from './stores/client-store.js';
import { type ClientUsageStore, createClientUsageStore } from './stores/client-usage-store.js';
import { type ConsentStore, createConsentStore } from './stores/consent-store.js';
import type { FederatedIdentityStore } from './stores/federated-identity-store.js';
import { createLinkStore, type LinkStore } from './stores/link-store.js';
import { createLeavingStore } from './stores/leaving-store.js';
import { createDserverStores } from './stores/dserver-stores.js';
import { createPayloadStore } from './stores/open-payload-store.js';
import type { PayloadStore } from './stores/payload-store.js';
import { createPermissionStores } from './stores/permission-stores.js';
import { createRedirectLeaseStore } from './stores/redirect-lease-store.js';
import { createResourceStore } from './stores/resource-store.js';
import { createRoleStore } from './stores/role-store.js';
import { createSealedTables } from './stores/sealed-rows.js';
import { createSigningKeyStore } from './stores/signing-key-store.js';
import { createSessionFactStore, type SessionFactStore } from './stores/session-fact-store.js';
import { createThrottleStore, type ThrottleStore } from './stores/throttle-store.js';
import { createUpstreamStores } from './stores/upstream-stores.js';

export interface Container {
  readonly config: Config;
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly database: OpenDatabase;
  readonly audit: Audit;
  readonly auditStore: AuditStore;
  readonly accounts: AccountStore;
  readonly register: Register;
  readonly authenticate: Authenticate;
  readonly setPassword: SetPassword;
  readonly disableAccounts: DisableAccounts;
  readonly endAccess: (accountId: string) => Promise<void>;
  readonly editProfile: EditProfile;
  readonly exportAccount: ExportAccount;
  readonly ownSessions: OwnSessions;
  readonly leaving: Leaving;
  readonly sessionFacts: SessionFactStore;
  readonly roles: Roles;
  readonly byMail: ByMail;
  readonly dserver: Dserver;
  readonly links: LinkStore;
  readonly clients: Clients;
  readonly redirectLeases: RedirectLeases;
  readonly clientUsage: ClientUsageStore;
  readonly resources: Resources;
  readonly consents: ConsentStore;
  readonly payloads: PayloadStore;
  readonly throttles: ThrottleStore;
  readonly limits: Limits;
  readonly signingKeys: StoredKeys;
  readonly keyring: Keyring;
  /** Those of the keyring at the time. */
  readonly loadedKeys: readonly PrivateSigningKey[];
  readonly permissionService: PermissionService;
  readonly authorizationServer: AuthorizationServer;
  readonly inspectToken: InspectToken;
  readonly web: Web;
  readonly upstreams: Upstreams;
  readonly identities: FederatedIdentityStore;
  readonly upstreamSide: UpstreamSide;
  /** What `secrets rekey` seals again. */
  readonly sealedPlaces: readonly SealedPlace[];
  readonly migrated: MigrationResult;
  /** Sees that somebody can administer the server; see `bootstrap-admin.ts`. */
  bootstrap(): Promise<Bootstrapped>;
  close(): Promise<void>;
}

export interface ContainerOptions {
  readonly log: Logger;
  readonly clock?: Clock;
  /** None where absent. */
  readonly metrics?: Metrics;
  /** On libuv's threads where absent. */
  readonly argon2?: Argon2;
  /** Withdraws the signing keys that no configured secret opens, in the name of this actor. */
  readonly revokeLostKeys?: string;
  /** Told each step of a migration. */
  readonly report?: (line: string) => void;
}

export async function createContainer(given: Config, options: ContainerOptions): Promise<Container> {
  // First, so that a start that is refused here leaves nothing behind.
  const upstreams = createUpstreams(given);
  const migrated = await prepareSchema(given.database, options.report);
  const config = withSecretKey(given);
  const database = await openDatabase(config.database, options.log, options.metrics);
  try {
    return await assemble(config, database, { migrated, upstreams }, options);
  } catch (error) {
    // A pool left open would keep the process from ending.
    await database.close();
    throw error;
  }
}

async function assemble(
  config: Config,
  database: OpenDatabase,
  { migrated, upstreams }: Pick<Container, 'migrated' | 'upstreams'>,
  { log, clock = systemClock, metrics = noMetrics, argon2, revokeLostKeys }: ContainerOptions,
): Promise<Container> {
  const { secretKeys } = config;
  const reach = { allow: config.upstreamAllowPrivate, loopback: config.loopback };
  const guardedFetch = createGuardedFetch(reach);
  const auditStore = createAuditStore(database);
  const audit = createAudit({ store: auditStore, clock, heard: metrics.audited });
  const throttles = createThrottleStore(database);
  const limits = createLimits({ store: throttles, clock, log, times: config.operation.rateLimits });
  const { throttle } = limits;
  const payloads = createPayloadStore(database, clock);
  const consents = createConsentStore(database, clock);
  const rows = createClientStore(database);
  const demo = demoClient({ issuer: config.issuer, now: clock.now() });
  const clientStore = config.clientCreation === 'everyone' ? withBuiltIn(rows, demo) : rows;
  const leaseStore = createRedirectLeaseStore(database);
  const resourceStore = createResourceStore(database);

  const accounts = createAccountStore(database);
  const passwords = createPasswords(argon2);
  const register = createRegister({ store: accounts, passwords, audit, clock });
  const links = createLinkStore(database);
  const setPassword = createSetPassword({ store: accounts, links, passwords, audit, clock });
  const authenticate = createAuthenticate({
    store: accounts,
    passwords,
    throttles: { account: throttle(SIGN_IN_BY_ACCOUNT), address: throttle(SIGN_IN_BY_ADDRESS) },
    audit,
    clock,
  });
  const sessionFacts = createSessionFactStore(database);
  const ownSessions = createOwnSessions({
    ...{ facts: sessionFacts, payloads, audit, clock, ttl: config.ttl.session },
    endTokens: (...ended) => dserver.ledger.endSessions(...ended),
  });

  const signingKeys = createStoredKeys({
    store: createSigningKeyStore(database),
    box: createSecretBox(secretKeys, KEY_PURPOSE),
    inFiles: () => readFileKeys(config.keysDir),
    rotationDays: config.operation.keyRotationDays,
    ...{ audit, clock, log },
  });
  const keyring = await createKeyring(signingKeys, revokeLostKeys);
  const dserver = createDserver({
    config,
    stores: { ...createDserverStores(database), accounts },
    upstreams: () => upstreams.visible(),
    granted: (id) => permissionService.dserverPermissionsOf(id),
    throttle,
    fetch: guardedFetch,
    audit,
    clock,
    log,
  });
  const web = createWeb(config, log, clock);
  const requestInfo = (ctx: object) => web.requestInfo(ctx as Context);
  const clientSecrets = createClientSecrets({ box: createSecretBox(secretKeys, 'client-secret'), clock });
  const authorizationServer = createAuthorizationServer({
    config,
    secrets: secretKeys,
    signingKeys: keyring.keys(),
    otherPublicKeys: dserver.key.published,
    payloads,
    clients: clientStore,
    redirectLeases: leaseStore,
    clientSecrets,
    consents,
    resources: resourceStore,
    findAccount: (id) => accounts.findById(id),
    password: { authenticate, requestInfo },
    deviceLimits: createDeviceLimits({ table: throttles, clock, issuer: config.issuer }),
    throttle,
    audit: { row: audit.row, requestInfo },
    tokensIssued: metrics.tokensIssued,
    fetch: guardedFetch,
    pages: web,
    sessionSeen: (ctx, { accountId, uid }) =>
      ownSessions
        .saw({ sessionUid: uid, accountId, ip: ctx.ip, userAgent: ctx.get('User-Agent') })
        // What is told of a session must not stand in the way of using it.
        .catch((err: unknown) => log.warn({ err }, 'a session could not be noted')),
    signedIn: (session, described) => upstreamSide.login.sessions.signedIn(session, described),
    sessionEnded: ({ accountId, uid }) => dserver.ledger.endSessions(accountId, { only: uid }),
    upstreamTokenClients: new Set(upstreams.list().flatMap(({ tokenClients }) => tokenClients)),
    clock,
    log,
  });
  keyring.onChange(authorizationServer.useKeys);

  const clients = createClients({
    store: clientStore,
    secrets: clientSecrets,
    rules: {
      ...DEFAULT_RULES,
      legacyFlows: config.legacyFlows,
      grantTypes: grantTypes(config),
      loopbackIssuer: config.loopback,
    },
    judge: (document) => authorizationServer.judge(document),
    audit,
    clock,
  });

  const permissionService = createPermissionService({
    config,
    key: dserver.key,
    stores: createPermissionStores(database),
    findAccount: async (id) => accounts.findById(id),
    audit,
    clock,
    log,
  });

  const endAccess = createEndAccess({ accounts, payloads, dserver, permissionService, clock });
  const postman = openPostman({ config, viewsDirs: web.viewsDirs, log, audit });
  const byMail = createByMail({
    accounts,
    linkStore: links,
    postman,
    throttle,
    setPassword,
    endAccess,
    disconnectSince: (...asked) => upstreamSide.login.linkedAccounts.disconnectSince(...asked),
    issuer: config.issuer,
    audit,
    clock,
  });
  const leaving = createLeaving({
    store: createLeavingStore(database, ADMIN),
    endAccess,
    clientsOf: (accountId) => clients.listOf(accountId),
    revokeClient: (clientId) => payloads.revokeGrants({ clientId }, clock.now()),
    audit,
    clock,
  });

  const sealed = createSealedTables(database);
  const upstreamStores = createUpstreamStores(database);
  const upstreamSide = await createUpstreamSide({
    upstreams,
    stores: { ...upstreamStores, accounts, facts: sessionFacts, payloads },
    write: (steps) => database.write(steps),
    register: register.register,
    authenticate,
    byMail,
    undoDeletion: leaving.undo,
    endAccess,
    endTokens: dserver.ledger.endSessions,
    boxFor: (purpose) => createSecretBox(secretKeys, purpose),
    handlersDir: config.handlersDir,
    tokenLeeway: config.linked.tokenLeeway,
    sessionTtl: config.ttl.session,
    fetch: createGuardedFetch({ ...reach, plainHttp: 'opened' }),
    audit,
    clock,
    log,
  });

  return {
    config,
    log,
    clock,
    metrics,
    database,
    audit,
    auditStore,
    accounts,
    register,
    authenticate,
    setPassword,
    endAccess,
    disableAccounts: createDisableAccounts({ store: accounts, endAccess, audit, clock }),
    editProfile: createEditProfile({ store: accounts, audit, clock }),
    exportAccount: createExportAccount({
      accounts,
      consents,
      ownSessions,
      clientsOf: (accountId) => clients.listOf(accountId),
      dserverOf: dserver.exportOf,
      identitiesOf: (accountId) => upstreamStores.identities.listOf(accountId),
      permissionsOf: permissionService.exportOf,
      audit: auditStore,
    }),
    ownSessions,
    sessionFacts,
    leaving,
    roles: createRoles({ store: createRoleStore(database), audit, clock }),
    byMail,
    dserver,
    links,
    clients,
    redirectLeases: createRedirectLeases({ store: leaseStore, audit, clock }),
    clientUsage: createClientUsageStore(database),
    resources: createResources({ store: resourceStore, audit, clock }),
    consents,
    payloads,
    throttles,
    limits,
    signingKeys,
    keyring,
    get loadedKeys() {
      return keyring.keys();
    },
    permissionService,
    authorizationServer,
    inspectToken: createInspectToken({
      issuer: config.issuer,
      payloads,
      publicKeys: keyring.publicKeys,
      tokens: authorizationServer.tokens,
      findAccount: (id) => accounts.findById(id),
      clock,
    }),
    web,
    upstreams,
    identities: upstreamStores.identities,
    upstreamSide,
    sealedPlaces: [
      sealedSigningKeys(sealed.signingKeys, secretKeys),
      sealedUpstreamTokens(sealed.upstreamTokens, secretKeys),
      sealedUpstreamSessions(sealed.upstreamSessions, secretKeys),
      sealedClientSecrets(sealed.clientSecrets, secretKeys),
      sealedPayloads(sealed.payloads, secretKeys),
    ],
    migrated,
    bootstrap: () =>
      bootstrapAdmin({ store: accounts, passwords, register: register.register, audit, clock }, config.admin),
    async close() {
      // Mails that were asked for still go out, as long as the server has time to stop.
      await Promise.all([postman.close(), limits.close()]);
      await database.close();
    },
  };
}
