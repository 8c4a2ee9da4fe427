import type { Context, Middleware } from 'koa';

/**
 * Which other sites may call an endpoint with this browser's cookies: the origins of `ALLOWED_ORIGINS`, by
 * name, never a star. To any other origin the browser shows nothing.
 */
export interface CredentialedCors {
  readonly middleware: Middleware;
  /** Whether the request comes from one of them. */
  isAllowed(ctx: Context): boolean;
}

const METHODS = 'GET, POST, OPTIONS';
const HEADERS = 'Authorization, Content-Type, X-API-Key, auth-token';
const MAX_AGE = '600';

export function createCredentialedCors(allowedOrigins: readonly string[]): CredentialedCors {
  const allowed = new Set(allowedOrigins);
  const isAllowed = (ctx: Context): boolean => allowed.has(ctx.get('Origin'));

  return {
    isAllowed,
    async middleware(ctx, next) {
      ctx.vary('Origin');
      if (isAllowed(ctx as Context)) {
        ctx.set('Access-Control-Allow-Origin', ctx.get('Origin'));
        ctx.set('Access-Control-Allow-Credentials', 'true');
      }
      if (ctx.method !== 'OPTIONS') return next();
      if (isAllowed(ctx as Context)) {
        ctx.set('Access-Control-Allow-Methods', METHODS);
        ctx.set('Access-Control-Allow-Headers', HEADERS);
        ctx.set('Access-Control-Max-Age', MAX_AGE);
      }
      ctx.status = 204;
    },
  };
}
