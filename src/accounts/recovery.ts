import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import { InvalidInput } from '../platform/errors/errors.js';
import type { Postman } from '../platform/mail/postman.js';
import type { Throttle } from '../platform/throttle/throttle.js';
import type { AccountStore, Credentials } from '../stores/account-store.js';
import type { Account } from './account.js';
import { type Links, linkEnded } from './links.js';
import type { MailLimits } from './mail-limits.js';
import type { SetPassword } from './set-password.js';
import type { TellOwner } from './tell-owner.js';
import { cleanUsername, usernameFault, usernameKey } from './usernames.js';

/** Getting back into an account by a mail to its proven address. */
export interface Recovery {
  /**
   * Answers before anything is looked up, so neither the answer nor its time tells whether there is such an
   * account.
   * @throws {TooManyAttempts} for unknown names too
   * @throws {PageError} 503 without a mail server
   */
  request(identifier: string, info: RequestInfo): Promise<void>;
  /** Whose link it is, while it works. @throws {PageError} 410 */
  open(token: string | undefined): Promise<Account>;
  /**
   * Sets the password, uses the link up and ends every session and grant: whoever knew the old password may
   * have left something behind.
   * @throws {InvalidInput} at `new_password`; the link goes on working
   * @throws {PageError} 410
   */
  reset(token: string | undefined, password: string, info: RequestInfo): Promise<Account>;
}

interface Dependencies {
  readonly store: Pick<AccountStore, 'findById' | 'listRecoverable'>;
  readonly links: Links;
  readonly limits: MailLimits;
  readonly postman: Postman;
  readonly setPassword: SetPassword;
  /** Made from `SIGN_IN_BY_ACCOUNT`. */
  readonly signInThrottle: Pick<Throttle, 'clear'>;
  /** Ends the account's sessions and revokes its grants. */
  readonly endAccess: (accountId: string) => Promise<unknown>;
  readonly saveLink: (steps: Parameters<AccountStore['insert']>[1]) => Promise<unknown>;
  readonly tellPasswordChanged: TellOwner['passwordChanged'];
  readonly audit: Audit;
}

/** Several people may share a mailbox; a mailbox is not filled for a hundred accounts. */
const MOST_ACCOUNTS = 5;

export function createRecovery(deps: Dependencies): Recovery {
  const { store, links, limits, postman, audit } = deps;

  async function find(identifier: string): Promise<readonly Credentials[]> {
    const name = cleanUsername(identifier);
    const usable = usernameFault(name) === undefined || identifier.includes('@');
    if (!usable) return [];
    const by = { usernameKey: usernameKey(name), emailKey: identifier.toLowerCase() };
    return store.listRecoverable(by, MOST_ACCOUNTS);
  }

  async function sendTo({ account, password }: Credentials, info: RequestInfo): Promise<void> {
    const { id: accountId, username, email = '' } = account;
    const { url, validFor, step } = links.issue('reset_password', {
      accountId,
      email,
      detail: { passwordSetAt: password?.setAt },
    });
    const event = audit.step({ event: 'account.recovery_requested', outcome: 'success', accountId, ...info });
    await deps.saveLink([step, event]);
    postman.post('reset-password', email, { link: url, validFor, username }, { accountId, ...info });
  }

  async function answer(identifier: string, info: RequestInfo): Promise<void> {
    const found = await find(identifier);
    // Without what was typed: it may be anything, a password included.
    if (found.length === 0) {
      await audit.record({ event: 'account.recovery_requested', outcome: 'failure', ...info });
    }
    const sent = await Promise.allSettled(found.map((one) => sendTo(one, info)));
    const failed = sent.find((one) => one.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async function owner(token: string | undefined) {
    const link = await links.require('reset_password', token);
    const account = link.accountId === undefined ? undefined : await store.findById(link.accountId);
    if (!account || account.disabled) throw linkEnded('reset_password');
    return { link, account };
  }

  return {
    async request(identifier, info) {
      postman.require();
      const given = identifier.trim();
      if (given === '') {
        throw new InvalidInput([
          { field: 'identifier', message: 'Type your username or your e-mail address.' },
        ]);
      }
      await limits.count(given, info);
      postman.later(() => answer(given, info));
    },
    open: async (token) => (await owner(token)).account,
    async reset(token = '', password, info) {
      const { link, account } = await owner(token);
      const endAccess = () => deps.endAccess(account.id);
      try {
        await deps.setPassword(account.id, password, info, {
          // Before the link is used up: where this fails, the person can try again.
          first: endAccess,
          formerSetAt: link.detail.passwordSetAt,
          also: [links.consumeStep('reset_password', token)],
        });
      } catch (error) {
        if (!(error instanceof InvalidInput)) throw error;
        throw new InvalidInput(error.faults.map(({ message }) => ({ field: 'new_password', message })));
      }
      deps.tellPasswordChanged(account, info);
      // Once more, for what began in between.
      await endAccess();
      // Whoever guessed at the former password must not keep its owner waiting with the new one.
      await deps.signInThrottle.clear(usernameKey(account.username));
      return account;
    },
  };
}
