import type { Context } from 'koa';
import type { IncomingMessage } from 'node:http';
import { createPooledBytes } from '../crypto/pooled-bytes.js';

const SANE = /^[A-Za-z0-9._-]{1,64}$/;

/** It names a request and opens nothing. */
const freshBytes = createPooledBytes(12);

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
  return typeof given === 'string' && SANE.test(given) ? given : freshBytes().toString('base64url');
}
