import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { Step } from '../platform/database/database.js';
import { InvalidInput } from '../platform/errors/errors.js';
import type { Postman } from '../platform/mail/postman.js';
import type { AccountStore } from '../stores/account-store.js';
import type { Account } from './account.js';
import { type Link, type LinkPurpose, type Links, linkEnded } from './links.js';
import type { MailLimits } from './mail-limits.js';
import { emailFault } from './profile-rules.js';

/**
 * The address of an account: proven, and changed, by nothing but a link mailed to it. The former address, where it
 * was proven, is told of a change and can undo it for some days, whatever was changed after.
 */
export interface EmailAddress {
  /**
   * Mails the link that proves the present address; nothing where it is proven.
   * @throws {TooManyAttempts}
   */
  sendVerification(account: Account, info: RequestInfo): Promise<void>;
  verify(token: string | undefined, info: RequestInfo): Promise<void>;
  /**
   * Mails the link to the new address. The password was just proven.
   * @throws {InvalidInput} at `email`
   */
  requestChange(account: Account, email: string, info: RequestInfo): Promise<void>;
  confirmChange(token: string | undefined, info: RequestInfo): Promise<void>;
  /**
   * Restores the former address, ends the account's sessions and grants, and takes away the identities that were
   * connected since: whoever changed the address may have left themselves a way in.
   */
  undoChange(token: string | undefined, info: RequestInfo): Promise<Account>;
  /** What a page says before its button is pressed: whose account gets which address. @throws {PageError} 410 */
  open(
    purpose: LinkPurpose,
    token: string | undefined,
  ): Promise<{ readonly email: string; readonly username: string }>;
}

/** Steps that take away what was connected to the account at `since` (ms) and later. */
export type DisconnectSince = (accountId: string, since: number, info: RequestInfo) => Promise<Step[]>;

interface Dependencies {
  readonly store: Pick<AccountStore, 'findById' | 'proveEmailStep' | 'setEmailStep'>;
  readonly write: (steps: readonly Step[]) => Promise<boolean>;
  readonly links: Links;
  readonly limits: MailLimits;
  readonly postman: Postman;
  readonly endAccess: (accountId: string) => Promise<unknown>;
  readonly disconnectSince: DisconnectSince;
  readonly audit: Audit;
  readonly clock: Clock;
}

type Found = Link & { readonly accountId: string; readonly email: string };

export function createEmailAddress(deps: Dependencies): EmailAddress {
  const { store, write, links, limits, postman, audit, clock } = deps;

  const step = (event: string, accountId: string, info: RequestInfo): Step =>
    audit.step({ event, outcome: 'success', accountId, actorId: accountId, ...info });

  async function require(purpose: LinkPurpose, token: string | undefined): Promise<Found> {
    const link = await links.require(purpose, token);
    const { accountId, email } = link;
    if (accountId === undefined || email === undefined) throw linkEnded(purpose);
    return { ...link, accountId, email };
  }

  async function mailLink(
    purpose: 'verify_email' | 'change_email',
    accountId: string,
    email: string,
    info: RequestInfo,
  ): Promise<void> {
    const { url, validFor, step: save } = links.issue(purpose, { accountId, email });
    const event = purpose === 'verify_email' ? 'account.email_check_sent' : 'account.email_change_asked';
    await write([save, step(event, accountId, info)]);
    const mail = purpose === 'verify_email' ? 'verify-email' : 'change-email';
    postman.post(mail, email, { link: url, validFor }, { accountId, ...info });
  }

  return {
    async open(purpose, token) {
      const { accountId, email } = await require(purpose, token);
      const account = await store.findById(accountId);
      if (!account || account.disabled) throw linkEnded(purpose);
      return { email, username: account.username };
    },
    async sendVerification({ id, email, emailVerified }, info) {
      if (email === undefined || emailVerified) return;
      postman.requireRoom();
      await limits.count(email, info);
      await mailLink('verify_email', id, email, info);
    },
    async verify(token = '', info) {
      const { accountId, email } = await require('verify_email', token);
      const done = await write([
        links.consumeStep('verify_email', token),
        // Another address in the meantime is not proven by a link that went to the former one.
        store.proveEmailStep(accountId, email, clock.now()),
        links.endStep(accountId, ['verify_email']),
        step('account.email_verified', accountId, info),
      ]);
      if (!done) throw linkEnded('verify_email');
    },
    async requestChange(account, given, info) {
      postman.requireRoom();
      const email = given.trim();
      const fault =
        emailFault(email) ??
        (email === account.email && account.emailVerified ? 'This is your address already.' : undefined);
      if (fault) throw new InvalidInput([{ field: 'email', message: fault }]);
      await limits.count(email, info);
      await mailLink('change_email', account.id, email, info);
    },
    async confirmChange(token = '', info) {
      const { accountId, email } = await require('change_email', token);
      const account = await store.findById(accountId);
      if (!account || account.disabled) throw linkEnded('change_email');
      // An address that nobody proved may be a stranger's: it must not bring the account with it.
      const former = account.email === email || !account.emailVerified ? undefined : account.email;
      const undo =
        former === undefined ? undefined : links.issue('undo_email_change', { accountId, email: former });
      const done = await write([
        links.consumeStep('change_email', token),
        store.setEmailStep(accountId, { email, verified: true, at: clock.now() }, { email: account.email }),
        // What was mailed to the former address opens the account no more, but for undoing this.
        links.endStep(accountId, ['verify_email', 'change_email', 'reset_password']),
        ...(undo ? [undo.step] : []),
        step('account.email_changed', accountId, info),
      ]);
      if (!done) throw linkEnded('change_email');
      if (undo && former) {
        const { url, validFor } = undo;
        const model = { link: url, validFor, username: account.username };
        postman.post('email-changed', former, model, { accountId, ...info });
      }
    },
    async undoChange(token = '', info) {
      const { accountId, email, createdAt } = await require('undo_email_change', token);
      const account = await store.findById(accountId);
      // Before the link is used up: where this fails, the person can try again.
      await deps.endAccess(accountId);
      const done = await write([
        links.consumeStep('undo_email_change', token),
        // Whatever the address is now: a thief may have changed it twice.
        store.setEmailStep(accountId, { email, verified: true, at: clock.now() }),
        links.endStep(accountId, ['verify_email', 'change_email', 'reset_password']),
        // Never an older one: whoever had the address before may take it back from whoever has this link.
        links.endStep(accountId, ['undo_email_change'], createdAt),
        ...(await deps.disconnectSince(accountId, createdAt, info)),
        step('account.email_change_undone', accountId, info),
      ]);
      if (!done || !account) throw linkEnded('undo_email_change');
      // Once more, for what began in between.
      await deps.endAccess(accountId);
      return { ...account, email, emailVerified: true };
    },
  };
}
