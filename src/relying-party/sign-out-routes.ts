import Router from '@koa/router';
import type { Context } from 'koa';
import type { BrowserSession, BrowserSessions } from '../authorization-server/browser-session.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import { readForm } from '../platform/web/body.js';
import type { Csrf } from '../platform/web/csrf.js';
import type { RenderView } from '../platform/web/render-view.js';
import { isCrossSite } from './linked-routes.js';
import type { UpstreamGoodbye, UpstreamSignOut } from './upstream-sign-out.js';

/** `/oauth/logout`: signs out here, then sends the browser where its upstream signs out. */
interface Dependencies {
  readonly issuer: string;
  readonly sessions: Pick<BrowserSessions, 'current' | 'signOut'>;
  readonly upstreamSignOut: UpstreamSignOut;
  readonly accountName: (accountId: string) => Promise<string | undefined>;
  readonly signedOut: (session: BrowserSession, info: RequestInfo) => Promise<void>;
  readonly csrf: Csrf;
  readonly renderView: RenderView;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

export interface SignOut {
  readonly router: Router;
  /** Ends the session of this browser; what is to follow upstream. */
  end(ctx: Context, style: 'return' | 'plain'): Promise<UpstreamGoodbye | undefined>;
  /** Where that would lead, for a page's policy. */
  targets(ctx: Context): Promise<string[]>;
}

export function createSignOut(deps: Dependencies): SignOut {
  const { sessions, upstreamSignOut, csrf, renderView } = deps;

  const goodbyeOf = (session: BrowserSession, style: 'return' | 'plain') =>
    upstreamSignOut.before(session, `${deps.issuer}/`, style);

  async function end(ctx: Context, style: 'return' | 'plain'): Promise<UpstreamGoodbye | undefined> {
    const session = await sessions.current(ctx);
    const goodbye = session && (await goodbyeOf(session, style));
    await sessions.signOut(ctx);
    if (session) {
      await upstreamSignOut.after(session);
      await deps.signedOut(session, deps.requestInfo(ctx));
    }
    return goodbye;
  }

  async function leave(ctx: Context): Promise<void> {
    const goodbye = await end(ctx, 'plain');
    ctx.redirect(goodbye?.address ?? '/');
  }

  const router = new Router();
  router.get('/oauth/logout', async (ctx) => {
    const session = await sessions.current(ctx);
    if (!session || !isCrossSite(ctx)) return leave(ctx);
    // Followed from another site: asked for, not done.
    const name = await deps.accountName(session.accountId);
    const goodbye = await goodbyeOf(session, 'plain');
    const model = { action: '/oauth/logout', stayHref: '/', ...(name ? { accountName: name } : {}) };
    renderView(ctx, 'logout', model, { formTargets: goodbye?.address ? [goodbye.address] : [] });
  });
  router.post('/oauth/logout', async (ctx) => {
    const form = await readForm(ctx);
    csrf.require(ctx, form);
    if (form.logout === 'yes') await leave(ctx);
    else ctx.redirect('/');
    if (ctx.status === 302) ctx.status = 303;
  });
  return {
    router,
    end,
    async targets(ctx) {
      const session = await sessions.current(ctx);
      const goodbye = session && (await goodbyeOf(session, 'return'));
      return goodbye?.address ? [goodbye.address] : [];
    },
  };
}
