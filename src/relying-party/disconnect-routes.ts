import Router from '@koa/router';
import type { Context } from 'koa';
import type { RequestInfo } from '../platform/audit/audit.js';
import { type FieldFault, PosternError } from '../platform/errors/errors.js';
import { readForm } from '../platform/web/body.js';
import type { Csrf } from '../platform/web/csrf.js';
import type { RenderView } from '../platform/web/render-view.js';
import { seeOther } from '../platform/web/see-other.js';
import type { LinkedAccount, LinkedAccounts } from './linked-accounts.js';
import { LINKED_ACCOUNTS } from './linked-routes.js';
import { parameter } from './page-routes.js';
import type { ProveAgain, SignedIn } from './prove-again.js';

/** `/oauth/disconnect/<app>/`: GET asks, POST acts (the original acted on GET). */
interface Dependencies {
  readonly linkedAccounts: LinkedAccounts;
  readonly current: (ctx: Context) => Promise<SignedIn | undefined>;
  readonly proveAgain: ProveAgain;
  readonly csrf: Csrf;
  readonly renderView: RenderView;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

const pathOf = (app: string): string => `/oauth/disconnect/${encodeURIComponent(app)}/`;

export function createDisconnectRoutes(deps: Dependencies): Router {
  const { linkedAccounts, proveAgain, csrf, renderView, requestInfo } = deps;

  /** @throws {PosternError} 404, or 400 with the reason where it is the last way in */
  async function requireRemovable(accountId: string, app: string): Promise<LinkedAccount> {
    const found = (await linkedAccounts.list(accountId)).find(({ upstreamId }) => upstreamId === app);
    if (!found?.identity) throw new PosternError(404, 'not_found', 'This is not connected to your account.');
    if (!found.removable) {
      throw new PosternError(
        400,
        'last_way_in',
        'This is the only way you can sign in. Choose a password or connect another account first.',
      );
    }
    return found;
  }

  async function show(ctx: Context, current: SignedIn, faults: readonly FieldFault[] = []): Promise<void> {
    const app = parameter(ctx, 'app');
    const { account } = current;
    const found = await requireRemovable(account.id, app);
    renderView(
      ctx,
      'disconnect',
      {
        action: pathOf(app),
        title: found.title,
        username: account.username,
        ...(await proveAgain.asked(current, pathOf(app))),
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
      const info = requestInfo(ctx);
      const fault = await proveAgain.fault(current, form, info);
      if (fault) return show(ctx, current, [fault]);
      await linkedAccounts.disconnect(current.account.id, app, current.session, info);
      seeOther(ctx, `${LINKED_ACCOUNTS}?done=disconnected`);
    }),
  );
  return router;
}
