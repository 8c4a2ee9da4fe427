import type { RequestInfo } from '../platform/audit/audit.js';
import type { Postman } from '../platform/mail/postman.js';
import type { Account } from './account.js';

/** Tells the owner of another password, where there is a proven address: it may not have been them. */
export type TellPasswordChanged = (account: Account, info: RequestInfo) => void;

export function createTellPasswordChanged(deps: { postman: Postman; issuer: string }): TellPasswordChanged {
  const { postman, issuer } = deps;
  return ({ id: accountId, username, email, emailVerified }, info) => {
    if (email === undefined || !emailVerified || !postman.available) return;
    const again = { username, link: `${issuer}/forgot-password` };
    postman.post('password-changed', email, again, { accountId, ...info });
  };
}
