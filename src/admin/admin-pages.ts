import type { Context } from 'koa';
import type { Account } from '../accounts/account.js';
import { ADMIN } from '../accounts/role-names.js';
import { PageError } from '../platform/errors/errors.js';
import type { PageOptions } from '../platform/web/render-view.js';

/** A page for administrators. */
export type AdminHandler = (ctx: Context, administrator: Account) => Promise<void>;

/** What every page under `/admin` goes through. */
export interface AdminPages {
  /** Only for administrators: who is nobody yet may sign in first, everybody else is refused (403). */
  only(handler: AdminHandler): (ctx: Context) => Promise<void>;
  head(administrator: Account): PageOptions;
}

export function createAdminPages(deps: {
  readonly currentAccount: (ctx: Context) => Promise<Account | undefined>;
}): AdminPages {
  return {
    only: (handler) => async (ctx) => {
      const account = await deps.currentAccount(ctx);
      ctx.set('Cache-Control', 'no-store');
      if (account === undefined) {
        ctx.status = 303;
        ctx.redirect(`/login?next=${encodeURIComponent(ctx.url)}`);
        return;
      }
      if (!account.roles.includes(ADMIN)) throw notForYou();
      await handler(ctx, account);
    },
    head: ({ username, roles }) => ({ account: { name: username, roles } }),
  };
}

const notForYou = (): PageError =>
  new PageError(403, 'forbidden', 'For administrators', 'Only administrators can see this page.', {
    waysOn: [{ label: 'Home page', href: '/' }],
  });
