/**
 * dserver tokens: the JWTs that a dserver (dtool's lookup server) accepts, for the people who sign in here.
 * `names.ts` says what dserver calls an account, `rights.ts` who gets tokens, `issue.ts` is every way to a first
 * one, `refresh.ts` and `verify.ts` what becomes of it, `ledger.ts` remembers them all. A dserver token is no
 * access token of the authorization server and opens nothing here.
 */
import type { Config } from '../platform/config/config.js';
import { createDserverKey, type DserverKey } from '../keys/dserver-key.js';
import type { Audit } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { GuardedFetch } from '../platform/net/guarded-fetch.js';
import type { Throttle, ThrottleRule } from '../platform/throttle/throttle.js';
import type { Upstream } from '../relying-party/upstream.js';
import type { AccountStore } from '../stores/account-store.js';
import type { DserverStores } from '../stores/dserver-stores.js';
import type { MintedTokenStore } from '../stores/minted-token-store.js';
import { type ApiKeys, createApiKeys } from './api-keys.js';
import { nameOf } from './claims.js';
import { exportOf } from './export.js';
import { createIssue, type Issue } from './issue.js';
import { createLedger, type Ledger } from './ledger.js';
import { createMint, type Mint } from './mint.js';
import { createNames, type Names } from './names.js';
import { createRefresh, type Refresh } from './refresh.js';
import { createRights, type Rights } from './rights.js';
import { createServerKey, SERVER_KEY_BY_ADDRESS, type ServerKey } from './server-key.js';
import { createSync, type Sync } from './sync.js';
import { createVerify, type Verify } from './verify.js';

export interface Dserver {
  readonly key: DserverKey;
  readonly names: Names;
  readonly rights: Rights;
  readonly ledger: Ledger;
  readonly apiKeys: ApiKeys;
  readonly serverKey: ServerKey;
  readonly mint: Mint;
  readonly issue: Issue;
  readonly verify: Verify;
  readonly refresh: Refresh;
  readonly sync: Sync;
  /** What the account's tokens may say. @throws {MintRefused} where it gets none */
  permissionsOf(accountId: string): Promise<readonly string[]>;
  /** What is held here of an account, for the person. */
  exportOf(accountId: string): Promise<object>;
  /** The ledger, for the job that removes what has ended. */
  readonly tokens: Pick<MintedTokenStore, 'prune' | 'revoke'>;
}

export interface DserverDeps {
  readonly config: Config;
  readonly stores: DserverStores & { readonly accounts: AccountStore };
  readonly upstreams: () => readonly Upstream[];
  /** What the permission service grants an account in the service `dserver`; `undefined`: no such service. */
  readonly granted: (accountId: string) => Promise<readonly string[] | undefined>;
  readonly throttle: (rule: ThrottleRule) => Throttle;
  readonly fetch: GuardedFetch;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: { warn(fields: object, message: string): void };
}

export function createDserver(deps: DserverDeps): Dserver {
  const { config, stores, audit, clock } = deps;
  const { dserver: settings, keysDir } = config;
  const key = createDserverKey({ ...settings.key, keysDir }, settings.algorithm, deps.log);
  const names = createNames({ store: stores.names, clock });
  const rights = createRights({ store: stores.rights, granted: deps.granted, settings, audit, clock });
  const ledger = createLedger({ store: stores.tokens, audit, clock });
  const apiKeys = createApiKeys({ store: stores.apiKeys, audit, clock });
  const mint = createMint({
    key,
    store: stores.tokens,
    rights: stores.rights,
    apiKeys: stores.apiKeys,
    settings,
    audit,
    clock,
  });
  const { accounts } = stores;
  const findAccount = async (id: string) => accounts.findById(id);
  const verify = createVerify({ key, find: ledger.find, findAccount, settings, clock });
  return {
    key,
    names,
    rights,
    ledger,
    apiKeys,
    serverKey: createServerKey({
      apiKey: settings.apiKey,
      apiKeys,
      throttle: deps.throttle(SERVER_KEY_BY_ADDRESS),
      audit,
    }),
    mint,
    issue: createIssue({
      mint,
      names,
      rights,
      apiKeys,
      accounts,
      resign: (claims) => key.sign({ ...claims }),
      ledger: stores.tokens,
      upstreams: deps.upstreams,
      settings,
      clock,
    }),
    verify,
    refresh: createRefresh({ verify, mint, names, rights, apiKeys, accounts, settings, clock }),
    sync: createSync({
      settings: settings.sync,
      store: stores.names,
      mint,
      displayNameOf: async (id) => {
        const account = await findAccount(id);
        return account && nameOf(account);
      },
      fetch: deps.fetch,
      audit,
      clock,
      log: deps.log,
    }),
    async permissionsOf(accountId) {
      const found = await accounts.findCredentials({ id: accountId });
      const name = await names.of(accountId);
      const throughUpstream = false;
      return found ? rights.require({ ...found, name, throughUpstream }) : [];
    },
    exportOf: (accountId) => exportOf({ names, rights, apiKeys, ledger }, accountId),
    tokens: stores.tokens,
  };
}
