import { usernameKey } from '../accounts/usernames.js';
import type { Clock } from '../platform/crypto/clock.js';
import { sha256 } from '../platform/crypto/ids.js';
import type { Step } from '../platform/database/database.js';
import type { UpstreamIdentity } from '../relying-party/connector.js';
import type { DserverNameStore } from '../stores/dserver-name-store.js';
import { MintRefused } from './refused.js';

/**
 * The name by which dserver knows an account: the `sub` of its tokens, and all that dserver looks at. It is no
 * user name of ours: it is fixed at the first mint and never changes, whatever happens to the account.
 */
export interface DserverName {
  /** What two names that count as one have in common. */
  readonly nameKey: string;
  readonly name: string;
  /** Absent once the account is gone; the name stays taken. */
  readonly accountId?: string | undefined;
  /** `local`, or `upstream:<id>`. */
  readonly source: string;
  readonly sourceKey?: string | undefined;
  readonly createdAt: number;
  readonly syncedAt?: number | undefined;
}

export interface WantedName {
  readonly name: string;
  readonly source: string;
  /** Of the upstream identity, by `identityKey`. */
  readonly sourceKey?: string | undefined;
}

export interface Names {
  of(accountId: string): Promise<DserverName | undefined>;
  find(name: string): Promise<DserverName | undefined>;
  /**
   * The account's name, and what belongs to the unit that mints by it first.
   * @throws {MintRefused} where another account holds the name
   */
  settle(accountId: string, wanted: WantedName): Promise<{ name: string; steps: Step[] }>;
}

/** dserver's column holds so many. */
const MAX_CHARACTERS = 64;

// Invisible characters would let two names look the same; dserver itself takes any text.
const HIDDEN = /[\p{C}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]|[^\S ]/u;

/** What is wrong with a text as a dserver name, or `undefined`. */
export function nameFault(name: string): string | undefined {
  if (name.trim() === '' || name !== name.trim()) return 'A dserver name is a text without blanks around it.';
  if ([...name].length > MAX_CHARACTERS) return `A dserver name has at most ${MAX_CHARACTERS} characters.`;
  return HIDDEN.test(name) ? 'A dserver name has no invisible characters.' : undefined;
}

export const identityKey = ({ issuer, subject }: Pick<UpstreamIdentity, 'issuer' | 'subject'>): string =>
  sha256(JSON.stringify([issuer, subject]));

export const isOfUpstream = ({ source }: Pick<DserverName, 'source'>): boolean =>
  source.startsWith('upstream:');

export function createNames(deps: { readonly store: DserverNameStore; readonly clock: Clock }): Names {
  const { store, clock } = deps;
  return {
    of: (accountId) => store.findByAccount(accountId),
    find: (name) => store.findByKey(usernameKey(name)),
    async settle(accountId, { name, source, sourceKey }) {
      const own = await store.findByAccount(accountId);
      if (own !== undefined) return { name: own.name, steps: [] };
      const fault = nameFault(name);
      if (fault !== undefined) throw new MintRefused('name_unusable', `${fault} Yours would be another.`);
      const nameKey = usernameKey(name);
      const held = await store.findByKey(nameKey);
      if (held === undefined) {
        const fresh = { nameKey, name, accountId, source, sourceKey, createdAt: clock.now() };
        return { name, steps: [store.insertStep(fresh)] };
      }
      // The same person at the same upstream, after their former account was deleted.
      const returned =
        held.accountId === undefined && sourceKey !== undefined && held.sourceKey === sourceKey;
      if (!returned) throw nameTaken();
      return { name: held.name, steps: [store.reclaimStep(nameKey, sourceKey, accountId)] };
    },
  };
}

export const nameTaken = (): MintRefused =>
  new MintRefused(
    'name_taken',
    'Another account here holds the name by which dserver would know you. An administrator can sort this out.',
  );
