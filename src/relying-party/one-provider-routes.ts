import Router from '@koa/router';
import type { Context } from 'koa';
import type { BrowserSessions } from '../authorization-server/browser-session.js';
import { localPath } from '../platform/web/return-to.js';
import type { DoorEnd, LoginDoors } from './doors.js';
import { loginFailure } from './login-failure.js';
import { queryText, signInWay } from './page-routes.js';
import { isConfigured, type Upstream } from './upstream.js';
import type { UpstreamSessions } from './upstream-sessions.js';

/** The door of the OIDC demo: with `CLIENT_ID` and `SERVER_METADATA_URL`, `/login` leads to that provider. */
interface EndDependencies {
  readonly sessions: Pick<BrowserSessions, 'signIn'>;
  readonly upstreamSessions: Pick<UpstreamSessions, 'describe'>;
}

export const createOneProviderEnd = ({ sessions, upstreamSessions }: EndDependencies): DoorEnd => ({
  async arrived(ctx, arrival) {
    await sessions.signIn(ctx, arrival.account, signInWay(upstreamSessions, arrival));
    ctx.redirect(localPath(arrival.transaction.returnTo));
  },
  async failed(_ctx, error) {
    throw loginFailure(error, { stateStatus: 400 });
  },
});

export interface OneProvider {
  readonly router: Router;
  /** Sends `GET /login` upstream where there is a provider and nobody asked for the local form. */
  begin(ctx: Context): Promise<boolean>;
}

export function createOneProvider(deps: {
  readonly provider: () => Upstream | undefined;
  readonly doors: LoginDoors;
}): OneProvider {
  const router = new Router();
  router.get('/login/authorize', (ctx) => deps.doors.callback(ctx, 'oidc'));
  return {
    router,
    async begin(ctx) {
      const upstream = deps.provider();
      if (upstream === undefined || !isConfigured(upstream)) return false;
      if (ctx.query.local !== undefined || ctx.query.error !== undefined) return false;
      const returnTo = localPath(queryText(ctx, 'next'));
      await deps.doors.begin(ctx, { door: 'oidc', upstream, returnTo });
      return true;
    },
  };
}
