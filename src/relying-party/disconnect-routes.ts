import Router from '@koa/router';
import type { Context } from 'koa';
import type { Account } from '../accounts/account.js';
import type { BrowserSession } from '../authorization-server/browser-session.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import { type FieldFault, PosternError } from '../platform/errors/errors.js';
import { readForm } from '../platform/web/body.js';
import type { Csrf } from '../platform/web/csrf.js';
import type { RenderView } from '../platform/web/render-view.js';
import type { FreshSignIn } from './fresh-sign-in.js';
import type { LinkedAccount, LinkedAccounts } from './linked-accounts.js';
import { LINKED_ACCOUNTS } from './linked-routes.js';
import { parameter } from './page-routes.js';

/** `/oauth/disconnect/<app>/`: GET asks, POST acts (the original acted on GET). */
interface Dependencies {
  readonly linkedAccounts: LinkedAccounts;
  readonly current: (ctx: Context) => Promise<SignedIn | undefined>;
  readonly fresh: FreshSignIn;
  readonly hasPassword: (accountId: string) => Promise<boolean>;
  readonly csrf: Csrf;
  readonly renderView: RenderView;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

export interface SignedIn {
  readonly session: BrowserSession;
  readonly account: Account;
}

const pathOf = (app: string): string => `/oauth/disconnect/${encodeURIComponent(app)}/`;

export function createDisconnectRoutes(deps: Dependencies): Router {
  const { linkedAccounts, fresh, csrf, renderView, requestInfo } = deps;

  function seeOther(ctx: Context, path: string): void {
    ctx.status = 303;
    ctx.redirect(path);
  }

  /** @throws {PosternError} 404, or 400 with the reason where it is the last way in */
  async function requireRemovable(accountId: string, app: string): Promise<[LinkedAccount, LinkedAccount[]]> {
    const all = await linkedAccounts.list(accountId);
    const found = all.find(({ upstreamId }) => upstreamId === app);
    if (!found?.identity) throw new PosternError(404, 'not_found', 'This is not connected to your account.');
    if (!found.removable) {
      throw new PosternError(
        400,
        'last_way_in',
        'This is the only way you can sign in. Choose a password or connect another account first.',
      );
    }
    return [found, all];
  }

  async function show(
    ctx: Context,
    { session, account }: SignedIn,
    faults: readonly FieldFault[] = [],
  ): Promise<void> {
    const app = parameter(ctx, 'app');
    const [found, all] = await requireRemovable(account.id, app);
    const isFresh = await fresh.isFresh(session);
    const askPassword = !isFresh && (await deps.hasPassword(account.id));
    // Whoever has no password proves it upstream, with whatever is connected.
    const prover = all.find(({ identity, offered }) => identity !== undefined && offered);
    const again = !isFresh && !askPassword && prover ? { again: againAt(prover, app) } : {};
    renderView(
      ctx,
      'disconnect',
      {
        action: pathOf(app),
        title: found.title,
        username: account.username,
        askPassword,
        ...again,
        stayHref: LINKED_ACCOUNTS,
        faults,
      },
      { status: faults.length > 0 ? 400 : 200, account: { name: account.username } },
    );
  }

  const own =
    (handler: (ctx: Context, current: SignedIn) => Promise<void>) =>
    async (ctx: Context): Promise<void> => {
      const current = await deps.current(ctx);
      if (current) return handler(ctx, current);
      seeOther(ctx, `/login?${new URLSearchParams({ next: pathOf(parameter(ctx, 'app')) })}`);
    };

  const router = new Router();
  router.get('/oauth/disconnect/:app/', own(show));
  router.post(
    '/oauth/disconnect/:app/',
    own(async (ctx, current) => {
      const form = await readForm(ctx);
      const app = parameter(ctx, 'app');
      csrf.require(ctx, form, pathOf(app));
      const { session, account } = current;
      const info = requestInfo(ctx);
      if (!(await fresh.isFresh(session))) {
        const typed = form.password ?? '';
        const proven = typed !== '' && (await fresh.provesPassword(account, typed, info));
        if (!proven)
          return show(ctx, current, [{ field: 'password', message: 'This is not your password.' }]);
      }
      await linkedAccounts.disconnect(account.id, app, info);
      seeOther(ctx, `${LINKED_ACCOUNTS}?done=disconnected`);
    }),
  );
  return router;
}

const againAt = ({ upstreamId, title }: LinkedAccount, app: string) => ({
  label: title,
  href: `/oauth/login/${upstreamId}/?${new URLSearchParams({ fresh: '1', next: pathOf(app) })}`,
});
