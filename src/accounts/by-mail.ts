import type { Audit } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { TooManyAttempts, Unavailable } from '../platform/errors/errors.js';
import type { Postman } from '../platform/mail/postman.js';
import type { Throttle, ThrottleRule } from '../platform/throttle/throttle.js';
import type { AccountStore } from '../stores/account-store.js';
import type { LinkStore } from '../stores/link-store.js';
import { SIGN_IN_BY_ACCOUNT } from './authenticate.js';
import { createEmailAddress, type EmailAddress, type DisconnectSince } from './email-address.js';
import { createInvitations, type Invitations } from './invitations.js';
import { createLinks, type Links } from './links.js';
import { createMailLimits, MAILS_BY_ADDRESS, MAILS_BY_RECIPIENT, type MailLimits } from './mail-limits.js';
import { createRecovery, type Recovery } from './recovery.js';
import type { SetPassword } from './set-password.js';
import { createTellOwner, type TellOwner } from './tell-owner.js';

/** What rests on a mailbox: recovery, addresses, invitations. They share the links and the limits. */
export interface ByMail {
  readonly postman: Postman;
  readonly limits: MailLimits;
  readonly links: Links;
  /** Stores issued links that other parts send. */
  readonly saveLinks: LinkStore['write'];
  /** Where a mail leads its reader. */
  readonly accountAddress: string;
  readonly tellOwner: TellOwner;
  readonly recovery: Recovery;
  readonly emailAddress: EmailAddress;
  readonly invitations: Invitations;
}

interface Dependencies {
  readonly accounts: AccountStore;
  readonly linkStore: LinkStore;
  readonly postman: Postman;
  readonly throttle: (rule: ThrottleRule) => Throttle;
  readonly setPassword: SetPassword;
  /** Ends the account's sessions and revokes its grants. */
  readonly endAccess: (accountId: string) => Promise<unknown>;
  readonly disconnectSince: DisconnectSince;
  readonly issuer: string;
  readonly audit: Audit;
  readonly clock: Clock;
}

export function createByMail(deps: Dependencies): ByMail {
  const {
    accounts: store,
    linkStore,
    postman,
    throttle,
    setPassword,
    endAccess,
    issuer,
    audit,
    clock,
  } = deps;
  const links = createLinks({ store: linkStore, issuer, clock });
  const limits = createMailLimits({
    recipient: throttle(MAILS_BY_RECIPIENT),
    address: throttle(MAILS_BY_ADDRESS),
  });
  const { write } = linkStore;
  const tellOwner = createTellOwner({ postman, issuer });
  return {
    postman,
    limits,
    links,
    saveLinks: write,
    accountAddress: `${issuer}/account`,
    tellOwner,
    recovery: createRecovery({
      store,
      links,
      limits,
      postman,
      setPassword,
      signInThrottle: throttle(SIGN_IN_BY_ACCOUNT),
      endAccess,
      saveLink: write,
      tellPasswordChanged: tellOwner.passwordChanged,
      audit,
    }),
    emailAddress: createEmailAddress({ ...deps, store, write, links, limits }),
    invitations: createInvitations({ store: linkStore, links, postman, audit, clock }),
  };
}

/** For a mail beside what was done: the account is there, and its page offers the mail again. */
export function laterOnly(error: unknown): void {
  if (!(error instanceof TooManyAttempts || error instanceof Unavailable)) throw error;
}
