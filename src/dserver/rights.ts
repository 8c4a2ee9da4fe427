import type { Account } from '../accounts/account.js';
import { strangerFault } from '../accounts/usernames.js';
import type { Audit } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { DserverRightsStore } from '../stores/dserver-rights-store.js';
import { type DserverName, isOfUpstream } from './names.js';
import { MintRefused } from './refused.js';

/** What an administrator said; absent members: what the rules say. */
export interface DserverRights {
  readonly allowed?: boolean | undefined;
  readonly permissions?: readonly string[] | undefined;
}

/** Whom a token is asked for, and by what proof. */
export interface Asker {
  readonly account: Account;
  /** Who made the account: `cli`, `bootstrap`, `self`, `upstream:<id>`, or an administrator's account id. */
  readonly createdBy: string;
  /** The name it has already. */
  readonly name?: DserverName | undefined;
  /** The person came through an upstream just now. */
  readonly throughUpstream: boolean;
}

export interface Rights {
  of(accountId: string): Promise<DserverRights>;
  /**
   * What tokens of the account may say it may do.
   * @throws {MintRefused} where it gets none
   */
  require(asker: Asker): Promise<readonly string[]>;
  set(accountId: string, rights: DserverRights, actorId: string): Promise<void>;
}

/** Made by somebody who may, rather than by signing up. */
const isMadeByAdministrator = (createdBy: string): boolean =>
  createdBy === 'cli' || createdBy === 'bootstrap' || /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(createdBy);

export function createRights(deps: {
  readonly store: Pick<DserverRightsStore, 'find' | 'set'>;
  /** What the permission service grants the account, or its roles, in the service `dserver`. */
  readonly granted: (accountId: string) => Promise<readonly string[] | undefined>;
  readonly settings: {
    readonly localAccounts: boolean;
    readonly defaultPermissions: readonly string[];
  };
  readonly audit: Audit;
  readonly clock: Clock;
}): Rights {
  const { store, settings, audit, clock } = deps;

  /** A name somebody chose here must not open what dserver keeps for a person of that name elsewhere. */
  function localFault({ account, createdBy }: Asker, allowed: boolean | undefined): string | undefined {
    if (allowed || isMadeByAdministrator(createdBy)) return undefined;
    if (!settings.localAccounts) {
      if (createdBy.startsWith('upstream:')) {
        return 'Sign in to dserver once first: that gives the account its name there.';
      }
      return 'Accounts made by signing up here get no dserver tokens unless an administrator allows it.';
    }
    return strangerFault(account.username);
  }

  return {
    of: (accountId) => store.find(accountId),
    async require(asker) {
      const { allowed, permissions } = await store.find(asker.account.id);
      if (allowed === false) {
        throw new MintRefused('not_allowed', 'An administrator has ended dserver tokens for this account.');
      }
      const ofUpstream = asker.name ? isOfUpstream(asker.name) : asker.throughUpstream;
      const fault = ofUpstream ? undefined : localFault(asker, allowed);
      if (fault !== undefined) throw new MintRefused('not_allowed', fault);
      if (permissions !== undefined) return permissions;
      const granted = (await deps.granted(asker.account.id)) ?? [];
      return [...new Set([...settings.defaultPermissions, ...granted])];
    },
    async set(accountId, rights, actorId) {
      const step = audit.step({
        event: 'dserver.rights_changed',
        outcome: 'success',
        actorId,
        accountId,
        detail: {
          allowed: rights.allowed === undefined ? 'by the rules' : rights.allowed,
          permissions: rights.permissions ?? 'default',
        },
      });
      await store.set(accountId, rights, clock.now(), [step]);
    },
  };
}
