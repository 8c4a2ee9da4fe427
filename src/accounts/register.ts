import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { newId } from '../platform/crypto/ids.js';
import { type Step, UniqueViolation } from '../platform/database/database.js';
import { type FieldFault, InvalidInput, PosternError } from '../platform/errors/errors.js';
import type { AccountStore, NewAccount, StoredPassword } from '../stores/account-store.js';
import type { Account } from './account.js';
import { type Passwords, passwordFault } from './passwords.js';
import { emailFault, nameFault } from './profile-rules.js';
import { roleFault } from './role-names.js';
import { cleanUsername, strangerFault, usernameFault, usernameKey } from './usernames.js';

/** What a stranger may say on `/signup`; whatever else a form carries does not get here. */
export interface SignUp {
  readonly username: string;
  readonly password: string;
  readonly email?: string | undefined;
  readonly displayName?: string | undefined;
}

/** What an invitation brings to a sign-up. It was mailed to the address, which is thereby proven. */
export interface Invited {
  readonly id: string;
  readonly email: string;
  readonly roles: readonly string[];
  /** A guard of the unit that makes the account: it uses the invitation up. */
  readonly consume: Step;
}

/** What the command line, the first start, administrators and upstreams may say. */
export interface Registration {
  /** Where other rows of the same unit must name it beforehand. */
  readonly id?: string | undefined;
  readonly username: string;
  /** Absent: nobody can sign in with a password. */
  readonly password?: string | undefined;
  readonly mustChangePassword?: boolean | undefined;
  /** Milliseconds since the epoch. */
  readonly passwordExpiresAt?: number | undefined;
  readonly email?: string | undefined;
  readonly emailVerified?: boolean | undefined;
  readonly displayName?: string | undefined;
  readonly givenName?: string | undefined;
  readonly familyName?: string | undefined;
  readonly locale?: string | undefined;
  readonly picture?: string | undefined;
  readonly roles?: readonly string[] | undefined;
  /** `cli`, `bootstrap`, `upstream:<id>`, or the account id of the administrator. */
  readonly createdBy: string;
}

/** What belongs to the unit that makes the account. */
export interface Beside {
  readonly also?: readonly Step[];
  /** `taken`: what to throw where one of them holds nothing. */
  readonly guards?: { readonly steps: readonly Step[]; readonly taken: () => Error };
}

export interface Register {
  /** @throws {InvalidInput} field by field; nothing is saved */
  register(input: Registration, info?: RequestInfo, beside?: Beside): Promise<Account>;
  /**
   * As `register`, by a stranger: reserved names are refused.
   * @throws {PosternError} 409 where the invitation was used meanwhile
   */
  signUp(input: SignUp, info?: RequestInfo, invited?: Invited): Promise<Account>;
}

interface RegisterDeps {
  readonly store: AccountStore;
  readonly passwords: Passwords;
  readonly audit: Audit;
  readonly clock: Clock;
}

const SELF = 'self';

export function createRegister({ store, passwords, audit, clock }: RegisterDeps): Register {
  async function register(
    given: Registration,
    info: RequestInfo | undefined,
    { also = [], guards }: Beside,
    detail: Readonly<Record<string, string>> = {},
  ): Promise<Account> {
    const input = cleaned(given);
    const faults = registrationFaults(input);
    if (faults.length > 0) throw new InvalidInput(faults);
    // Hashed before the name is looked at: a taken name takes as long as a free one.
    const hash = input.password === undefined ? undefined : await passwords.hash(input.password);
    const fresh = toNewAccount(input, hash, clock.now());
    const { id, username, roles } = fresh.account;
    const step = audit.step({
      event: 'account.created',
      ...info,
      accountId: id,
      actorId: input.createdBy === SELF ? id : input.createdBy,
      detail: { username, roles, ...detail },
    });
    try {
      const made = await store.insert(fresh, [step, ...also], guards?.steps);
      if (!made && guards) throw guards.taken();
    } catch (error) {
      // The index decides, not a look before: two sign-ups at once cannot both have the name.
      if (!(error instanceof UniqueViolation && error.constraint === 'accounts_username_key_unique'))
        throw error;
      throw usernameTaken();
    }
    const mustChangePassword = fresh.password?.mustChange ?? false;
    return { ...fresh.account, disabled: false, mustChangePassword, accessEpoch: 0 };
  }

  return {
    register: (input, info, beside = {}) => register(input, info, beside),
    signUp: ({ username, password, email, displayName }, info, invited) =>
      register(
        {
          username,
          password,
          email: invited?.email ?? email,
          emailVerified: invited !== undefined,
          displayName,
          roles: invited?.roles,
          createdBy: SELF,
        },
        info,
        invited ? { guards: { steps: [invited.consume], taken: used } } : {},
        invited ? { invitation: invited.id } : {},
      ),
  };
}

export const usernameTaken = (): InvalidInput =>
  new InvalidInput([{ field: 'username', message: 'This username is taken.' }]);

const used = (): PosternError =>
  new PosternError(409, 'invitation_used', 'This invitation was used in the meantime.');

const blankAsAbsent = (text: string | undefined): string | undefined => text?.trim() || undefined;

const cleaned = (input: Registration): Registration => ({
  ...input,
  username: cleanUsername(input.username),
  email: blankAsAbsent(input.email),
  displayName: blankAsAbsent(input.displayName),
  givenName: blankAsAbsent(input.givenName),
  familyName: blankAsAbsent(input.familyName),
});

function registrationFaults(input: Registration): FieldFault[] {
  const { username, password, email, createdBy } = input;
  const roleFaults = (input.roles ?? []).map(roleFault);
  const judged: readonly (readonly [string, string | undefined])[] = [
    ['username', usernameFault(username) ?? (createdBy === SELF ? strangerFault(username) : undefined)],
    ['password', password === undefined ? undefined : passwordFault(password, username)],
    ['email', email === undefined ? undefined : emailFault(email)],
    ['displayName', nameFault(input.displayName)],
    ['givenName', nameFault(input.givenName)],
    ['familyName', nameFault(input.familyName)],
    ['roles', roleFaults.find((fault) => fault !== undefined)],
  ];
  return judged.flatMap(([field, message]) => (message === undefined ? [] : [{ field, message }]));
}

function toNewAccount(input: Registration, hash: string | undefined, now: number): NewAccount {
  const password: StoredPassword | undefined =
    hash === undefined
      ? undefined
      : {
          hash,
          setAt: now,
          expiresAt: input.passwordExpiresAt,
          mustChange: input.mustChangePassword ?? false,
        };
  return {
    account: {
      id: input.id ?? newId(),
      username: input.username,
      displayName: input.displayName,
      givenName: input.givenName,
      familyName: input.familyName,
      email: input.email,
      emailVerified: input.email !== undefined && input.emailVerified === true,
      picture: input.picture,
      locale: input.locale,
      roles: [...new Set(input.roles)].sort(),
      createdAt: now,
      updatedAt: now,
    },
    usernameKey: usernameKey(input.username),
    password,
    createdBy: input.createdBy,
  };
}
