import { canParse } from '../platform/net/can-parse.js';
import type { Account } from '../accounts/account.js';
import { cleanUsername, strangerFault, usernameFault, usernameKey } from '../accounts/usernames.js';
import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { randomLetters } from '../platform/crypto/ids.js';
import { UniqueViolation } from '../platform/database/database.js';
import type { PermissionProfileStore } from '../stores/permission-profile-store.js';
import type { PermissionProfile, ServiceUser } from './profile.js';

/** What the login gives a new profile. */
export interface ProfileHints {
  readonly username?: string | undefined;
  readonly email?: string | undefined;
  /** Shown where the account has none of its own. */
  readonly picture?: string | undefined;
  /** `google:<id>`. */
  readonly providerId: string;
}

export interface Profiles {
  /** Made where it is missing; a name that is there is never touched. `created` for one of all who ask at once. */
  ensure(account: Account, hints: ProfileHints): Promise<{ profile: PermissionProfile; created: boolean }>;
  findByAccount(accountId: string): Promise<PermissionProfile | undefined>;
  findByUsername(username: string): Promise<PermissionProfile | undefined>;
  /** Takes over what an extension changed; what cannot be taken is passed over and logged. */
  change(profile: PermissionProfile, from: ServiceUser, to: ServiceUser): Promise<PermissionProfile>;
  /** The one free choice of a name; answers what is wrong, or nothing. */
  chooseUsername(accountId: string, username: string, info: RequestInfo): Promise<string | undefined>;
}

export const ALREADY_SET = 'Cannot modify username, already set';
const TAKEN = 'This username is taken.';

const FALLBACK = 'user';
/** Leaves room for a number within the longest name there is. */
const LONGEST_BASE = 56;
/** After so many numbers in a row a random one is quicker. */
const COUNTED = 20;
const MAX_ID = 128;
const MAX_TEXT = 512;

export function createProfiles(deps: {
  readonly store: PermissionProfileStore;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: { warn(fields: object, message: string): void };
}): Profiles {
  const { store, audit, clock, log } = deps;

  async function make(account: Account, hints: ProfileHints) {
    const base = baseName(hints, account);
    for (let attempt = 0; ; attempt += 1) {
      const username = `${base}${suffix(attempt)}`;
      if (strangerFault(username) !== undefined || (await store.isTaken(username, account.id))) continue;
      const at = clock.now();
      const profile: PermissionProfile = {
        accountId: account.id,
        userId: account.id,
        username,
        chosen: false,
        avatarUrl: account.picture === undefined ? hints.picture : undefined,
        providerId: hints.providerId,
        createdAt: at,
        updatedAt: at,
      };
      try {
        const step = audit.step({
          event: 'permission.user_created',
          accountId: account.id,
          detail: { username },
        });
        await store.insert(profile, username, [step]);
        return { profile, created: true };
      } catch (error) {
        // The index decides: the name went meanwhile, or another login of this person was quicker.
        if (!(error instanceof UniqueViolation)) throw error;
        const other = await store.findByAccount(account.id);
        if (other) return { profile: other, created: false };
        if (error.constraint !== 'permission_profiles_username_key_unique') throw error;
      }
    }
  }

  return {
    async ensure(account, hints) {
      const profile = await store.findByAccount(account.id);
      if (profile === undefined) return make(account, hints);
      if (profile.providerId !== hints.providerId)
        await store.setProviderId(account.id, hints.providerId, clock.now());
      return { profile: { ...profile, providerId: hints.providerId }, created: false };
    },
    findByAccount: (accountId) => store.findByAccount(accountId),
    async findByUsername(username) {
      const fault = usernameFault(cleanUsername(username));
      return fault === undefined ? store.findByUsernameKey(usernameKey(username)) : undefined;
    },
    async change(profile, from, to) {
      const wanted = {
        userId: changed(from.id, to.id, (id) => isText(id, MAX_ID)),
        username: changed(from.username, to.username, isUsername),
        name: changed(from.name, to.name, (name) => isText(name, MAX_TEXT)),
        avatarUrl: changed(from.avatar_url, to.avatar_url, isPicture),
      };
      for (const [member, value] of Object.entries(wanted)) {
        if (value === undefined) continue;
        try {
          const written = member === 'username' ? usernameKey(value) : value;
          await store.change(profile.accountId, { [member]: written }, clock.now());
        } catch (err) {
          if (!(err instanceof UniqueViolation)) throw err;
          log.warn({ err, member }, 'an extension gave a new user what another one has');
        }
      }
      return (await store.findByAccount(profile.accountId)) ?? profile;
    },
    async chooseUsername(accountId, given, info) {
      const name = cleanUsername(given);
      const fault = usernameFault(name) ?? strangerFault(name);
      if ((await store.findByAccount(accountId))?.chosen) return ALREADY_SET;
      if (fault !== undefined) return fault;
      const key = usernameKey(name);
      const step = audit.step({
        event: 'permission.username_chosen',
        accountId,
        ...info,
        detail: { username: key },
      });
      try {
        if (await store.choose(accountId, { username: key, usernameKey: key }, clock.now(), [step]))
          return undefined;
      } catch (error) {
        if (error instanceof UniqueViolation) return TAKEN;
        throw error;
      }
      return (await store.findByAccount(accountId))?.chosen ? ALREADY_SET : TAKEN;
    },
  };
}

function baseName({ username, email }: ProfileHints, account: Account): string {
  const wanted = username ?? email?.split('@')[0] ?? account.username;
  const key = usernameKey(wanted).slice(0, LONGEST_BASE);
  if (usernameFault(key) !== undefined) return FALLBACK;
  // A number makes another name of a reserved word; what looks like an ORCID iD or an address goes on looking so.
  const standsAsWord = /^[a-z][^@]*$/.test(key);
  return strangerFault(key) === undefined || standsAsWord ? key : FALLBACK;
}

function suffix(attempt: number): string {
  if (attempt === 0) return '';
  return attempt <= COUNTED ? String(attempt) : randomLetters(6).toLowerCase();
}

/** The new text of a member that an extension changed to something that will do. */
const changed = (from: unknown, to: unknown, fits: (text: string) => boolean): string | undefined =>
  typeof to === 'string' && to !== from && fits(to) ? to : undefined;

const isText = (text: string, longest: number): boolean =>
  text.length > 0 && text.length <= longest && !/\p{C}/u.test(text);

const isUsername = (name: string): boolean => usernameFault(cleanUsername(name)) === undefined;

const isPicture = (address: string): boolean =>
  isText(address, MAX_TEXT) && /^https?:\/\//i.test(address) && canParse(address);
