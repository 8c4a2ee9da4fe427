import type { Account } from '../accounts/account.js';
import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { newId } from '../platform/crypto/ids.js';
import type { Step } from '../platform/database/database.js';
import type {
  FederatedIdentity,
  FederatedIdentityStore,
  LinkedBy,
} from '../stores/federated-identity-store.js';
import { notAllowed, unknownLogin } from './failed-login.js';
import type { FillName } from './fill-name.js';
import type { GroupRoles } from './group-roles.js';
import type { Handlers } from './handlers.js';
import type { LoginTransactions } from './login-transaction.js';
import { profileOf } from './profile-of.js';
import type { ProvenLogin } from './proven-login.js';
import type { Arrival, Completed } from './relying-party.js';
import type { Vault } from './vault.js';

/** The end of every login: the identity has its account, and what hangs on it is brought up to date. */
export interface Arrivals {
  /**
   * Somebody who is known here.
   * @throws {UpstreamError} `not_allowed` where the account is shut, `state` where the identity is not its any more
   */
  known(login: ProvenLogin, identity: FederatedIdentity, info: RequestInfo): Promise<Completed>;
  /** The row that ties the identity to an account, and its tokens: steps of the unit that makes the tie. */
  tie(login: ProvenLogin, accountId: string, linkedBy: LinkedBy): Promise<Tie>;
  /** Once that unit is written. */
  tied(
    login: ProvenLogin,
    tie: Tie,
    account: Account,
    made: { readonly created: boolean },
    info: RequestInfo,
  ): Promise<Completed>;
}

export interface Tie {
  readonly identityId: string;
  readonly accountId: string;
  readonly steps: readonly Step[];
}

/** For how long a link can be undone by the mail that told of it. */
const UNDO_DAYS = 30;
const DAY_MS = 24 * 60 * 60_000;

interface Dependencies {
  readonly identities: FederatedIdentityStore;
  readonly findAccount: (id: string) => Promise<Account | undefined>;
  readonly transactions: Pick<LoginTransactions, 'ask'>;
  readonly vault: Pick<Vault, 'keep' | 'keepSteps'>;
  readonly handlers: Handlers;
  readonly groupRoles: Pick<GroupRoles, 'sync'>;
  readonly fillName: FillName;
  readonly audit: Audit;
  readonly clock: Clock;
}

export const SHUT = 'This account has been disabled. Ask the people who run this server.';

export function createArrivals(deps: Dependencies): Arrivals {
  const { identities, vault, handlers, audit, clock } = deps;

  async function arrive(
    login: ProvenLogin,
    identityId: string,
    account: Account,
    how: { created: boolean; linked: boolean },
    info: RequestInfo,
  ): Promise<Completed> {
    const { upstream, transaction, proven } = login;
    const event = { ...login.event, accountId: account.id };
    await deps.groupRoles.sync(account.id, upstream, proven.identity, await handlers.groups(event));
    if (!how.created) {
      const { displayName } = profileOf(proven.identity);
      await deps.fillName(account, { upstreamId: upstream.id, displayName }, info);
    }
    await audit.record({
      event: 'account.sign_in',
      outcome: 'success',
      accountId: account.id,
      actorId: account.id,
      ...info,
      detail: { method: 'upstream', upstream: upstream.id, door: transaction.door },
    });
    // Groups and name may have changed what the account is, but not as of when somebody proved to be its owner.
    const fresh = (await deps.findAccount(account.id)) ?? account;
    const { sid, tokens, identity, provedAt } = proven;
    const { idToken } = tokens;
    const arrival: Arrival = {
      account: { ...fresh, accessEpoch: account.accessEpoch },
      upstream,
      identity,
      identityId,
      transaction,
      ...how,
      provedAt,
      sid,
      idToken,
    };
    return { outcome: 'arrived', arrival };
  }

  return {
    async known(login, identity, info) {
      const { upstream, transaction, proven, browser } = login;
      const account = await deps.findAccount(identity.accountId);
      if (account === undefined || account.disabled) throw notAllowed(SHUT, `${upstream.id}: disabled`);
      if (account.deleteAt !== undefined && transaction.purpose !== 'link') {
        const question = {
          step: 'keep_account',
          transaction,
          proven,
          accountIds: [account.id],
          emailProven: false,
        } as const;
        const ticket = await deps.transactions.ask(question, browser);
        return { outcome: 'pending', step: 'keep_account', ticket, transaction };
      }
      const at = clock.now();
      const { attributes } = proven.identity;
      const touch = identities.touchStep(identity.id, account.id, {
        upstreamId: upstream.id,
        attributes,
        at,
      });
      const kept = await vault.keep(account.id, upstream.id, proven.tokens, [touch]);
      if (!kept) throw unknownLogin('disconnected meanwhile');
      return arrive(login, identity.id, account, { created: false, linked: false }, info);
    },
    async tie(login, accountId, linkedBy) {
      const { upstream, proven } = login;
      const { issuer, subject, attributes } = proven.identity;
      const at = clock.now();
      const extra = await handlers.setup({ ...login.event, accountId });
      const identity: FederatedIdentity = {
        id: newId(),
        accountId,
        issuer,
        subject,
        upstreamId: upstream.id,
        attributes,
        extra,
        linkedBy,
        undoUntil: linkedBy === 'sign_up' ? undefined : at + UNDO_DAYS * DAY_MS,
        createdAt: at,
        updatedAt: at,
        lastUsedAt: at,
      };
      const steps = [
        identities.insertStep(identity),
        ...vault.keepSteps(accountId, upstream.id, proven.tokens),
      ];
      return { identityId: identity.id, accountId, steps };
    },
    async tied(login, tie, account, { created }, info) {
      await handlers.committed({ ...login.event, accountId: tie.accountId });
      return arrive(login, tie.identityId, account, { created, linked: true }, info);
    },
  };
}
