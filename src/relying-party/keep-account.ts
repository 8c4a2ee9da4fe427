import type { Account } from '../accounts/account.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import type { FederatedIdentityStore } from '../stores/federated-identity-store.js';
import { type Arrivals, SHUT } from './arrivals.js';
import type { Upstreams } from './doors.js';
import { notAllowed, unknownLogin } from './failed-login.js';
import type { LoginTransactions } from './login-transaction.js';
import { type ProvenLogin, provenLogin } from './proven-login.js';
import type { Completed } from './relying-party.js';
import { isConfigured } from './upstream.js';

/** A sign-in to an account that is about to be deleted opens nothing but the choice to keep it. */
export interface KeepAccount {
  /** @throws {UpstreamError} `state` where the ticket opens nothing in this browser */
  open(
    ticket: string,
    browser: string | undefined,
  ): Promise<{ readonly login: ProvenLogin; readonly account: Account }>;
  /** Takes the deletion back, once, and goes on. */
  keep(ticket: string, browser: string | undefined, info: RequestInfo): Promise<Completed>;
}

interface Dependencies {
  readonly transactions: LoginTransactions;
  readonly upstreams: Pick<Upstreams, 'find'>;
  readonly findAccount: (id: string) => Promise<Account | undefined>;
  readonly identities: Pick<FederatedIdentityStore, 'find'>;
  readonly arrivals: Pick<Arrivals, 'known'>;
  /** `Leaving.undo`. */
  readonly undoDeletion: (accountId: string, info: RequestInfo) => Promise<boolean>;
}

export function createKeepAccount(deps: Dependencies): KeepAccount {
  const { transactions } = deps;

  async function read(way: 'findQuestion' | 'takeQuestion', ticket: string, browser: string | undefined) {
    const question = browser === undefined ? undefined : await transactions[way](ticket, browser);
    const upstream = question && deps.upstreams.find(question.transaction.upstreamId);
    const account = question && (await deps.findAccount(question.accountIds[0] ?? ''));
    if (question?.step !== 'keep_account' || !upstream || !isConfigured(upstream) || !account) {
      throw unknownLogin('no such question');
    }
    if (account.disabled) throw notAllowed(SHUT, `${upstream.id}: disabled`);
    return { login: provenLogin(upstream, question.transaction, question.proven, browser ?? ''), account };
  }

  return {
    open: (ticket, browser) => read('findQuestion', ticket, browser),
    async keep(ticket, browser, info) {
      // Looked at first: a ticket of another question is not used up here.
      await read('findQuestion', ticket, browser);
      const { login, account } = await read('takeQuestion', ticket, browser);
      const { issuer, subject } = login.proven.identity;
      const identity = await deps.identities.find(issuer, subject);
      if (identity?.accountId !== account.id) throw unknownLogin('disconnected meanwhile');
      await deps.undoDeletion(account.id, info);
      return deps.arrivals.known(login, identity, info);
    },
  };
}
