import Router from '@koa/router';
import type { Context } from 'koa';
import type { BrowserSessions } from '../authorization-server/browser-session.js';
import { PosternError } from '../platform/errors/errors.js';
import { readForm } from '../platform/web/body.js';
import type { Csrf } from '../platform/web/csrf.js';
import { returnAddress } from '../platform/web/return-to.js';
import type { ConnectQuestion } from './connect-pages.js';
import type { DoorEnd, LoginDoors, Upstreams } from './doors.js';
import { loginFailure } from './login-failure.js';
import { JUST_NOW_SECONDS, parameter, queryText, requireOffered, signInWay } from './page-routes.js';
import type { SignedIn } from './prove-again.js';
import type { UpstreamSessions } from './upstream-sessions.js';
import type { Upstream } from './upstream.js';

/** `/oauth/login/<app>/` and its callback, as Invenio's OAuthClient has them. */
export const LINKED_ACCOUNTS = '/account/settings/linkedaccounts/';

const BACK = { label: 'Linked accounts', href: LINKED_ACCOUNTS };

interface EndDependencies {
  readonly sessions: Pick<BrowserSessions, 'signIn'>;
  readonly upstreamSessions: Pick<UpstreamSessions, 'describe'>;
}

export function createLinkedEnd({ sessions, upstreamSessions }: EndDependencies): DoorEnd {
  return {
    async arrived(ctx, arrival) {
      const { purpose, returnTo } = arrival.transaction;
      // A new link changes nothing about who is signed in; one that was there is a sign-in once more.
      if (purpose !== 'link' || !arrival.linked) {
        await sessions.signIn(ctx, arrival.account, signInWay(upstreamSessions, arrival));
      }
      const news = purpose === 'link' && arrival.linked && returnTo === LINKED_ACCOUNTS;
      ctx.redirect(news ? `${LINKED_ACCOUNTS}?done=linked` : returnTo);
    },
    async failed(ctx, error, transaction) {
      const { fault } = error;
      if (transaction !== undefined && (fault === 'denied' || fault === 'refused')) {
        return ctx.redirect(`/?notice=login_${fault}`);
      }
      if (transaction?.purpose === 'link' && fault === 'linked_elsewhere') {
        return ctx.redirect(`${LINKED_ACCOUNTS}?error=elsewhere`);
      }
      // Somebody who is signed in needs no sign-in form.
      throw transaction?.purpose === 'link' ? loginFailure(error, { waysOn: [BACK] }) : loginFailure(error);
    },
  };
}

interface Dependencies {
  readonly upstreams: Upstreams;
  readonly doors: LoginDoors;
  readonly current: (ctx: Context) => Promise<SignedIn | undefined>;
  readonly connecting: ConnectQuestion;
  /** Our sign-in page. */
  readonly showSignIn: (ctx: Context, next: string) => void;
  /** `OAUTHCLIENT_AUTO_REDIRECT_TO_EXTERNAL_LOGIN`. */
  readonly autoRedirect: boolean;
  /** Other origins that `next` may lead to. */
  readonly origins: readonly string[];
  readonly csrf: Csrf;
}

/** Whether another site sent the browser here, as far as it says. */
export function isCrossSite(ctx: Context): boolean {
  const site = ctx.get('Sec-Fetch-Site');
  return site === 'cross-site' || site === 'same-site';
}

export function createLinkedRoutes(deps: Dependencies): Router {
  const { upstreams, doors, connecting, csrf } = deps;
  const router = new Router();
  const nextOf = (next: string): string =>
    returnAddress(next, { origins: deps.origins, foreign: 'cut', fallback: LINKED_ACCOUNTS });

  router.get('/oauth/login', (ctx) => {
    const visible = upstreams.visible();
    const [only] = visible;
    const next = queryText(ctx, 'next');
    const local = queryText(ctx, 'local') !== undefined || queryText(ctx, 'error') !== undefined;
    if (deps.autoRedirect && only !== undefined && visible.length === 1 && !local) {
      const query = next === undefined ? '' : `?${new URLSearchParams({ next })}`;
      return ctx.redirect(`/oauth/login/${only.id}/${query}`);
    }
    deps.showSignIn(ctx, returnAddress(next, { origins: [], foreign: 'cut', fallback: '/' }));
  });

  async function begin(ctx: Context, upstream: Upstream, next: string, accountId?: string): Promise<void> {
    await doors.begin(ctx, {
      door: 'linked',
      upstream,
      returnTo: nextOf(next),
      ...(accountId === undefined ? {} : { purpose: 'link' as const, accountId }),
      ...(queryText(ctx, 'fresh') === undefined ? {} : { maxAge: JUST_NOW_SECONDS }),
    });
  }

  const asked = (upstream: Upstream, next: string) => ({
    upstream,
    path: `/oauth/login/${upstream.id}/`,
    query: { next },
  });

  router.get('/oauth/login/:app/', async (ctx) => {
    const upstream = requireOffered(upstreams, parameter(ctx, 'app'));
    const current = await deps.current(ctx);
    const next = queryText(ctx, 'next') ?? LINKED_ACCOUNTS;
    if (current === undefined) return begin(ctx, upstream, next);
    if (!isCrossSite(ctx) && (await connecting.isNeedless(ctx, current, upstream)))
      return begin(ctx, upstream, next, current.account.id);
    await connecting.show(ctx, current, asked(upstream, next));
  });

  router.post('/oauth/login/:app/', async (ctx) => {
    const form = await readForm(ctx);
    csrf.require(ctx, form, LINKED_ACCOUNTS);
    const upstream = requireOffered(upstreams, parameter(ctx, 'app'));
    const current = await deps.current(ctx);
    const next = form.next ?? LINKED_ACCOUNTS;
    const settled = !current || (await connecting.settled(ctx, current, asked(upstream, next), form));
    if (settled) await begin(ctx, upstream, next, current?.account.id);
  });

  router.get('/oauth/authorized/:app/', async (ctx) => {
    if (upstreams.find(parameter(ctx, 'app')) === undefined) {
      throw new PosternError(404, 'not_found', 'There is no such way of signing in here.');
    }
    await doors.callback(ctx, 'linked');
  });

  return router;
}
