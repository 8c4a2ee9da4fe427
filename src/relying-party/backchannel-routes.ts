import Router from '@koa/router';
import type { Context } from 'koa';
import type { RequestInfo } from '../platform/audit/audit.js';
import { OAuthError, PosternError, UpstreamError } from '../platform/errors/errors.js';
import { readForm } from '../platform/web/body.js';
import type { BackchannelLogout } from './backchannel-logout.js';
import type { Upstream } from './upstream.js';

/**
 * Where upstreams tell of sign-outs: `/oauth/backchannel_logout/<app>`, and `/external-logout`, which the OIDC
 * demo had for it and which reads from the token whose it is. No cookie counts here, only the
 * token's signature.
 */
interface Dependencies {
  readonly logout: BackchannelLogout;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

/** OIDC Back-Channel Logout §2.8. */
const refused = (message: string, error?: PosternError): OAuthError =>
  new OAuthError(400, 'invalid_request', message, {
    ...(error?.detail === undefined ? {} : { detail: error.detail }),
    cause: error,
  });

export function createBackchannelRoutes({ logout, requestInfo }: Dependencies): Router {
  async function readToken(ctx: Context): Promise<string> {
    let form: Awaited<ReturnType<typeof readForm>>;
    try {
      form = await readForm(ctx);
    } catch (error) {
      if (!(error instanceof PosternError)) throw error;
      throw refused('Send logout_token as application/x-www-form-urlencoded.', error);
    }
    if (!form.logout_token) throw refused('logout_token is missing.');
    return form.logout_token;
  }

  async function answer(ctx: Context, token: string, senders: readonly Upstream[]): Promise<void> {
    let last = refused('No upstream of this server is the issuer of this logout token.');
    for (const upstream of senders) {
      try {
        await logout.take(upstream, token, requestInfo(ctx));
        ctx.status = 200;
        ctx.body = '';
        return;
      } catch (error) {
        // Not to be asked for its keys: then the sender had better come again.
        if (!(error instanceof UpstreamError) || error.fault === 'unreachable') throw error;
        last = refused(error.message, error);
      }
    }
    throw last;
  }

  const router = new Router();
  router.use(async (ctx, next) => {
    ctx.set('Cache-Control', 'no-store');
    await next();
  });
  router.post('/oauth/backchannel_logout/:app', async (ctx) => {
    const upstream = logout.find(ctx.params.app ?? '');
    if (!upstream) return ctx.throw(404);
    await answer(ctx, await readToken(ctx), [upstream]);
  });
  router.post('/external-logout', async (ctx) => {
    const token = await readToken(ctx);
    await answer(ctx, token, logout.senders(token));
  });
  router.get('/external-logout', () => {
    throw refused('Send a logout_token by POST.');
  });
  return router;
}
