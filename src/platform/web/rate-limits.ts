import type { Middleware } from 'koa';
import { OAuthError, TooManyAttempts } from '../errors/errors.js';

/** `throttle/endpoint-limits.ts`. */
type Limits = (
  method: string,
  path: string,
  ip: string,
) => { readonly wait: number; readonly oauth: boolean } | undefined;

const TOO_MANY = 'Too many requests came from your network. Please wait and try again.';

/** Holds each address to what one may ask of an endpoint, before anything else is done for it. */
export const rateLimits =
  (over: Limits): Middleware =>
  (ctx, next) => {
    const refused = over(ctx.method, ctx.path, ctx.ip);
    if (refused === undefined) return next();
    if (!refused.oauth) throw new TooManyAttempts(refused.wait, TOO_MANY);
    // Of the registered codes the one that says "later" (RFC 6749 §4.1.2.1).
    const headers = { 'retry-after': String(refused.wait) };
    throw new OAuthError(429, 'temporarily_unavailable', TOO_MANY, { headers });
  };
