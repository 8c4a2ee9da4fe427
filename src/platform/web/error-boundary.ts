import type { Context, Middleware } from 'koa';
import type { Clock } from '../crypto/clock.js';
import type { AnsweredRequest } from '../observe/access-log.js';
import { PosternError } from '../errors/errors.js';
import type { RenderError } from './render-error.js';
import { requestIdOf } from './request-id.js';

/**
 * The outermost middleware: gives the request its id, turns whatever is thrown below into an answer,
 * gives empty 404s and 405s a body, and reports the finished request.
 */
export function errorBoundary(deps: {
  readonly clock: Clock;
  readonly renderError: RenderError;
  readonly finished: (entry: AnsweredRequest, ctx: Context) => void;
}): Middleware {
  return async function guard(ctx, next) {
    const begun = deps.clock.now();
    const requestId = requestIdOf(ctx);
    ctx.res.setHeader('X-Request-Id', requestId);
    try {
      requireReadablePath(ctx);
      await next();
      if (isBare(ctx)) throw nothingHere(ctx);
    } catch (error) {
      deps.renderError(ctx, error);
    }
    const milliseconds = deps.clock.now() - begun;
    deps.finished({ requestId, method: ctx.method, path: ctx.path, status: ctx.status, milliseconds }, ctx);
  };
}

/** `/%ff` and the like: routers decode at different moments and would answer 404, 400 or 500. */
function requireReadablePath(ctx: Context): void {
  const { path } = ctx;
  if (!path.includes('%')) return;
  const decoded = decodeURIComponent(path);
  if (decoded.includes('\0')) throw new URIError('NUL in the path');
}

const isBare = (ctx: Context): boolean =>
  ctx.respond !== false &&
  !ctx.res.headersSent &&
  ctx.body == null &&
  (ctx.status === 404 || ctx.status === 405);

/** The routes of ours, if any, that stand at this address for other methods; the library answers for its own. */
function otherMethods(ctx: Context): string[] {
  const { matched = [] } = ctx as Context & { matched?: readonly { readonly methods: readonly string[] }[] };
  const methods = new Set(matched.flatMap((route) => route.methods));
  return methods.has(ctx.method) ? [] : [...methods];
}

function nothingHere(ctx: Context): PosternError {
  const others = ctx.status === 404 ? otherMethods(ctx) : [];
  if (others.length === 0) return new PosternError(ctx.status, ...wordsOf(ctx.status));
  return new PosternError(405, ...wordsOf(405), { headers: { Allow: others.join(', ') } });
}

const wordsOf = (status: number): [code: string, message: string] =>
  status === 404
    ? ['not_found', 'There is nothing at this address. It may have been mistyped or removed.']
    : ['method_not_allowed', 'This address exists, but not for this kind of request.'];
