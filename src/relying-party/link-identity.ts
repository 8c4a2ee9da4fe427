import type { Account } from '../accounts/account.js';
import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import { type Step, UniqueViolation } from '../platform/database/database.js';
import type { FederatedIdentityStore, LinkedBy } from '../stores/federated-identity-store.js';
import { type Arrivals, SHUT } from './arrivals.js';
import { linkedElsewhere, notAllowed, unknownLogin } from './failed-login.js';
import type { ProvenLogin } from './proven-login.js';
import type { Completed } from './relying-party.js';

/**
 * Ties an identity to an account that is there already. That the account is the person's own has been
 * proven before: by the session of this browser, or at the link desk.
 * @throws {UpstreamError} `linked_elsewhere`: nothing has changed then
 */
export type LinkIdentity = (
  login: ProvenLogin,
  accountId: string,
  how: { readonly by: LinkedBy; readonly answer?: Step },
  info: RequestInfo,
) => Promise<Completed>;

interface Dependencies {
  readonly findAccount: (id: string) => Promise<Account | undefined>;
  readonly identities: FederatedIdentityStore;
  readonly arrivals: Arrivals;
  /** Tells the account's owner, with a link that undoes it. */
  readonly tell: (account: Account, link: { identityId: string; title: string }) => Promise<void>;
  readonly audit: Audit;
}

export function createLinkIdentity(deps: Dependencies): LinkIdentity {
  const { identities, arrivals, audit } = deps;

  async function settled(
    login: ProvenLogin,
    accountId: string,
    info: RequestInfo,
  ): Promise<Completed | undefined> {
    const { issuer, subject } = login.proven.identity;
    const known = await identities.find(issuer, subject);
    if (known === undefined) return undefined;
    if (known.accountId !== accountId) throw linkedElsewhere(login.upstream.title);
    return arrivals.known(login, known, info);
  }

  return async (login, accountId, { by, answer }, info) => {
    const { upstream } = login;
    const account = await deps.findAccount(accountId);
    if (account === undefined || account.disabled) throw notAllowed(SHUT, `${upstream.id}: disabled`);
    if (account.deleteAt !== undefined && by === 'link_desk') {
      throw notAllowed(
        'That account is about to be deleted. Sign in to it in the usual way and keep it first.',
        `${upstream.id}: leaving`,
      );
    }
    const already = await settled(login, accountId, info);
    if (already) return already;
    const held = await identities.listOf(accountId);
    if (held.some(({ upstreamId }) => upstreamId === upstream.id)) {
      // Its tokens and groups are kept by account and upstream: two would overwrite one another.
      throw notAllowed(
        `That account is connected to another ${upstream.title} account already. Disconnect it first.`,
        `${upstream.id}: a second one`,
      );
    }
    const tie = await arrivals.tie(login, accountId, by);
    const event = audit.step({
      event: 'account.linked',
      outcome: 'success',
      accountId,
      actorId: accountId,
      ...info,
      detail: { upstream: upstream.id, by },
    });
    try {
      const guards = answer ? [answer] : [];
      if (!(await identities.write([...guards, ...tie.steps, event]))) throw unknownLogin('answered twice');
    } catch (error) {
      if (!(error instanceof UniqueViolation)) throw error;
      const elsewhere = await settled(login, accountId, info);
      if (elsewhere) return elsewhere;
      throw error;
    }
    await deps.tell(account, { identityId: tie.identityId, title: upstream.title });
    return arrivals.tied(login, tie, account, { created: false }, info);
  };
}
