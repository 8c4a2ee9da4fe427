import Router from '@koa/router';
import type { Context } from 'koa';
import type { BrowserSessions, SignInWay } from '../authorization-server/browser-session.js';
import type { Interactions } from '../authorization-server/interactions.js';
import { PosternError } from '../platform/errors/errors.js';
import { localPath } from '../platform/web/return-to.js';
import { seeOther } from '../platform/web/see-other.js';
import type { UpstreamLink } from '../platform/web/upstream-views.js';
import type { AccountStore } from '../stores/account-store.js';
import type { DoorEnd, LoginDoors, Upstreams } from './doors.js';
import { unknownLogin } from './failed-login.js';
import { LOCAL_FORM, loginFailure } from './login-failure.js';
import type { LoginTransactions } from './login-transaction.js';
import type { Arrival } from './relying-party.js';
import type { UpstreamSessions } from './upstream-sessions.js';
import { isConfigured, type Upstream } from './upstream.js';

/**
 * The buttons on our own sign-in and sign-up pages, and on those of a pending request. A pending request is
 * finished by a page of its own, since its cookies go to no other path.
 */
interface EndDependencies {
  readonly sessions: Pick<BrowserSessions, 'signIn'>;
  readonly upstreamSessions: Pick<UpstreamSessions, 'describe'>;
  readonly transactions: Pick<LoginTransactions, 'store'>;
  readonly browserOf: (ctx: Context) => string | undefined;
}

/** How a sign-in that came from an upstream is told to the library; `fed` is for want of a word in RFC 8176. */
export const signInWay = (sessions: Pick<UpstreamSessions, 'describe'>, arrival: Arrival): SignInWay => ({
  amr: ['fed'],
  upstream: sessions.describe(arrival),
  authTime: arrival.provedAt,
  transient: !arrival.upstream.remember,
});

/** Seconds: a sign-in upstream that is asked for once more must have been made just now. */
export const JUST_NOW_SECONDS = 300;

/** The page of a pending request. */
export const interactionPath = (uid: string): string => `/interaction/${encodeURIComponent(uid)}`;

export function createPageEnd(deps: EndDependencies): DoorEnd {
  async function toInteraction(ctx: Context, uid: string, arrival: Arrival): Promise<void> {
    const stored = {
      accountId: arrival.account.id,
      accessEpoch: arrival.account.accessEpoch,
      interactionUid: uid,
      way: signInWay(deps.upstreamSessions, arrival),
    };
    const { transaction } = arrival;
    const ticket = await deps.transactions.store(stored, { browser: deps.browserOf(ctx) ?? '', transaction });
    seeOther(ctx, `${interactionPath(uid)}/upstream?${new URLSearchParams({ ticket })}`);
  }

  return {
    async arrived(ctx, arrival) {
      const { interactionUid, returnTo } = arrival.transaction;
      if (interactionUid !== undefined) return toInteraction(ctx, interactionUid, arrival);
      await deps.sessions.signIn(ctx, arrival.account, signInWay(deps.upstreamSessions, arrival));
      seeOther(ctx, localPath(returnTo));
    },
    async failed(ctx, error, transaction) {
      if (transaction?.interactionUid !== undefined) {
        const back = { label: 'Back to the sign-in page', href: interactionPath(transaction.interactionUid) };
        throw loginFailure(error, { waysOn: [back] });
      }
      if (error.fault !== 'denied' || transaction === undefined) throw loginFailure(error);
      const query = new URLSearchParams({ error: 'denied', next: localPath(transaction.returnTo) });
      seeOther(ctx, `/login?${query}`);
    },
  };
}

interface Dependencies {
  readonly upstreams: Upstreams;
  readonly doors: LoginDoors;
  readonly transactions: Pick<LoginTransactions, 'takeArrival'>;
  readonly interactions: Pick<Interactions, 'get' | 'login'>;
  readonly accounts: Pick<AccountStore, 'findById'>;
}

/** @throws {PosternError} 404 for what is not offered */
export function requireOffered(upstreams: Upstreams, id: string): Upstream {
  const upstream = upstreams.find(id);
  if (upstream !== undefined && !upstream.hide && isConfigured(upstream)) return upstream;
  throw new PosternError(404, 'not_found', 'There is no such way of signing in here.');
}

export const parameter = (ctx: Context, name: string): string =>
  String((ctx as Context & { params: Record<string, string | undefined> }).params[name] ?? '');

export const queryText = (ctx: Context, name: string): string | undefined => {
  const value = ctx.query[name];
  return typeof value === 'string' ? value : undefined;
};

const linkTo = ({ title }: Upstream, href: string): UpstreamLink => ({ label: title, href });

/** The buttons of our own pages. */
export const ownLinks = (upstreams: Upstreams, next: string): UpstreamLink[] =>
  upstreams.visible().map((one) => linkTo(one, `/login/upstream/${one.id}?${new URLSearchParams({ next })}`));

/** The buttons of a pending request. */
export const interactionLinks = (upstreams: Upstreams, uid: string): UpstreamLink[] =>
  upstreams.visible().map((one) => linkTo(one, `${interactionPath(uid)}/upstream/${one.id}`));

export function createPageRoutes(deps: Dependencies): Router {
  const { upstreams, doors, transactions, interactions } = deps;
  const router = new Router();

  router.get('/login/upstream/:app', async (ctx) => {
    const upstream = requireOffered(upstreams, parameter(ctx, 'app'));
    await doors.begin(ctx, { door: 'page', upstream, returnTo: localPath(queryText(ctx, 'next')) });
  });

  router.get('/interaction/:uid/upstream/:app', async (ctx) => {
    const { uid, redirectUri, reasons } = await interactions.get(ctx, parameter(ctx, 'uid'));
    const upstream = requireOffered(upstreams, parameter(ctx, 'app'));
    // The application wants a sign-in made now: one that is open there will not do either.
    const anew = reasons.some((reason) => reason === 'login_prompt' || reason === 'max_age');
    await doors.begin(ctx, {
      door: 'page',
      upstream,
      // Where the browser goes in the end: the pages of open questions must let their forms lead there.
      returnTo: redirectUri ?? '/',
      interactionUid: uid,
      ...(anew ? { maxAge: JUST_NOW_SECONDS } : {}),
    });
  });

  router.get('/interaction/:uid/upstream', async (ctx) => {
    // Looked at first: an expired request must not use up the sign-in without a word.
    const { uid } = await interactions.get(ctx, parameter(ctx, 'uid'));
    const arrival = await transactions.takeArrival(queryText(ctx, 'ticket') ?? '', doors.browserOf(ctx));
    const account = arrival && (await deps.accounts.findById(arrival.accountId));
    if (arrival?.interactionUid !== uid || account?.accessEpoch !== arrival.accessEpoch) {
      const back = { label: 'Back to the sign-in page', href: interactionPath(uid) };
      throw loginFailure(unknownLogin('no arrival for this request'), { waysOn: [back, LOCAL_FORM] });
    }
    seeOther(ctx, await interactions.login(ctx, account, arrival.way));
  });

  return router;
}
