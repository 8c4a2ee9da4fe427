import type { RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { SecretBox } from '../platform/crypto/secret-box.js';
import { type FieldFault, InvalidInput, TooManyAttempts } from '../platform/errors/errors.js';
import type { Account } from './account.js';
import type { Authenticate } from './authenticate.js';
import type { SetPassword } from './set-password.js';

/**
 * Signing in with a password, as every page does it. A one-time password opens nothing but the choice of a
 * new one, so the sign-in may take two steps; a sealed ticket carries the account from one to the other.
 */
export type SignInStep =
  | { readonly step: 'signed_in'; readonly account: Account }
  | { readonly step: 'refused'; readonly fault: FieldFault }
  | {
      readonly step: 'set_password';
      readonly ticket: string;
      readonly username: string;
      readonly faults: readonly FieldFault[];
    }
  /** The account is about to be deleted: signing in opens nothing but the choice to keep it. */
  | {
      readonly step: 'keep_account';
      readonly ticket: string;
      readonly username: string;
      readonly deleteAt: number;
    };

export interface SignIn {
  /** @throws {TooManyAttempts} for the right password too */
  withPassword(given: { username: string; password: string }, info: RequestInfo): Promise<SignInStep>;
  /** `refused` where the ticket is forged, late or used. */
  withNewPassword(given: { ticket: string; password: string }, info: RequestInfo): Promise<SignInStep>;
  /**
   * Takes the deletion back and signs in, or asks for a new password where the one that was proven is good for
   * nothing else; `refused` where the ticket is forged or late.
   */
  keepingAccount(given: { ticket: string }, info: RequestInfo): Promise<SignInStep>;
}

interface Ticket {
  readonly accountId: string;
  /** The account's then: a password that was changed since, or signing out everywhere, ends the ticket. */
  readonly epoch: number;
  /** Names the password that was proven. */
  readonly passwordSetAt: number;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

const TICKET_MINUTES = 15;
/** What a ticket is good for. */
type Purpose = 'set-password' | 'keep-account';

interface Dependencies {
  readonly authenticate: Authenticate;
  readonly findAccount: (id: string) => Promise<Account | undefined>;
  readonly setPassword: SetPassword;
  /** `Leaving.undo`. */
  readonly undoDeletion: (accountId: string, info: RequestInfo) => Promise<boolean>;
  /** Purpose `sign-in-ticket`. */
  readonly box: SecretBox;
  readonly clock: Clock;
}

const WRONG: SignInStep = {
  step: 'refused',
  fault: { field: '', message: 'The username or the password is wrong.' },
};
const STALE: SignInStep = {
  step: 'refused',
  fault: { field: '', message: 'This took too long. Please sign in again.' },
};

export function createSignIn(deps: Dependencies): SignIn {
  const { authenticate, findAccount, setPassword, box, clock } = deps;

  function issue(purpose: Purpose, { id, accessEpoch }: Account, passwordSetAt: number): string {
    const until = clock.now() + TICKET_MINUTES * 60_000;
    const ticket: Ticket = { accountId: id, epoch: accessEpoch, passwordSetAt, until };
    return box.seal(JSON.stringify(ticket), purpose);
  }

  /** The account it was issued to, unless it was shut out since. */
  async function open(
    sealed: string,
    purpose: Purpose,
  ): Promise<(Ticket & { account: Account }) | undefined> {
    const opened = box.open(sealed, purpose);
    const ticket = opened === undefined ? undefined : (JSON.parse(opened) as Ticket);
    if (!ticket || ticket.until <= clock.now()) return undefined;
    const account = await findAccount(ticket.accountId);
    if (!account || account.disabled || account.accessEpoch !== ticket.epoch) return undefined;
    return { ...ticket, account };
  }

  const choosePassword = (account: Account, passwordSetAt: number): SignInStep => ({
    step: 'set_password',
    ticket: issue('set-password', account, passwordSetAt),
    username: account.username,
    faults: [],
  });

  return {
    async withPassword(given, info) {
      const result = await authenticate(given, info);
      if (result.outcome === 'throttled') throw new TooManyAttempts(result.retryAfterSeconds);
      if (result.outcome === 'wrong') return WRONG;
      const { account } = result;
      if (result.outcome === 'ok') return { step: 'signed_in', account };
      if (result.outcome === 'leaving') {
        const ticket = issue('keep-account', account, result.passwordSetAt);
        return { step: 'keep_account', ticket, username: account.username, deleteAt: result.deleteAt };
      }
      return choosePassword(account, result.passwordSetAt);
    },
    async withNewPassword({ ticket: sealed, password }, info) {
      const ticket = await open(sealed, 'set-password');
      if (!ticket?.account.mustChangePassword) return STALE;
      const { account } = ticket;
      try {
        // `formerSetAt`: of two who hold a ticket, one sets the password.
        await setPassword(account.id, password, info, { formerSetAt: ticket.passwordSetAt });
      } catch (error) {
        if (!(error instanceof InvalidInput)) throw error;
        const faults = error.faults.map(({ message }) => ({ field: 'new_password', message }));
        // The same ticket: a refused choice must not prolong a password that works once.
        return { step: 'set_password', ticket: sealed, username: account.username, faults };
      }
      // The one that the new password has begun, and none that somebody else has begun meanwhile.
      const accessEpoch = account.accessEpoch + 1;
      return { step: 'signed_in', account: { ...account, mustChangePassword: false, accessEpoch } };
    },
    async keepingAccount({ ticket: sealed }, info) {
      const ticket = await open(sealed, 'keep-account');
      // Once: where nothing is left to take back, the proof is used up and the password is asked for.
      if (!ticket || !(await deps.undoDeletion(ticket.accountId, info))) return STALE;
      const { account, passwordSetAt } = ticket;
      if (account.mustChangePassword) return choosePassword(account, passwordSetAt);
      return { step: 'signed_in', account: { ...account, deleteAt: undefined } };
    },
  };
}
