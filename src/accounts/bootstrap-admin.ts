import type { Audit } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { InvalidInput } from '../platform/errors/errors.js';
import type { AccountStore, Credentials } from '../stores/account-store.js';
import { oneTimePassword } from './one-time-password.js';
import { type Passwords, passwordFault } from './passwords.js';
import type { Register } from './register.js';
import { ADMIN } from './role-names.js';
import { usernameKey } from './usernames.js';

/** `ADMIN_USERNAME`, `ADMIN_PASSWORD`. */
export interface AdminSettings {
  readonly username?: string | undefined;
  /** Counts as chosen: it need not be changed. */
  readonly password?: string | undefined;
}

export type Bootstrapped =
  | { readonly outcome: 'exists' }
  /** The name is held by somebody who is no administrator; nobody was made one. */
  | { readonly outcome: 'name_taken'; readonly username: string }
  | {
      readonly outcome: 'created' | 'renewed';
      readonly username: string;
      /** For standard output, this once; absent where `ADMIN_PASSWORD` was used. */
      readonly oneTimePassword?: string;
      readonly expiresAt?: number;
    };

interface BootstrapDeps {
  readonly store: AccountStore;
  readonly passwords: Passwords;
  readonly register: Register['register'];
  readonly audit: Audit;
  readonly clock: Clock;
}

const CREATED_BY = 'bootstrap';

/**
 * Sees at each start that somebody can administer the server: makes the first administrator, or renews a
 * one-time password that ended unused. Of several nodes starting together one does it, the others `exists`.
 * @throws {InvalidInput} naming `ADMIN_USERNAME` or `ADMIN_PASSWORD`
 */
export async function bootstrapAdmin(deps: BootstrapDeps, settings: AdminSettings): Promise<Bootstrapped> {
  const admins = await deps.store.listHolders(ADMIN);
  if (admins.length === 0) return create(deps, settings);
  const unused = admins.find((admin) => isUnused(admin, deps.clock.now()));
  return unused === undefined ? { outcome: 'exists' } : renew(deps, settings, unused);
}

function isUnused({ account, password, createdBy }: Credentials, now: number): boolean {
  const ended =
    password?.mustChange === true && password.expiresAt !== undefined && password.expiresAt <= now;
  return ended && createdBy === CREATED_BY && !account.disabled;
}

interface FirstPassword {
  readonly password: string;
  readonly mustChange: boolean;
  readonly expiresAt?: number;
}

const firstPassword = ({ password }: AdminSettings, now: number): FirstPassword =>
  password === undefined ? { ...oneTimePassword(now), mustChange: true } : { password, mustChange: false };

async function create(deps: BootstrapDeps, settings: AdminSettings): Promise<Bootstrapped> {
  const username = settings.username ?? 'admin';
  const first = firstPassword(settings, deps.clock.now());
  try {
    const account = await deps.register({
      username,
      password: first.password,
      mustChangePassword: first.mustChange,
      passwordExpiresAt: first.expiresAt,
      roles: [ADMIN],
      createdBy: CREATED_BY,
    });
    return answer('created', account.username, first);
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    // Another node was faster. Or somebody has the name: nobody becomes administrator by his name.
    if ((await deps.store.listHolders(ADMIN)).length > 0) return { outcome: 'exists' };
    if (await deps.store.findByUsernameKey(usernameKey(username))) return { outcome: 'name_taken', username };
    throw inWordsOfSettings(error);
  }
}

async function renew(
  deps: BootstrapDeps,
  settings: AdminSettings,
  admin: Credentials,
): Promise<Bootstrapped> {
  const { id, username } = admin.account;
  const now = deps.clock.now();
  const first = firstPassword(settings, now);
  const message = passwordFault(first.password, username);
  if (message !== undefined) throw new InvalidInput([{ field: 'ADMIN_PASSWORD', message }]);
  const { password, ...rest } = first;
  const fresh = { ...rest, hash: await deps.passwords.hash(password), setAt: now };
  const step = deps.audit.step({ event: 'account.password_changed', accountId: id, actorId: CREATED_BY });
  const won = await deps.store.setPassword(id, fresh, admin.password?.setAt, [step]);
  return won ? answer('renewed', username, first) : { outcome: 'exists' };
}

const answer = (outcome: 'created' | 'renewed', username: string, first: FirstPassword): Bootstrapped => ({
  outcome,
  username,
  ...(first.expiresAt === undefined ? {} : { oneTimePassword: first.password, expiresAt: first.expiresAt }),
});

const SETTINGS: Readonly<Record<string, string>> = { username: 'ADMIN_USERNAME', password: 'ADMIN_PASSWORD' };

const inWordsOfSettings = ({ faults }: InvalidInput): InvalidInput =>
  new InvalidInput(faults.map(({ field, message }) => ({ field: SETTINGS[field] ?? field, message })));
