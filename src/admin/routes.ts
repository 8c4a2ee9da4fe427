/**
 * `/admin`: what only administrators see, to read. A section is one line in the list that
 * `app.ts` gives and a page behind `AdminPages.only`.
 */
import Router from '@koa/router';
import type { Context } from 'koa';
import type { Account } from '../accounts/account.js';
import { usernameKey } from '../accounts/usernames.js';
import type { AdminListModel, AdminSection } from '../platform/web/admin-views.js';
import type { RenderView } from '../platform/web/render-view.js';
import { momentText } from '../platform/web/time-texts.js';
import type { SeenUpstreamToken, TokenOverview } from '../relying-party/token-overview.js';
import type { AccountStore } from '../stores/account-store.js';
import type { FederatedIdentity, FederatedIdentityStore } from '../stores/federated-identity-store.js';
import type { AdminPages } from './admin-pages.js';

interface Dependencies {
  readonly pages: AdminPages;
  /** Beside those of this file. */
  readonly sections: readonly AdminSection[];
  readonly accounts: Pick<AccountStore, 'findById' | 'findByUsernameKey'>;
  readonly identities: Pick<FederatedIdentityStore, 'list' | 'listOf'>;
  readonly upstreamTokens: TokenOverview;
  readonly upstreamTitle: (id: string) => string;
  readonly renderView: RenderView;
}

const LINKED: AdminSection = {
  label: 'Linked accounts',
  href: '/admin/linked-accounts',
  hint: 'who signs in through which upstream',
};
const TOKENS: AdminSection = {
  label: 'Upstream tokens',
  href: '/admin/upstream-tokens',
  hint: 'what is kept of them, without the tokens',
};

const PAGE = 50;
const LONGEST = 200;

/** What a list was asked for. */
interface Asked {
  readonly account: Account | undefined;
  readonly typed: string;
  readonly unknown: boolean;
  readonly after: string | undefined;
}

/** PostgreSQL refuses a NUL even as a question. */
const one = (ctx: Context, name: string): string => {
  const value = ctx.query[name];
  return typeof value === 'string' && !value.includes('\0') ? value.slice(0, LONGEST).trim() : '';
};

const LINKED_BY: Readonly<Record<FederatedIdentity['linkedBy'], string>> = {
  sign_up: 'made the account',
  link: 'linked by its owner',
  link_desk: 'linked after a sign-in with the same address',
  cli: 'linked on the command line',
};

