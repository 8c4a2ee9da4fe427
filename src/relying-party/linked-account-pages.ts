import Router from '@koa/router';
import type { Context } from 'koa';
import { linkPath } from '../accounts/links.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import { readForm } from '../platform/web/body.js';
import type { Csrf } from '../platform/web/csrf.js';
import { displayText } from '../platform/web/display-text.js';
import { noticeText } from '../platform/web/notice-text.js';
import type { RenderView } from '../platform/web/render-view.js';
import { dayText } from '../platform/web/time-texts.js';
import type { LinkedAccount, LinkedAccounts } from './linked-accounts.js';
import { LINKED_ACCOUNTS } from './linked-routes.js';
import { queryText } from './page-routes.js';
import type { SignedIn } from './prove-again.js';

/** `/account/settings/linkedaccounts/`, and the page that the mail about a new connection leads to. */
interface Dependencies {
  readonly linkedAccounts: LinkedAccounts;
  readonly current: (ctx: Context) => Promise<SignedIn | undefined>;
  readonly now: () => number;
  readonly csrf: Csrf;
  readonly renderView: RenderView;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

const NOTICES: Readonly<Record<string, string>> = {
  linked: 'The account is connected. You can sign in with it from now on.',
  disconnected: 'The account has been disconnected.',
};
const WARNINGS: Readonly<Record<string, string>> = {
  elsewhere: 'External service is already linked to another account. Nothing was changed.',
};
const ONLY = 'This is the only way you can sign in: choose a password or connect another account first.';

function entryOf(one: LinkedAccount, now: number) {
  const { upstreamId, title, description, identity, removable, offered } = one;
  const app = encodeURIComponent(upstreamId);
  const undoable = identity?.undoUntil !== undefined && identity.undoUntil > now;
  const undo = undoable
    ? `. You can undo this from the mail about it until ${dayText(identity.undoUntil)}`
    : '';
  return {
    title,
    ...(description === undefined ? {} : { description }),
    linked: identity !== undefined,
    ...(identity ? { text: `As ${nameOf(identity)} since ${dayText(identity.createdAt)}${undo}` } : {}),
    ...(identity === undefined && offered ? { connectAction: `/oauth/login/${app}/` } : {}),
    ...(removable ? { disconnectHref: `/oauth/disconnect/${app}/` } : {}),
    disconnectLabel: undoable ? 'Undo the connection' : 'Disconnect',
    ...(identity && !removable ? { kept: ONLY } : {}),
  };
}

/** As the person knows themselves there. */
function nameOf({ attributes, subject }: NonNullable<LinkedAccount['identity']>): string {
  const said = ['display_name', 'full_name', 'username', 'email'].map((name) => attributes[name]);
  const name = said.find((one): one is string => typeof one === 'string' && one !== '');
  return displayText(name ?? '', displayText(subject));
}

export function createLinkedAccountPages(deps: Dependencies): Router {
  const { linkedAccounts, csrf, renderView } = deps;
  const router = new Router();

  router.get(LINKED_ACCOUNTS, async (ctx) => {
    const current = await deps.current(ctx);
    if (!current) {
      ctx.status = 303;
      return ctx.redirect(`/login?${new URLSearchParams({ next: LINKED_ACCOUNTS })}`);
    }
    const { account } = current;
    const accounts = await linkedAccounts.list(account.id);
    const notice = noticeText(NOTICES, ctx.query.done);
    const warning = noticeText(WARNINGS, ctx.query.error);
    renderView(
      ctx,
      'linked-accounts',
      {
        accounts: accounts.map((one) => entryOf(one, deps.now())),
        ...(notice ? { notice } : {}),
        ...(warning ? { warning } : {}),
      },
      { account: { name: account.username } },
    );
  });

  const undo = linkPath('undo_link');
  router.get(undo, async (ctx) => {
    const token = queryText(ctx, 'token') ?? '';
    const { title } = await linkedAccounts.openUndo(token);
    renderView(
      ctx,
      'confirm',
      {
        action: undo,
        hidden: { token },
        title: 'Undo the connection?',
        text: 'Nobody can sign in to your account with it any more, and everybody is signed out.',
        subject: title,
        label: 'Undo the connection',
      },
      { title: 'Undo the connection?' },
    );
  });
  router.post(undo, async (ctx) => {
    const form = await readForm(ctx);
    csrf.require(ctx, form, '/');
    await linkedAccounts.undo(form.token, deps.requestInfo(ctx));
    const title = 'The connection is undone';
    renderView(
      ctx,
      'told',
      {
        title,
        text: 'Everybody was signed out. If it was not you who made the connection, choose a new password now.',
        waysOn: [
          { label: 'Choose a new password', href: '/forgot-password' },
          { label: 'Sign in', href: '/login' },
        ],
      },
      { title },
    );
  });

  return router;
}
