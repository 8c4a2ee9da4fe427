import type { Context } from 'koa';
import { randomToken } from '../crypto/ids.js';

const SANE = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * The id under which this request stands in logs and error answers. One from outside survives
 * `trusted-proxy.ts` only where a trusted proxy sent it.
 */
export function requestIdOf(ctx: Context): string {
  const known: unknown = ctx.state.requestId;
  if (typeof known === 'string') return known;
  const given = ctx.get('X-Request-Id');
  const id = SANE.test(given) ? given : randomToken(12);
  ctx.state.requestId = id;
  return id;
}
