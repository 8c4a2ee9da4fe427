import type { RequestInfo } from '../platform/audit/audit.js';
import type { MailModels, MailName } from '../platform/mail/mails.js';
import type { Postman } from '../platform/mail/postman.js';
import { dayText } from '../platform/web/time-texts.js';
import type { Account } from './account.js';

/** Tells the owner of what they may not have done themselves, where there is a proven address. */
export interface TellOwner {
  passwordChanged(account: Account, info: RequestInfo): void;
  /** @param deleteAt milliseconds since the epoch */
  leaving(account: Account, deleteAt: number, info: RequestInfo): void;
}

export function createTellOwner({ postman, issuer }: { postman: Postman; issuer: string }): TellOwner {
  function tell<N extends MailName>(
    account: Account,
    info: RequestInfo,
    name: N,
    model: MailModels[N],
  ): void {
    const { id: accountId, email, emailVerified } = account;
    if (email === undefined || !emailVerified || !postman.available) return;
    postman.post(name, email, model, { accountId, ...info });
  }

  return {
    passwordChanged: (account, info) =>
      tell(account, info, 'password-changed', {
        username: account.username,
        link: `${issuer}/forgot-password`,
      }),
    leaving: (account, deleteAt, info) =>
      tell(account, info, 'account-leaving', {
        username: account.username,
        deleteOn: dayText(deleteAt),
        link: `${issuer}/login`,
      }),
  };
}
