import Router from '@koa/router';
import type { Context } from 'koa';
import type { RequestInfo } from '../platform/audit/audit.js';
import { PosternError, type UpstreamError } from '../platform/errors/errors.js';
import type { DoorEnd, LoginDoors, Upstreams } from '../relying-party/doors.js';
import { approvedReturn, type Delivery, NOWHERE, type Returns, returnWith } from './return-address.js';
import type { SignIn } from './sign-in.js';

interface DoorDeps {
  readonly delivery: Delivery;
  readonly returns: Returns;
  readonly signIn: SignIn;
  readonly requestInfo: (ctx: Context) => RequestInfo;
  readonly log: { warn(fields: object, message: string): void };
}

function goTo(ctx: Context, address: string): void {
  ctx.set('Cache-Control', 'no-store');
  // The token in it must not be told to whatever the page loads next.
  ctx.set('Referrer-Policy', 'no-referrer');
  ctx.status = 302;
  ctx.redirect(address);
}

/** How the permission service answers a login: back to `next`, with a user token where all went well. */
export function createPermissionDoor(deps: DoorDeps): DoorEnd {
  const { delivery, returns, signIn, requestInfo, log } = deps;
  return {
    async arrived(ctx, arrival) {
      // Again: the list may have become shorter while the person was away.
      const approved = approvedReturn(arrival.transaction.returnTo, returns);
      let token: string | undefined;
      try {
        token = await signIn(arrival, requestInfo(ctx));
      } catch (err) {
        log.warn({ err }, 'a user token could not be made');
      }
      goTo(ctx, returnWith(approved, token, delivery));
    },
    async failed(ctx, error: UpstreamError, transaction) {
      log.warn({ error_code: error.code, detail: error.detail }, 'a login for the permission service failed');
      const approved = transaction ? approvedReturn(transaction.returnTo, returns) : NOWHERE;
      goTo(ctx, returnWith(approved, undefined, delivery));
    },
  };
}

const BEGIN = '/auth/begin';

/**
 * Where each upstream's login begins. The original answered the upstream's own address, with a state anybody
 * could bring back; ours is tied to the browser, which therefore has to come here first.
 */
export const createBeginnings =
  (deps: {
    readonly base: string;
    readonly returns: DoorDeps['returns'];
    readonly upstreams: Pick<Upstreams, 'visible'>;
  }) =>
  (next: string | undefined): Readonly<Record<string, { readonly url: string }>> =>
    Object.fromEntries(
      deps.upstreams.visible().map(({ id }) => {
        const url = new URL(BEGIN, deps.base);
        url.searchParams.set('provider', id);
        url.searchParams.set('next', approvedReturn(next, deps.returns));
        return [id, { url: url.href }];
      }),
    );

export function createPermissionDoorRoutes(deps: {
  readonly doors: () => LoginDoors;
  readonly upstreams: Pick<Upstreams, 'visible'>;
  readonly returns: DoorDeps['returns'];
}): Router {
  const router = new Router();
  router.get(BEGIN, async (ctx) => {
    const { provider, next } = ctx.query;
    const upstream = deps.upstreams.visible().find(({ id }) => id === provider);
    if (upstream === undefined) throw new PosternError(404, 'not_found', 'There is no such way to sign in.');
    const returnTo = approvedReturn(typeof next === 'string' ? next : undefined, deps.returns);
    await deps.doors().begin(ctx, { door: 'permission', upstream, returnTo, purpose: 'token' });
  });
  for (const path of ['/auth/oauth_callback', '/auth/oauth_callback/:app']) {
    router.get(path, (ctx) => deps.doors().callback(ctx, 'permission'));
  }
  return router;
}
