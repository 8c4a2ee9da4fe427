/**
 * The composition root: every object that lives as long as the process is made here, once, in reading
 * order. Two containers can live in one process; `close()` undoes what this one opened.
 */
import { fileURLToPath } from 'node:url';
import type { Context } from 'koa';
import {
  type Authenticate,
  createAuthenticate,
  SIGN_IN_BY_ACCOUNT,
  SIGN_IN_BY_ADDRESS,
} from './accounts/authenticate.js';
import { bootstrapAdmin, type Bootstrapped } from './accounts/bootstrap-admin.js';
import { createDisableAccounts, type DisableAccounts } from './accounts/disable.js';
import { createPasswords } from './accounts/passwords.js';
import { createRegister, type Register } from './accounts/register.js';
import { createRoles, type Roles } from './accounts/roles.js';
import { createSetPassword, type SetPassword } from './accounts/set-password.js';
import { createDeviceLimits } from './authorization-server/grants/device-limits.js';
import { cookieNames, grantTypes } from './authorization-server/configuration.js';
import { createInspectToken, type InspectToken } from './authorization-server/inspect-token.js';
import { type AuthorizationServer, createAuthorizationServer } from './authorization-server/provider.js';
import { type Clients, createClients } from './clients/register.js';
import { createResources, type Resources } from './clients/resources.js';
import { createClientSecrets } from './clients/secrets.js';
import { createFileKeys } from './keys/file-keys.js';
import { publicJwks } from './keys/jwks.js';
import type { PrivateSigningKey, SigningKeys } from './keys/signing-keys.js';
import { type Audit, createAudit, type RequestInfo } from './platform/audit/audit.js';
import type { Config } from './platform/config/config.js';
import { withSecretKey } from './platform/config/secret-key.js';
import { type Clock, systemClock } from './platform/crypto/clock.js';
import { createSecretBox } from './platform/crypto/secret-box.js';
import {
  type MigrationResult,
  migrateUp,
  migrationStatus,
  requireCurrentSchema,
} from './platform/database/migrate.js';
import { type OpenDatabase, openDatabase } from './platform/database/open.js';
import { createGuardedFetch } from './platform/net/guarded-fetch.js';
import type { Logger } from './platform/observe/logger.js';
import { createThrottle } from './platform/throttle/throttle.js';
import { type Assets, createAssets } from './platform/web/assets.js';
import { type Csrf, createCsrf } from './platform/web/csrf.js';
import { createOriginRule, type OriginRule } from './platform/web/origin.js';
import { createRenderError, type RenderError } from './platform/web/render-error.js';
import { createRenderView, type RenderView } from './platform/web/render-view.js';
import { requestIdOf } from './platform/web/request-id.js';
import { type AccountStore, createAccountStore } from './stores/account-store.js';
import { type AuditStore, createAuditStore } from './stores/audit-store.js';
import { createClientStore } from './stores/client-store.js';
import { type ConsentStore, createConsentStore } from './stores/consent-store.js';
import { createPayloadStore } from './stores/open-payload-store.js';
import type { PayloadStore } from './stores/payload-store.js';
import { createResourceStore } from './stores/resource-store.js';
import { createRoleStore } from './stores/role-store.js';
import { createThrottleStore, type ThrottleStore } from './stores/throttle-store.js';

export interface Container {
  readonly config: Config;
  readonly log: Logger;
  readonly clock: Clock;
  readonly database: OpenDatabase;
  readonly audit: Audit;
  readonly auditStore: AuditStore;
  readonly accounts: AccountStore;
  readonly register: Register;
  readonly authenticate: Authenticate;
  readonly setPassword: SetPassword;
  readonly disableAccounts: DisableAccounts;
  readonly roles: Roles;
  readonly clients: Clients;
  readonly resources: Resources;
  readonly consents: ConsentStore;
  readonly payloads: PayloadStore;
  readonly throttles: ThrottleStore;
  readonly signingKeys: SigningKeys;
  readonly loadedKeys: readonly PrivateSigningKey[];
  readonly authorizationServer: AuthorizationServer;
  readonly inspectToken: InspectToken;
  readonly web: Web;
  readonly migrated: MigrationResult;
  /** Sees that somebody can administer the server; see `bootstrap-admin.ts`. */
  bootstrap(): Promise<Bootstrapped>;
  close(): Promise<void>;
}

