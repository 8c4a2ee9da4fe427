import type { Context, Middleware } from 'koa';
import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { sameText } from '../platform/crypto/ids.js';
import type { OriginRule } from '../platform/web/origin.js';
import { ROUTES } from './configuration.js';

/**
 * The library's own forms (device, sign-out) carry a token of its session. They get our rule about foreign
 * pages besides, and a form with the wrong token is told apart from other faults, so that it is a 403 as
 * everywhere else.
 */
const FORMS: ReadonlySet<string> = new Set([ROUTES.code_verification, `${ROUTES.end_session}/confirm`]);

interface Dependencies {
  readonly origin: OriginRule;
  readonly current: () => Provider;
}

export function guardLibraryForms({ origin, current }: Dependencies): Middleware {
  return async (ctx, next) => {
    if (ctx.method !== 'POST' || !FORMS.has(ctx.path)) return next();
    origin.require(ctx as Context);
    // Read now: the library has made a new one when it reports the fault.
    const session = await current().Session.get(ctx as never);
    ctx.state.formSecret = (session as { state?: { secret?: string } }).state?.secret;
    await next();
  };
}

/** Whether the posted form does not carry the token its page was given in this browser. */
export function isStaleForm(ctx: KoaContextWithOIDC): boolean {
  if (ctx.method !== 'POST' || !FORMS.has(ctx.path)) return false;
  const { xsrf } = (ctx.oidc.params ?? {}) as { xsrf?: string };
  return !xsrf || !sameText(xsrf, String(ctx.state.formSecret));
}
