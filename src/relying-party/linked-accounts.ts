import type { Account } from '../accounts/account.js';
import type { DisconnectSince } from '../accounts/email-address.js';
import { type Links, linkEnded } from '../accounts/links.js';
import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { Step } from '../platform/database/database.js';
import { PosternError } from '../platform/errors/errors.js';
import type { Postman } from '../platform/mail/postman.js';
import type { FederatedIdentity, FederatedIdentityStore } from '../stores/federated-identity-store.js';
import type { UpstreamSessionStore } from '../stores/upstream-session-store.js';
import type { Upstreams } from './doors.js';
import type { EndBegunSession } from './end-begun-session.js';
import type { GroupRoles } from './group-roles.js';
import type { Handlers } from './handlers.js';
import { isConfigured, type Upstream } from './upstream.js';
import type { Vault } from './vault.js';

/** What is connected to an account, and how it ends. */
export interface LinkedAccounts {
  /** Every upstream one may connect, and what is connected though it is not offered any more; by title. */
  list(accountId: string): Promise<LinkedAccount[]>;
  /**
   * The person has just proven who they are, in the session of `keep`; the others that began with it end.
   * @throws {PosternError} 404 where it is not connected, 400 where it is the last way in
   */
  disconnect(
    accountId: string,
    upstreamId: string,
    keep: { readonly uid: string },
    info: RequestInfo,
  ): Promise<void>;
  /** For an account that its owner gets back: what somebody who was signed in connected, behind no guard. */
  readonly disconnectSince: DisconnectSince;
  /** Mails the owner of a new connection the link that undoes it, where there is a proven address. */
  tell(account: Account, link: { readonly identityId: string; readonly title: string }): Promise<void>;
  /** What the page of that link says. @throws {PageError} 410 */
  openUndo(token: string | undefined): Promise<{ readonly title: string }>;
  /** Takes the connection away, whatever else there is: the mailbox is a way in. Ends sessions and grants. */
  undo(token: string | undefined, info: RequestInfo): Promise<void>;
}

export interface LinkedAccount {
  readonly upstreamId: string;
  readonly title: string;
  readonly description?: string | undefined;
  readonly identity?: FederatedIdentity | undefined;
  /** It can be taken away without shutting the person out. */
  readonly removable: boolean;
  /** It can be connected: it is set up, and shown. */
  readonly offered: boolean;
}

interface Dependencies {
  readonly upstreams: Upstreams;
  readonly identities: FederatedIdentityStore;
  /** Whether the account has a password that does not end by itself. */
  readonly hasPassword: (accountId: string) => Promise<boolean>;
  readonly vault: Pick<Vault, 'forgetSteps'>;
  readonly handlers: Pick<Handlers, 'disconnect'>;
  readonly groupRoles: Pick<GroupRoles, 'forgetSteps'>;
  readonly links: Links;
  readonly saveLink: (steps: readonly Step[]) => Promise<boolean>;
  readonly postman: Postman;
  readonly sessions: Pick<UpstreamSessionStore, 'listOf'>;
  readonly endSession: EndBegunSession;
  readonly endAccess: (accountId: string) => Promise<unknown>;
  readonly audit: Audit;
  readonly clock: Clock;
}

/** Signing in through it works, for whoever is linked. */
const isWayIn = (upstream: Upstream): boolean =>
  isConfigured(upstream) && !upstream.linkOnly && !upstream.hide;

const LAST = 'This is the only way you can sign in. Choose a password or connect another account first.';