export function createAdminRoutes(deps: Dependencies): Router {
  const { pages, accounts, identities, renderView, upstreamTitle } = deps;

  async function askedOf(ctx: Context): Promise<Asked> {
    const typed = one(ctx, 'account');
    const after = one(ctx, 'after') || undefined;
    if (typed === '') return { account: undefined, typed: '', unknown: false, after };
    const account =
      (await accounts.findByUsernameKey(usernameKey(typed))) ?? (await accounts.findById(typed));
    return { account, typed, unknown: account === undefined, after };
  }

  function show(
    ctx: Context,
    administrator: Account,
    asked: Asked,
    list: Pick<AdminListModel, 'lead' | 'columns' | 'rows' | 'empty'> & {
      readonly section: AdminSection;
      readonly next?: string | undefined;
    },
  ): void {
    const { section, next, ...model } = list;
    const address = (after?: string) => {
      const query = new URLSearchParams({
        ...(asked.typed ? { account: asked.typed } : {}),
        ...(after ? { after } : {}),
      });
      return query.size > 0 ? `${section.href}?${query}` : section.href;
    };
    renderView(
      ctx,
      'admin-list',
      {
        ...model,
        heading: section.label,
        search: {
          action: section.href,
          value: asked.typed,
          ...(asked.unknown ? { fault: 'There is no such account.' } : {}),
        },
        ...(asked.after ? { firstHref: address() } : {}),
        ...(next ? { nextHref: address(next) } : {}),
      },
      { ...pages.head(administrator), title: section.label },
    );
  }

  async function linkedRow(identity: FederatedIdentity): Promise<string[]> {
    const account = await accounts.findById(identity.accountId);
    const { lastUsedAt } = identity;
    return [
      account?.username ?? identity.accountId,
      upstreamTitle(identity.upstreamId),
      `${identity.subject} at ${identity.issuer}`,
      `${LINKED_BY[identity.linkedBy]}, ${momentText(identity.createdAt)}`,
      lastUsedAt === undefined ? 'never' : momentText(lastUsedAt),
    ];
  }

  async function linkedAccounts(
    asked: Asked,
  ): Promise<{ rows: FederatedIdentity[]; next?: string | undefined }> {
    if (asked.unknown) return { rows: [] };
    // As many as one person has fit a page.
    if (asked.account) return { rows: await identities.listOf(asked.account.id) };
    const found = await identities.list({ after: asked.after, limit: PAGE + 1 });
    const rows = found.slice(0, PAGE);
    return { rows, next: found.length > PAGE ? rows.at(-1)?.id : undefined };
  }

  async function tokenPage(asked: Asked): Promise<{ rows: SeenUpstreamToken[]; next?: string | undefined }> {
    if (asked.unknown) return { rows: [] };
    const found = await deps.upstreamTokens.list({
      accountId: asked.account?.id,
      after: afterToken(asked.after),
      limit: PAGE + 1,
    });
    const rows = found.slice(0, PAGE);
    const last = rows.at(-1);
    return {
      rows,
      next: found.length > PAGE && last ? `${last.accountId} ${last.upstreamId}` : undefined,
    };
  }

  const tokenRow = (token: SeenUpstreamToken): string[] => [
    token.username ?? token.accountId,
    upstreamTitle(token.upstreamId),
    token.accessToken,
    token.refreshToken ?? 'none',
    stateOf(token),
    momentText(token.updatedAt),
  ];

  const router = new Router();
  router.get(
    '/admin',
    pages.only(async (ctx, administrator) =>
      renderView(ctx, 'admin', { sections: [LINKED, TOKENS, ...deps.sections] }, pages.head(administrator)),
    ),
  );
  router.get(
    LINKED.href,
    pages.only(async (ctx, administrator) => {
      const asked = await askedOf(ctx);
      const { rows, next } = await linkedAccounts(asked);
      show(ctx, administrator, asked, {
        section: LINKED,
        lead: 'Accounts here and who they are elsewhere. An identity is an issuer and a subject.',
        columns: ['Account', 'Upstream', 'Identity', 'Link', 'Last sign-in'],
        rows: await Promise.all(rows.map(linkedRow)),
        empty: 'Nobody has linked an account.',
        next,
      });
    }),
  );
  router.get(
    TOKENS.href,
    pages.only(async (ctx, administrator) => {
      const asked = await askedOf(ctx);
      const { rows, next } = await tokenPage(asked);
      show(ctx, administrator, asked, {
        section: TOKENS,
        lead: 'Tokens are kept sealed. Of each, its last four characters are shown, and no more.',
        columns: ['Account', 'Upstream', 'Access token', 'Refresh token', 'State', 'Kept since'],
        rows: rows.map(tokenRow),
        empty: 'No tokens are kept.',
        next,
      });
    }),
  );
  return router;
}

function afterToken(after: string | undefined) {
  const [accountId, upstreamId, ...rest] = after?.split(' ') ?? [];
  return accountId && upstreamId && rest.length === 0 ? { accountId, upstreamId } : undefined;
}

function stateOf({ deadAt, expiresAt }: SeenUpstreamToken): string {
  if (deadAt !== undefined) return `refused since ${momentText(deadAt)}: its owner must sign in there again`;
  return expiresAt === undefined ? 'does not expire' : `good until ${momentText(expiresAt)}`;
}
