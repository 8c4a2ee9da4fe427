import type { Account } from '../accounts/account.js';
import type { Audit } from '../platform/audit/audit.js';
import type { Config } from '../platform/config/config.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { PermissionStores } from '../stores/permission-stores.js';
import { type Authorize, createAuthorize } from './authorize.js';
import { exportOf } from './export.js';
import { createExtensions, type Extensions } from './extensions.js';
import { createModules, type Modules } from './modules.js';
import { createPermissionProviders } from './permission-providers.js';
import { createProfiles, type Profiles } from './profiles.js';
import { createServices, type Services } from './services.js';
import { createServiceTokens } from './service-tokens.js';
import { createSignIn, type SignIn } from './sign-in.js';
import { systemTimer, type Timer } from './time-limit.js';
import type { TokenKey } from './token-key.js';
import { createUserTokens, type UserTokens } from './user-tokens.js';
import { createVerifyToken, type VerifyToken } from './verify-token.js';
import { createFindVisitor, type FindVisitor } from './visitors.js';

/** Everything of this room that does not know HTTP. */
export interface PermissionService {
  readonly services: Services;
  readonly profiles: Profiles;
  readonly tokens: UserTokens;
  readonly extensions: Extensions;
  readonly modules: Modules;
  readonly signIn: SignIn;
  readonly findVisitor: FindVisitor;
  readonly authorize: Authorize;
  readonly verifyToken: VerifyToken;
  /** What an account may do in dserver, for its dserver tokens; `undefined`: no service has that name. */
  dserverPermissionsOf(accountId: string): Promise<string[] | undefined>;
  /** What is held here of an account, for the person it is about. */
  exportOf(this: void, accountId: string): Promise<object>;
  /** Removes at most `limit` user tokens that ended before `before` (ms); resolves to how many. */
  prune(before: number, limit: number): Promise<number>;
}

const DSERVER = 'dserver';

export function createPermissionService(deps: {
  readonly config: Pick<Config, 'issuer' | 'permissions'>;
  readonly key: TokenKey;
  readonly stores: PermissionStores;
  readonly findAccount: (id: string) => Promise<Account | undefined>;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly timer?: Timer;
  readonly log: { warn(fields: object, message: string): void };
}): PermissionService {
  const { config, key, stores, findAccount, audit, clock, timer = systemTimer, log } = deps;
  const { issuer, permissions: settings } = config;
  const services = createServices({ store: stores.services, audit, clock });
  const profiles = createProfiles({ store: stores.profiles, audit, clock, log });
  const modules = createModules({ folder: settings.extensionsDir, log });
  const extensions = createExtensions({ names: settings.extensions, modules, timer, log });
  const verifyToken = createVerifyToken({ key, issuer, clock });
  const tokens = createUserTokens({ key, verify: verifyToken, store: stores.tokens, issuer, audit, clock });
  const findVisitor = createFindVisitor({ tokens, profiles, findAccount });
  return {
    services,
    profiles,
    tokens,
    extensions,
    modules,
    signIn: createSignIn({ profiles, extensions, tokens }),
    findVisitor,
    authorize: createAuthorize({
      findVisitor,
      findPermissions: createPermissionProviders({
        services: settings.services,
        granted: services.permissionsOf,
        modules,
        timer,
        log,
      }),
      mint: createServiceTokens({
        key,
        issuer,
        ttl: settings.serviceTokenTtl,
        withAudience: settings.serviceTokenAudience,
        clock,
      }),
    }),
    verifyToken,
    dserverPermissionsOf: (accountId) => services.permissionsOf(DSERVER, accountId),
    exportOf: (accountId) => exportOf({ profiles, services }, accountId),
    prune: (before, limit) => stores.tokens.prune(before, limit),
  };
}
