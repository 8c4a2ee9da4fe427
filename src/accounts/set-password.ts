import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { Step } from '../platform/database/database.js';
import { InvalidInput, PosternError } from '../platform/errors/errors.js';
import type { AccountStore } from '../stores/account-store.js';
import type { LinkStore } from '../stores/link-store.js';
import { type Passwords, passwordFault } from './passwords.js';

export interface SetPasswordOptions {
  /** Who sets it, when not the person: `cli`, or an administrator's account id. */
  readonly actorId?: string | undefined;
  /**
   * `passwordSetAt` of the sign-in this rests on: a one-time password opens the page once only, however
   * often and by whomever the form is sent.
   */
  readonly formerSetAt?: number | undefined;
  readonly mustChange?: boolean | undefined;
  /** Done once the password is found fit, before it is written. */
  readonly first?: (() => Promise<unknown>) | undefined;
  /** Guards and steps of the same unit, such as using up the link that allows it. */
  readonly also?: readonly Step[] | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number | undefined;
}

/**
 * Gives the account another password, and ends the links that were asked for under the former one: an address that
 * a thief asked for would be a way back in. That the caller may do so (the current password was just proven, or
 * an administrator asks) is checked before; ending other sessions comes after.
 * @throws {InvalidInput} at `password`
 * @throws {PosternError} 404 without such an account, 409 where the password was changed meanwhile
 */
export type SetPassword = (
  accountId: string,
  password: string,
  info?: RequestInfo,
  options?: SetPasswordOptions,
) => Promise<void>;

interface SetPasswordDeps {
  readonly store: AccountStore;
  readonly links: Pick<LinkStore, 'endStep'>;
  readonly passwords: Passwords;
  readonly audit: Audit;
  readonly clock: Clock;
}

const stale = (): PosternError =>
  new PosternError(
    409,
    'password_changed',
    'The password was changed in the meantime. Please sign in again.',
  );

export function createSetPassword(deps: SetPasswordDeps): SetPassword {
  const { store, links, passwords, audit, clock } = deps;
  return async (accountId, password, info, options = {}) => {
    const found = await store.findCredentials({ id: accountId });
    if (found === undefined) throw new PosternError(404, 'not_found', 'There is no such account.');
    const former = found.password;
    if (options.formerSetAt !== undefined && options.formerSetAt !== former?.setAt) throw stale();

    const message = passwordFault(password, found.account.username);
    if (message !== undefined) throw new InvalidInput([{ field: 'password', message }]);
    if (await passwords.verify(former?.hash, password)) {
      throw new InvalidInput([
        { field: 'password', message: 'Choose a password that differs from the present one.' },
      ]);
    }

    const fresh = {
      hash: await passwords.hash(password),
      // Later than the one before in any case, since it tells the two apart.
      setAt: Math.max(clock.now(), (former?.setAt ?? 0) + 1),
      expiresAt: options.expiresAt,
      mustChange: options.mustChange ?? false,
    };
    const actorId = options.actorId ?? accountId;
    const step = audit.step({ event: 'account.password_changed', ...info, accountId, actorId });
    await options.first?.();
    const endLinks = links.endStep(accountId, ['change_email', 'reset_password']);
    const also = [...(options.also ?? []), endLinks, step];
    if (!(await store.setPassword(accountId, fresh, former?.setAt, also))) throw stale();
  };
}