export function createLinkedAccounts(deps: Dependencies): LinkedAccounts {
  const { upstreams, identities, links, audit, clock } = deps;
  const waysIn = (): string[] =>
    upstreams
      .list()
      .filter(isWayIn)
      .map(({ id }) => id);

  async function list(accountId: string): Promise<LinkedAccount[]> {
    const [held, hasPassword] = await Promise.all([
      identities.listOf(accountId),
      deps.hasPassword(accountId),
    ]);
    const ways = new Set(waysIn());
    const of = (upstreamId: string) => held.find((one) => one.upstreamId === upstreamId);
    const isSpare = ({ id }: FederatedIdentity): boolean =>
      hasPassword || held.some((other) => other.id !== id && ways.has(other.upstreamId));
    const offered = upstreams.list().filter((one) => isConfigured(one) && !one.hide);
    const entry = (upstreamId: string, upstream: Upstream | undefined, isOffered: boolean): LinkedAccount => {
      const identity = of(upstreamId);
      return {
        upstreamId,
        title: upstream?.title ?? upstreamId,
        description: upstream?.description,
        identity,
        removable: identity !== undefined && isSpare(identity),
        offered: isOffered,
      };
    };
    const shown = new Set(offered.map(({ id }) => id));
    const others = held.map(({ upstreamId }) => upstreamId).filter((id) => !shown.has(id));
    return [
      ...offered.map((upstream) => entry(upstream.id, upstream, true)),
      ...[...new Set(others)].map((id) => entry(id, upstreams.find(id), false)),
    ].toSorted((a, b) => a.title.localeCompare(b.title, 'en') || a.upstreamId.localeCompare(b.upstreamId));
  }

  const ended = (event: string, accountId: string, upstreamId: string, info: RequestInfo): Step =>
    audit.step({
      event,
      outcome: 'success',
      accountId,
      actorId: accountId,
      ...info,
      detail: { upstream: upstreamId },
    });

  /** What hangs on a connection. */
  const forget = (accountId: string, upstreamId: string): Step[] => [
    ...deps.vault.forgetSteps(accountId, upstreamId),
    ...deps.groupRoles.forgetSteps(accountId, upstreamId),
  ];

  async function cleanUp({ accountId, upstreamId, subject, extra }: FederatedIdentity): Promise<void> {
    const upstream = upstreams.find(upstreamId);
    if (upstream) await deps.handlers.disconnect({ upstream, accountId, subject, extra });
  }

  /** Whoever came in through it may be the reason why it goes. */
  async function endBegun(
    { id, accountId }: FederatedIdentity,
    keep: { readonly uid: string },
    info: RequestInfo,
  ): Promise<void> {
    const all = await deps.sessions.listOf(accountId);
    const why = { by: 'disconnecting', actorId: accountId };
    for (const session of all) {
      if (session.identityId === id && session.sessionUid !== keep.uid)
        await deps.endSession(session, why, info);
    }
  }

  return {
    list,
    async disconnect(accountId, upstreamId, keep, info) {
      const found = (await list(accountId)).find((one) => one.upstreamId === upstreamId);
      if (!found?.identity)
        throw new PosternError(404, 'not_found', 'This is not connected to your account.');
      if (!found.removable) throw new PosternError(400, 'last_way_in', LAST);
      await cleanUp(found.identity);
      const done = await identities.write([
        ...identities.removeSpareSteps(found.identity.id, accountId, waysIn(), clock.now()),
        ...forget(accountId, upstreamId),
        ended('account.unlinked', accountId, upstreamId, info),
      ]);
      // Another way in was taken away at the same moment.
      if (!done) throw new PosternError(400, 'last_way_in', LAST);
      await endBegun(found.identity, keep, info);
    },
    async disconnectSince(accountId, since, info) {
      const added = (await identities.listOf(accountId)).filter(
        ({ linkedBy, createdAt }) => (linkedBy === 'link' || linkedBy === 'link_desk') && createdAt >= since,
      );
      for (const identity of added) await cleanUp(identity);
      return added.flatMap(({ id, upstreamId }) => [
        // One that is gone meanwhile must not keep the account from its owner.
        { query: identities.removeStep(id, accountId).query },
        ...forget(accountId, upstreamId),
        ended('account.link_undone', accountId, upstreamId, info),
      ]);
    },
    async tell({ id: accountId, username, email, emailVerified }, { identityId, title }) {
      if (email === undefined || !emailVerified || !deps.postman.available) return;
      const detail = { identityId, title };
      const { url, validFor, step } = links.issue('undo_link', { accountId, email, detail });
      await deps.saveLink([step]);
      const model = { link: url, validFor, username, title };
      deps.postman.post('account-linked', email, model, { accountId });
    },
    async openUndo(token) {
      const { detail } = await links.require('undo_link', token);
      return { title: detail.title ?? '' };
    },
    async undo(token = '', info) {
      const { accountId = '', detail } = await links.require('undo_link', token);
      const identity = await identities.findById(detail.identityId ?? '');
      if (identity === undefined || identity.accountId !== accountId) throw linkEnded('undo_link');
      await cleanUp(identity);
      // Before the link is used up, so that it can be tried again where this fails, and after.
      await deps.endAccess(accountId);
      const done = await identities.write([
        links.consumeStep('undo_link', token),
        identities.removeStep(identity.id, accountId),
        ...forget(accountId, identity.upstreamId),
        ended('account.link_undone', accountId, identity.upstreamId, info),
      ]);
      if (!done) throw linkEnded('undo_link');
      await deps.endAccess(accountId);
    },
  };
}
