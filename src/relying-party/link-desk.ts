import type { Account } from '../accounts/account.js';
import type { Authenticate } from '../accounts/authenticate.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import { TooManyAttempts } from '../platform/errors/errors.js';
import type { FederatedIdentityStore } from '../stores/federated-identity-store.js';
import type { Upstreams } from './doors.js';
import { unknownLogin } from './failed-login.js';
import type { LinkIdentity } from './link-identity.js';
import type { LoginTransactions, OpenQuestion } from './login-transaction.js';
import { type ProvenLogin, provenLogin } from './proven-login.js';
import { type Provision, requireProvision } from './provision.js';
import type { Completed } from './relying-party.js';
import { isConfigured, type Upstream } from './upstream.js';

/**
 * The link desk: a first sign-in has met an account with the same address. The person signs in
 * to that account once, with its password or through what is linked to it already, and the login goes on
 * from there, whatever door it came by. Nothing is merged without that, and nobody is kept out: a separate
 * account remains possible, which does not take the address.
 */
export interface LinkDesk {
  /** @throws {UpstreamError} `state` where the ticket opens nothing in this browser */
  open(ticket: string, browser: string | undefined): Promise<OpenDesk>;
  /**
   * The account's password. `wrong`: a word for the form.
   * @throws {TooManyAttempts}
   */
  withPassword(
    desk: OpenDesk,
    given: { readonly username: string; readonly password: string },
    info: RequestInfo,
  ): Promise<Completed | { readonly outcome: 'wrong'; readonly message: string }>;
  /** A login through another upstream has come back with the identity of this account. */
  provenBy(
    ticket: string,
    accountId: string | undefined,
    browser: string,
    info: RequestInfo,
  ): Promise<Completed>;
  /** @throws {UpstreamError} `not_allowed` where the upstream may not make accounts */
  separately(desk: OpenDesk, info: RequestInfo): Promise<Completed>;
}

export interface OpenDesk {
  readonly ticket: string;
  readonly question: OpenQuestion;
  readonly login: ProvenLogin;
  /** Those it may be, as far as they are still there. */
  readonly accounts: readonly Account[];
  /** Upstreams that prove one of them; all that there are, where the address itself is not proven. */
  readonly others: readonly Upstream[];
}

interface Dependencies {
  readonly transactions: LoginTransactions;
  readonly upstreams: Upstreams;
  readonly findAccount: (id: string) => Promise<Account | undefined>;
  readonly identities: Pick<FederatedIdentityStore, 'listOf'>;
  readonly authenticate: Authenticate;
  readonly linkIdentity: LinkIdentity;
  readonly provision: Pick<Provision, 'create'>;
}

export const WRONG = 'The username or the password is wrong, or they are those of another account.';
const FIRST = 'Sign in to that account in the usual way first: it asks you something. Then start again here.';

export function createLinkDesk(deps: Dependencies): LinkDesk {
  const { transactions, upstreams, identities } = deps;

  /** What is linked to an account is told to nobody who has not proven its address. */
  async function othersOf(question: OpenQuestion, accounts: readonly Account[]): Promise<Upstream[]> {
    const usable = (it: Upstream | undefined): it is Upstream =>
      it !== undefined &&
      isConfigured(it) &&
      !it.hide &&
      !it.linkOnly &&
      it.id !== question.transaction.upstreamId;
    if (!question.emailProven) return upstreams.visible().filter(usable);
    const linked = await Promise.all(accounts.map(({ id }) => identities.listOf(id)));
    const ids = new Set(linked.flat().map(({ upstreamId }) => upstreamId));
    return [...ids].map((id) => upstreams.find(id)).filter(usable);
  }

  async function open(ticket: string, browser: string | undefined): Promise<OpenDesk> {
    const question = await transactions.findQuestion(ticket, browser);
    if (question?.step !== 'link_desk' || browser === undefined) throw unknownLogin('no such desk');
    const upstream = upstreams.find(question.transaction.upstreamId);
    if (upstream === undefined || !isConfigured(upstream)) throw unknownLogin('the upstream is gone');
    const found = await Promise.all(question.accountIds.map((id) => deps.findAccount(id)));
    const accounts = found.filter((one): one is Account => one !== undefined && !one.disabled);
    return {
      ticket,
      question,
      login: provenLogin(upstream, question.transaction, question.proven, browser),
      accounts,
      others: await othersOf(question, accounts),
    };
  }

  const link = ({ login, ticket }: OpenDesk, accountId: string, info: RequestInfo): Promise<Completed> => {
    const answer = transactions.answerStep(ticket, login.browser);
    return deps.linkIdentity(login, accountId, { by: 'link_desk', answer }, info);
  };

  return {
    open,
    async withPassword(desk, given, info) {
      const result = await deps.authenticate(given, info);
      if (result.outcome === 'throttled') throw new TooManyAttempts(result.retryAfterSeconds);
      const { accountIds } = desk.question;
      // One answer for a wrong password and for another account's right one.
      if (result.outcome === 'wrong' || !accountIds.includes(result.account.id)) {
        return { outcome: 'wrong', message: WRONG };
      }
      if (result.outcome !== 'ok') return { outcome: 'wrong', message: FIRST };
      return link(desk, result.account.id, info);
    },
    async provenBy(ticket, accountId, browser, info) {
      const desk = await open(ticket, browser);
      if (accountId !== undefined && desk.question.accountIds.includes(accountId)) {
        return link(desk, accountId, info);
      }
      const { transaction } = desk.question;
      return { outcome: 'pending', step: 'link_desk', ticket, transaction, fault: 'another_account' };
    },
    separately(desk, info) {
      requireProvision(desk.login);
      const answer = transactions.answerStep(desk.ticket, desk.login.browser);
      // The address stays with the account that has it: two that both answer to it could each be
      // "recovered" in place of the other.
      return deps.provision.create(desk.login, { emailVerified: false, answer }, info);
    },
  };
}
