import type { Account } from '../accounts/account.js';
import type { BrowserSession } from '../authorization-server/browser-session.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import type { FieldFault } from '../platform/errors/errors.js';
import type { Form } from '../platform/web/body.js';
import type { UpstreamLink } from '../platform/web/upstream-views.js';
import type { FreshSignIn } from './fresh-sign-in.js';
import type { LinkedAccounts } from './linked-accounts.js';

/** Whoever sits at an open session. */
export interface SignedIn {
  readonly session: BrowserSession;
  readonly account: Account;
}

/** What changes the ways into an account wants to know once more who sits at the session. */
export interface ProveAgain {
  readonly isFresh: FreshSignIn['isFresh'];
  /** What the page asks: nothing of a sign-in just made. @param next where a sign-in made once more leads back to */
  asked(current: SignedIn, next: string): Promise<AskedProof>;
  /**
   * `undefined`: it is the person; otherwise what the page says.
   * @throws {TooManyAttempts}
   */
  fault(current: SignedIn, form: Form, info: RequestInfo): Promise<FieldFault | undefined>;
}

export interface AskedProof {
  readonly askPassword: boolean;
  /** For who has no password. */
  readonly again?: UpstreamLink;
}

export function createProveAgain(deps: {
  readonly fresh: FreshSignIn;
  readonly hasPassword: (accountId: string) => Promise<boolean>;
  readonly linkedAccounts: Pick<LinkedAccounts, 'list'>;
}): ProveAgain {
  const { fresh } = deps;
  return {
    isFresh: fresh.isFresh,
    async asked({ session, account }, next) {
      if (await fresh.isFresh(session)) return { askPassword: false };
      if (await deps.hasPassword(account.id)) return { askPassword: true };
      // Whoever has no password proves it upstream, with whatever is connected.
      const all = await deps.linkedAccounts.list(account.id);
      const prover = all.find(({ identity, offered }) => identity !== undefined && offered);
      const again = prover
        ? {
            label: prover.title,
            href: `/oauth/login/${prover.upstreamId}/?${new URLSearchParams({ fresh: '1', next })}`,
          }
        : { label: 'your username', href: `/login?${new URLSearchParams({ local: '1', next })}` };
      return { askPassword: false, again };
    },
    async fault({ session, account }, { password }, info) {
      if (await fresh.isFresh(session)) return undefined;
      if (!(await deps.hasPassword(account.id)))
        return { field: '', message: 'You signed in too long ago: sign in again.' };
      // The form was made when the sign-in was still fresh.
      if (password === undefined)
        return { field: 'password', message: 'You signed in too long ago: enter your password.' };
      if (password !== '' && (await fresh.provesPassword(account, password, info))) return undefined;
      return { field: 'password', message: 'This is not your password.' };
    },
  };
}
