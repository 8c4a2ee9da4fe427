import type { Account } from '../accounts/account.js';
import type { Authenticate } from '../accounts/authenticate.js';
import { type ByMail, laterOnly } from '../accounts/by-mail.js';
import type { Register } from '../accounts/register.js';
import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { SecretBox } from '../platform/crypto/secret-box.js';
import type { AccountStore } from '../stores/account-store.js';
import type { FederatedIdentityStore } from '../stores/federated-identity-store.js';
import type { LoginTransactionStore } from '../stores/login-transaction-store.js';
import type { UpstreamSessionStore } from '../stores/upstream-session-store.js';
import { createArrivals } from './arrivals.js';
import type { Connector } from './connector.js';
import type { Upstreams } from './doors.js';
import type { EndBegunSession } from './end-begun-session.js';
import { createFillName } from './fill-name.js';
import type { GroupRoles } from './group-roles.js';
import type { Handlers } from './handlers.js';
import { createKeepAccount, type KeepAccount } from './keep-account.js';
import { createLinkDesk, type LinkDesk } from './link-desk.js';
import { createLinkIdentity } from './link-identity.js';
import { createLinkedAccounts, type LinkedAccounts } from './linked-accounts.js';
import { createLoginTransactions, type LoginTransactions } from './login-transaction.js';
import { createRelyingParty } from './login.js';
import { createProvision } from './provision.js';
import type { RelyingParty } from './relying-party.js';
import { createUpstreamSignUp, type UpstreamSignUp } from './sign-up.js';
import { createUpstreamSessions, type UpstreamSessions } from './upstream-sessions.js';
import type { Upstream } from './upstream.js';
import type { Vault } from './vault.js';

/** Signing in through others: the login and all that may be asked on the way. */
export interface ByUpstream {
  readonly relyingParty: RelyingParty;
  readonly transactions: LoginTransactions;
  readonly signUp: UpstreamSignUp;
  readonly linkDesk: LinkDesk;
  readonly keepAccount: KeepAccount;
  readonly linkedAccounts: LinkedAccounts;
  readonly sessions: UpstreamSessions;
  /** What ends by itself, for the job that prunes. */
  readonly expiring: readonly { prune(before: number, limit: number): Promise<number> }[];
}

export interface ByUpstreamDeps {
  readonly upstreams: Upstreams;
  readonly connectorOf: (upstream: Upstream) => Connector;
  readonly handlers: Handlers;
  readonly vault: Pick<Vault, 'keep' | 'keepSteps' | 'forgetSteps'>;
  readonly groupRoles: Pick<GroupRoles, 'sync' | 'forgetSteps'>;
  readonly stores: {
    readonly accounts: AccountStore;
    readonly identities: FederatedIdentityStore;
    readonly transactions: LoginTransactionStore;
    readonly sessions: UpstreamSessionStore;
  };
  readonly register: Register['register'];
  readonly authenticate: Authenticate;
  readonly byMail: ByMail;
  readonly undoDeletion: (accountId: string, info: RequestInfo) => Promise<boolean>;
  readonly endAccess: (accountId: string) => Promise<unknown>;
  readonly endSession: EndBegunSession;
  readonly boxFor: (purpose: string) => SecretBox;
  /** Seconds. */
  readonly sessionTtl: number;
  readonly audit: Audit;
  readonly clock: Clock;
}

export function createByUpstream(deps: ByUpstreamDeps): ByUpstream {
  const { upstreams, connectorOf, handlers, vault, groupRoles, stores, byMail, audit, clock } = deps;
  const { accounts, identities } = stores;
  const { postman, limits, links, emailAddress } = byMail;
  const findAccount = async (id: string): Promise<Account | undefined> => accounts.findById(id);

  const transactions = createLoginTransactions({
    store: stores.transactions,
    box: deps.boxFor('login-transaction'),
    clock,
  });
  const arrivals = createArrivals({
    identities,
    findAccount,
    transactions,
    vault,
    handlers,
    groupRoles,
    fillName: createFillName({ store: accounts, audit, clock }),
    audit,
    clock,
  });
  const linkedAccounts = createLinkedAccounts({
    upstreams,
    identities,
    async hasPassword(id) {
      const password = (await accounts.findCredentials({ id }))?.password;
      return password !== undefined && password.expiresAt === undefined;
    },
    vault,
    handlers,
    groupRoles,
    links,
    saveLink: byMail.saveLinks,
    postman,
    sessions: stores.sessions,
    endSession: deps.endSession,
    endAccess: deps.endAccess,
    audit,
    clock,
  });
  const provision = createProvision({
    register: deps.register,
    accounts,
    identities,
    arrivals,
    transactions,
    async sendVerification(account, info) {
      if (postman.available) await emailAddress.sendVerification(account, info).catch(laterOnly);
    },
    sendWelcome(email) {
      if (!postman.available) return;
      const model = { link: byMail.accountAddress };
      postman.post('welcome', email, model);
    },
  });
  const linkIdentity = createLinkIdentity({
    findAccount,
    identities,
    arrivals,
    tell: linkedAccounts.tell,
    audit,
  });
  const linkDesk = createLinkDesk({
    transactions,
    upstreams,
    findAccount,
    identities,
    authenticate: deps.authenticate,
    linkIdentity,
    provision,
  });
  return {
    relyingParty: createRelyingParty({
      upstreams,
      connectorOf,
      transactions,
      identities,
      handlers,
      arrivals,
      provision,
      linkIdentity,
      linkDesk,
      audit,
    }),
    transactions,
    expiring: [stores.transactions, stores.sessions],
    linkDesk,
    linkedAccounts,
    signUp: createUpstreamSignUp({
      transactions,
      upstreams,
      handlers,
      accounts,
      provision,
      limits,
      mails: postman.available,
    }),
    keepAccount: createKeepAccount({
      transactions,
      upstreams,
      findAccount,
      identities,
      arrivals,
      undoDeletion: deps.undoDeletion,
    }),
    sessions: createUpstreamSessions({
      store: stores.sessions,
      box: deps.boxFor('upstream-session'),
      ttl: deps.sessionTtl,
      clock,
    }),
  };
}
