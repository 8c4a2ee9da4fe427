import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { addressKey } from '../platform/throttle/address-key.js';
import type { Throttle, ThrottleRule } from '../platform/throttle/throttle.js';
import type { AccountStore, Credentials } from '../stores/account-store.js';
import type { Account } from './account.js';
import type { Passwords } from './passwords.js';
import { createQueue } from './queue.js';
import { cleanUsername, usernameFault, usernameKey } from './usernames.js';

export interface SignInAttempt {
  readonly username: string;
  readonly password: string;
  /** The client that asked, for the audit trail (password grant). */
  readonly clientId?: string | undefined;
}

export type SignInResult =
  | { readonly outcome: 'ok'; readonly account: Account; readonly passwordSetAt: number }
  /** Unknown name, wrong or expired password, disabled account: one answer for all. */
  | { readonly outcome: 'wrong' }
  /** Right, but good for choosing another password only; see `SetPasswordOptions.formerSetAt`. */
  | { readonly outcome: 'must_change'; readonly account: Account; readonly passwordSetAt: number }
  /** Right, but the account is about to be deleted: good for taking that back only. */
  | {
      readonly outcome: 'leaving';
      readonly account: Account;
      readonly deleteAt: number;
      readonly passwordSetAt: number;
    }
  | { readonly outcome: 'throttled'; readonly retryAfterSeconds: number };

/**
 * Proves a person by name and password: the one way for pages, password grant and dserver doors alike.
 * @throws {Unavailable} when too many attempts are waiting or under way
 */
export type Authenticate = (attempt: SignInAttempt, info: RequestInfo) => Promise<SignInResult>;

/** 10 wrong ones per account, 50 per address in 15 minutes; then nothing for 15 minutes. */
export const SIGN_IN_BY_ACCOUNT: ThrottleRule = {
  name: 'sign-in-account',
  points: 10,
  windowSeconds: 900,
  blockSeconds: 900,
};
export const SIGN_IN_BY_ADDRESS: ThrottleRule = {
  ...SIGN_IN_BY_ACCOUNT,
  name: 'sign-in-address',
  points: 50,
};

interface AuthenticateDeps {
  readonly store: Pick<AccountStore, 'findCredentials'>;
  readonly passwords: Pick<Passwords, 'verify'>;
  /** Made from `SIGN_IN_BY_ACCOUNT` and `SIGN_IN_BY_ADDRESS`. */
  readonly throttles: { readonly account: Throttle; readonly address: Throttle };
  readonly audit: Audit;
  readonly clock: Clock;
}

export function createAuthenticate(deps: AuthenticateDeps): Authenticate {
  const { store, passwords, throttles, audit, clock } = deps;
  // An attempt counts while it is checked. Few at once, and one per account: of many right passwords
  // at the same moment most find one free.
  const attempts = createQueue({ running: 4, waiting: 100 });

  async function find(username: string): Promise<Credentials | undefined> {
    // What cannot be a name is not looked up: PostgreSQL refuses a NUL even as a question.
    if (usernameFault(cleanUsername(username)) !== undefined) return undefined;
    return store.findCredentials({ usernameKey: usernameKey(username) });
  }

  /** The password is hashed whatever was found, so the time tells nothing. */
  async function judge({ username, password }: SignInAttempt): Promise<Judgement> {
    const found = await find(username);
    const right = await passwords.verify(found?.password?.hash, password);
    if (found === undefined) return { result: WRONG, reason: 'unknown_name' };
    const { account, password: kept } = found;
    if (!right || kept === undefined) return { result: WRONG, account, reason: 'wrong_password' };
    // Hashing takes a while, and longer where many wait for it: the password may be a former one by now.
    if ((await find(username))?.account.accessEpoch !== account.accessEpoch) {
      return { result: WRONG, account, reason: 'changed_meanwhile' };
    }
    if (account.disabled) return { result: WRONG, account, reason: 'disabled' };
    if (kept.expiresAt !== undefined && kept.expiresAt <= clock.now()) {
      return { result: WRONG, account, reason: 'expired' };
    }
    const passwordSetAt = kept.setAt;
    if (account.deleteAt !== undefined) {
      return { result: { outcome: 'leaving', account, deleteAt: account.deleteAt, passwordSetAt }, account };
    }
    const outcome = kept.mustChange ? 'must_change' : 'ok';
    return { result: { outcome, account, passwordSetAt }, account };
  }

  async function reserve({ account, address }: Keys): Promise<number> {
    const addressWait = await throttles.address.hold(address);
    if (addressWait > 0) return addressWait;
    const accountWait = await throttles.account.hold(account).catch(async (error: unknown) => {
      await Promise.allSettled([throttles.address.release(address)]);
      throw error;
    });
    if (accountWait > 0) await throttles.address.release(address);
    return accountWait;
  }

  async function attempt(input: SignInAttempt, info: RequestInfo, keys: Keys): Promise<SignInResult> {
    const wait = await reserve(keys);
    const judged: Judgement = wait > 0 ? throttled(wait) : await judgeOrRelease(input, keys);
    const { result, account, reason } = judged;
    const right = isRight(result);
    // The name is left out where no account has it: it may be a password typed into the wrong field.
    const record = audit.record({
      event: 'account.sign_in',
      outcome: right ? 'success' : 'failure',
      ...info,
      clientId: input.clientId,
      accountId: account?.id,
      actorId: right ? account?.id : undefined,
      detail: detailOf(result, reason),
    });
    await Promise.all([settle(result, keys), record]);
    return result;
  }

  async function settle(result: SignInResult, { account, address }: Keys): Promise<void> {
    if (result.outcome === 'throttled') return;
    await Promise.all(
      isRight(result)
        ? [throttles.account.clear(account), throttles.address.release(address)]
        : [throttles.account.confirm(account), throttles.address.confirm(address)],
    );
  }

  /** A check that could not be made is no failure of the person. */
  async function judgeOrRelease(input: SignInAttempt, keys: Keys): Promise<Judgement> {
    try {
      return await judge(input);
    } catch (error) {
      await Promise.allSettled([
        throttles.account.release(keys.account),
        throttles.address.release(keys.address),
      ]);
      throw error;
    }
  }

  return async (input, info) => {
    const keys = { account: usernameKey(input.username), address: addressKey(info.ip) };
    // Those who must wait are sent off before they cost anything, an audit row for each included.
    const waits = await Promise.all([
      throttles.address.check(keys.address),
      throttles.account.check(keys.account),
    ]);
    if (Math.max(...waits) > 0) return throttled(Math.max(...waits)).result;
    return attempts.run(() => attempt(input, info, keys), keys.account);
  };
}

interface Keys {
  readonly account: string;
  readonly address: string;
}

interface Judgement {
  readonly result: SignInResult;
  readonly account?: Account;
  /** For the audit trail alone. */
  readonly reason?: string;
}

const isRight = ({ outcome }: SignInResult): boolean => outcome !== 'wrong' && outcome !== 'throttled';

const WRONG: SignInResult = { outcome: 'wrong' };

const throttled = (retryAfterSeconds: number): Judgement => ({
  result: { outcome: 'throttled', retryAfterSeconds },
  reason: 'throttled',
});

function detailOf(result: SignInResult, reason: string | undefined): Record<string, string> {
  if (reason !== undefined) return { reason };
  const next = result.outcome === 'must_change' || result.outcome === 'leaving' ? result.outcome : undefined;
  return next === undefined ? { method: 'password' } : { method: 'password', next };
}
