import Router from '@koa/router';
import type { Context } from 'koa';
import type { Account } from '../accounts/account.js';
import type { BrowserSession } from '../authorization-server/browser-session.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { InvalidInput, PosternError } from '../platform/errors/errors.js';
import { type Form, readForm } from '../platform/web/body.js';
import type { Csrf } from '../platform/web/csrf.js';
import type { RenderView } from '../platform/web/render-view.js';
import { dayText } from '../platform/web/time-texts.js';
import { type ApiKeys, MAX_DAYS } from './api-keys.js';
import { MintRefused } from './refused.js';

/** Whether whoever sits at a session has just shown who they are, and where they may. */
export interface Freshness {
  isFresh(session: BrowserSession): Promise<boolean>;
  againHref(session: BrowserSession, next: string): Promise<string>;
}

/** `/account/api-keys`: keys of one's own account, made and ended there. */
export interface ApiKeyPagesDeps {
  readonly currentSession: (ctx: Context) => Promise<BrowserSession | undefined>;
  /** Whoever sits at a session left open must not make a key that outlives it. */
  readonly fresh: () => Freshness;
  readonly findAccount: (id: string) => Promise<Account | undefined>;
  readonly apiKeys: ApiKeys;
  /** What the account's tokens may say. @throws {MintRefused} where it gets none */
  readonly permissionsOf: (accountId: string) => Promise<readonly string[]>;
  readonly csrf: Csrf;
  readonly renderView: RenderView;
  readonly requestInfo: (ctx: Context) => RequestInfo;
  readonly clock: Clock;
}

const PAGE = '/account/api-keys';
const CREATE = `${PAGE}/create`;
const DEFAULT_DAYS = '90';
const BOX = 'permission:';

interface Visitor {
  readonly account: Account;
  /** Where to sign in again, for who has not just done so. */
  readonly again?: string;
}

interface Shown {
  readonly secret?: string;
  readonly label?: string;
  readonly days?: string;
  readonly faults?: InvalidInput['faults'];
  readonly notice?: string;
}

export function createApiKeyPages(deps: ApiKeyPagesDeps): Router {
  const { csrf, renderView, requestInfo, clock, apiKeys } = deps;

  async function visitorOf(ctx: Context): Promise<Visitor | undefined> {
    const session = await deps.currentSession(ctx);
    const account = session && (await deps.findAccount(session.accountId));
    if (!session || !account || account.disabled) return undefined;
    const fresh = deps.fresh();
    if (await fresh.isFresh(session)) return { account };
    return { account, again: await fresh.againHref(session, PAGE) };
  }

  function toSignIn(ctx: Context, href = `/login?local=1&next=${encodeURIComponent(PAGE)}`): void {
    ctx.status = 303;
    ctx.redirect(href);
  }

  /** The permissions, or why there are none. */
  async function permissionsOf(accountId: string): Promise<{ all: readonly string[]; refused?: string }> {
    try {
      return { all: await deps.permissionsOf(accountId) };
    } catch (error) {
      if (error instanceof MintRefused) return { all: [], refused: error.message };
      throw error;
    }
  }

  async function show(ctx: Context, { account, again }: Visitor, shown: Shown = {}): Promise<void> {
    const { all, refused } = await permissionsOf(account.id);
    const keys = (await apiKeys.listOf(account.id)).map((key) => ({
      label: key.label,
      hint: key.hint,
      permissions: key.permissions.join(', '),
      until: `${key.expiresAt > clock.now() ? 'Good until' : 'Ended on'} ${dayText(key.expiresAt)}`,
      used: key.lastUsedAt === undefined ? 'Not used yet' : `Last used on ${dayText(key.lastUsedAt)}`,
      revokeAction: `${PAGE}/${key.id}/revoke`,
    }));
    const { secret, notice, faults = [], label = '', days = DEFAULT_DAYS } = shown;
    const permissions = all.map((name) => ({ name, field: BOX + name }));
    ctx.set('Cache-Control', 'no-store');
    renderView(
      ctx,
      'account-api-keys',
      {
        keys,
        ...(secret === undefined ? {} : { secret }),
        ...(notice === undefined ? {} : { notice }),
        ...(refused === undefined ? {} : { refused }),
        ...(refused === undefined && again !== undefined ? { signInHref: again } : {}),
        ...(refused === undefined && again === undefined
          ? { form: { action: CREATE, faults, label, days, maximumDays: MAX_DAYS, permissions } }
          : {}),
      },
      { account: { name: account.username }, status: faults.length > 0 ? 400 : 200 },
    );
  }

  async function create(ctx: Context, visitor: Visitor, form: Form): Promise<void> {
    const { account } = visitor;
    const { all, refused } = await permissionsOf(account.id);
    if (refused !== undefined) return show(ctx, visitor);
    const { label = '', days = '' } = form;
    try {
      const { secret } = await apiKeys.create(
        account.id,
        {
          label,
          days: /^\d{1,4}$/.test(days.trim()) ? Number(days) : Number.NaN,
          permissions: all.filter((name) => form[BOX + name] !== undefined),
          createdBy: account.id,
        },
        all,
        requestInfo(ctx),
      );
      await show(ctx, visitor, { secret });
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      await show(ctx, visitor, { label, days, faults: error.faults });
    }
  }

  const router = new Router();
  router.get(PAGE, async (ctx) => {
    const visitor = await visitorOf(ctx);
    if (!visitor) return toSignIn(ctx);
    await show(ctx, visitor, ctx.query.done === 'ended' ? { notice: 'The key has been ended.' } : {});
  });
  router.post(CREATE, async (ctx) => {
    const visitor = await visitorOf(ctx);
    if (!visitor) return toSignIn(ctx);
    const form = await readForm(ctx);
    csrf.require(ctx, form, PAGE);
    if (visitor.again !== undefined) return toSignIn(ctx, visitor.again);
    await create(ctx, visitor, form);
  });
  router.post(`${PAGE}/:id/revoke`, async (ctx) => {
    const visitor = await visitorOf(ctx);
    if (!visitor) return toSignIn(ctx);
    csrf.require(ctx, await readForm(ctx), PAGE);
    const { id } = visitor.account;
    const ended = await apiKeys.revoke(id, String(ctx.params.id), id, requestInfo(ctx));
    if (!ended) throw new PosternError(404, 'not_found', 'There is no such key among yours.');
    ctx.status = 303;
    ctx.redirect(`${PAGE}?done=ended`);
  });
  return router;
}
