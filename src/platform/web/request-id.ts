import type { Context } from 'koa';
import { randomFillSync } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const SANE = /^[A-Za-z0-9._-]{1,64}$/;

/** Bytes of one id. It names a request and opens nothing, so its randomness is fetched for many at once. */
const BYTES = 12;
const pool = Buffer.alloc(BYTES * 256);
let used = pool.length;

function freshId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += BYTES;
  return pool.toString('base64url', used - BYTES, used);
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