/** What the pages share. */
export interface Web {
  readonly assets: Assets;
  readonly origin: OriginRule;
  readonly csrf: Csrf;
  readonly renderView: RenderView;
  readonly renderError: RenderError;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

export interface ContainerOptions {
  readonly log: Logger;
  readonly clock?: Clock;
  /** Told each step of a migration. */
  readonly report?: (line: string) => void;
}

/** `views/` lies beside `src/` and beside `dist/src/`'s parent. */
const VIEWS = [new URL('../views', import.meta.url), new URL('../../views', import.meta.url)];

function createWeb(config: Config, log: Logger): Web {
  const [sources, compiled] = VIEWS.map((url) => fileURLToPath(url)) as [string, string];
  const own = import.meta.url.includes('/dist/') ? compiled : sources;
  const viewsDirs = config.viewsDir ? [own, config.viewsDir] : [own];
  const assets = createAssets(viewsDirs);
  const origin = createOriginRule({ issuer: config.issuer, acceptedHosts: config.http.acceptedHosts });
  const csrf = createCsrf({
    secretKeys: config.secretKeys,
    secure: config.issuer.startsWith('https:'),
    origin,
  });
  const { name, logo, color } = config.brand;
  const brand = { name, ...(logo ? { logo } : {}), ...(color ? { color } : {}) };
  const renderView = createRenderView({ viewsDirs, brand, assets, csrf, cache: config.production });
  const renderError = createRenderError({
    renderView,
    report: ({ requestId, status, code, detail, error }) => {
      const fields = { request_id: requestId, status, code, detail };
      if (status >= 500) log.error({ ...fields, err: error }, 'a request failed');
      else log.debug(fields, 'a request was refused');
    },
  });
  const requestInfo = (ctx: Context) => ({ ip: ctx.ip, requestId: requestIdOf(ctx) });
  return { assets, origin, csrf, renderView, renderError, requestInfo };
}

async function migrate({ database }: Config, report: ContainerOptions['report']): Promise<MigrationResult> {
  if (database.migrate) return migrateUp(database, report);
  await requireCurrentSchema(database);
  return { ran: [] };
}

export async function createContainer(given: Config, options: ContainerOptions): Promise<Container> {
  // First of all: a database this program cannot use leaves no keys behind.
  const migrated = await migrate(given, options.report);
  const config = withSecretKey(given);
  const database = await openDatabase(config.database, options.log);
  try {
    return await assemble(config, database, migrated, options);
  } catch (error) {
    // A pool left open would keep the process from ending.
    await database.close();
    throw error;
  }
}

async function assemble(
  config: Config,
  database: OpenDatabase,
  migrated: MigrationResult,
  { log, clock = systemClock }: ContainerOptions,
): Promise<Container> {
  const { secretKeys } = config;
  const auditStore = createAuditStore(database);
  const audit = createAudit({ store: auditStore, clock });
  const throttles = createThrottleStore(database);
  const payloads = createPayloadStore(database, clock);
  const consents = createConsentStore(database, clock);
  const clientStore = createClientStore(database);
  const resourceStore = createResourceStore(database);

  const accounts = createAccountStore(database);
  const passwords = createPasswords();
  const register = createRegister({ store: accounts, passwords, audit, clock });
  const setPassword = createSetPassword({ store: accounts, passwords, audit, clock });
  const authenticate = createAuthenticate({
    store: accounts,
    passwords,
    throttles: {
      account: createThrottle({ store: throttles, clock }, SIGN_IN_BY_ACCOUNT),
      address: createThrottle({ store: throttles, clock }, SIGN_IN_BY_ADDRESS),
    },
    audit,
    clock,
  });

  const signingKeys = createFileKeys({ keysDir: config.keysDir, clock, warn: (line) => log.warn(line) });
  for (const { alg, kid } of await signingKeys.ensure()) {
    await audit.record({
      event: 'keys.generated',
      outcome: 'success',
      actorId: 'system',
      detail: { alg, kid },
    });
  }
  const loadedKeys = await signingKeys.list();

  const web = createWeb(config, log);
  const requestInfo = (ctx: object) => web.requestInfo(ctx as Context);
  const clientSecrets = createClientSecrets({ box: createSecretBox(secretKeys, 'client-secret'), clock });
  const authorizationServer = createAuthorizationServer({
    config,
    secrets: secretKeys,
    signingKeys: loadedKeys,
    payloads,
    clients: clientStore,
    clientSecrets,
    consents,
    resources: resourceStore,
    findAccount: (id) => accounts.findById(id),
    password: { authenticate, requestInfo },
    deviceLimits: createDeviceLimits({
      table: throttles,
      clock,
      addressOf: (ctx) => ctx.ip,
      browserOf: (ctx) => ctx.cookies.get(cookieNames(config.issuer.startsWith('https:')).session),
    }),
    audit: { row: audit.row, requestInfo },
    fetch: createGuardedFetch({ allow: config.upstreamAllowPrivate, loopback: config.loopback }),
    pages: web,
    clock,
    log,
  });

  const clients = createClients({
    store: clientStore,
    secrets: clientSecrets,
    rules: {
      legacyFlows: config.legacyFlows,
      grantTypes: grantTypes(config),
      idTokenAlgs: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      loopbackIssuer: config.loopback,
    },
    judge: (document) => authorizationServer.judge(document),
    audit,
    clock,
  });

  return {
    config,
    log,
    clock,
    database,
    audit,
    auditStore,
    accounts,
    register,
    authenticate,
    setPassword,
    disableAccounts: createDisableAccounts({
      store: accounts,
      endAccess: async (accountId) => {
        await payloads.revokeGrants({ accountId }, clock.now());
        await payloads.endSessions(accountId);
      },
      audit,
      clock,
    }),
    roles: createRoles({ store: createRoleStore(database), audit, clock }),
    clients,
    resources: createResources({ store: resourceStore, audit, clock }),
    consents,
    payloads,
    throttles,
    signingKeys,
    loadedKeys,
    authorizationServer,
    inspectToken: createInspectToken({
      issuer: config.issuer,
      payloads,
      publicKeys: publicJwks(loadedKeys),
      tokens: authorizationServer.tokens,
      findAccount: (id) => accounts.findById(id),
      clock,
    }),
    web,
    migrated,
    bootstrap: () =>
      bootstrapAdmin({ store: accounts, passwords, register: register.register, audit, clock }, config.admin),
    close: () => database.close(),
  };
}

/** Whether every migration this program knows has been applied. For `/readyz`. */
export async function requireMigrated(config: Config): Promise<void> {
  const { pending } = await migrationStatus(config.database);
  if (pending.length > 0) throw new Error(`pending migrations: ${pending.join(', ')}`);
}
