import type { Context } from 'koa';

/** What answers a form leads on by GET, so that a reload repeats nothing (RFC 9110 §15.4.4). */
export function seeOther(ctx: Context, address: string): void {
  ctx.status = 303;
  ctx.redirect(address);
}
