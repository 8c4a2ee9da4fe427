import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Context } from 'koa';

/** What begins like a JWT is none: an id stands in the log. */
const SANE = /^(?!eyJ)[A-Za-z0-9._-]{1,64}$/;

/** 12 bytes make 16 characters and nothing over, so many ids are written as one text and cut. */
const LENGTH = 16;
const AT_ONCE = 256;
let ids = '';
let used = 0;

/** It names a request and opens nothing. */
function freshId(): string {
  if (used === ids.length) {
    ids = randomBytes(12 * AT_ONCE).toString('base64url');
    used = 0;
  }
  used += LENGTH;
  return ids.slice(used - LENGTH, used);
}

/**
 * The id under which this request stands in logs and error answers. One from outside survives
 * `trusted-proxy.ts` only where a trusted proxy sent it.
 */
export function requestIdOf(ctx: Context): string {
  const known: unknown = ctx.state.requestId;
  if (typeof known === 'string') return known;
  const id = requestIdFor(ctx.req);
  ctx.state.requestId = id;
  return id;
}

/** As `requestIdOf`, of a request that nobody asks again about. */
export function requestIdFor(req: IncomingMessage): string {
  const given = req.headers['x-request-id'];
  return typeof given === 'string' && SANE.test(given) ? given : freshId();
}
