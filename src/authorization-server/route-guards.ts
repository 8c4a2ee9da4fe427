import type { Middleware } from 'koa';
import { OAuthError, PageError, PosternError } from '../platform/errors/errors.js';
import { ROUTES } from './configuration.js';
import { readBody } from './read-body.js';

/** What is seen to before the library gets a request; each says what the library would do. */

/** The endpoints whose bodies may be multipart. */
export const PROTOCOL_POSTS: ReadonlySet<string> = new Set([
  ROUTES.token,
  ROUTES.revocation,
  ROUTES.introspection,
  ROUTES.pushed_authorization_request,
  ROUTES.device_authorization,
]);

/** The longest request that is passed on as a GET, in bytes. */
const MAX_QUERY = 12 * 1024;

const ALSO_BY_POST: ReadonlySet<string> = new Set([ROUTES.authorization, ROUTES.end_session]);

/**
 * OIDC Core §3.1.2.1 wants the authorization endpoint to take POST, RP-Initiated Logout §2 the other. The
 * library does so only with `SameSite=None` cookies; a redirect to the same request as a GET needs none.
 */
export const requestByPost: Middleware = async (ctx, next) => {
  if (ctx.method !== 'POST' || !ALSO_BY_POST.has(ctx.path)) return next();
  if (!ctx.is('application/x-www-form-urlencoded')) {
    throw new OAuthError(400, 'invalid_request', 'the body must be application/x-www-form-urlencoded');
  }
  const form = new URLSearchParams((await readBody(ctx.req, MAX_QUERY)).toString('utf8'));
  ctx.status = 303;
  ctx.redirect(`${ctx.path}?${form}`);
};

const LIBRARY_PATHS: ReadonlySet<string> = new Set(Object.values(ROUTES));

/** What stands below the sign-out route is fixed; below the others it is an id with capitals of its own. */
const FIXED_BELOW = `${ROUTES.end_session}/`;

/**
 * The library's router takes `/OAUTH/Device` and `/oauth/device/` for `/oauth/device`, but what stands around
 * it (limits, body rules, the origin check) goes by the exact path: another spelling is another address, and
 * there is none.
 */
export const exactPaths: Middleware = async (ctx, next) => {
  const lower = ctx.path.toLowerCase();
  const route = [...LIBRARY_PATHS].find((path) => `${lower}/`.startsWith(`${path}/`));
  if (route !== undefined) {
    const fixed = lower.startsWith(FIXED_BELOW) ? lower : route;
    const respelt = !`${ctx.path}/`.startsWith(`${fixed}/`);
    if (respelt || ctx.path.endsWith('/')) {
      throw new PosternError(404, 'not_found', 'There is nothing at this address.');
    }
  }
  await next();
};

/** Below the device page only the resume route exists; for anything else the library answers 500. */
export const deviceResumeOnly =
  (resumeCookie: () => string): Middleware =>
  async (ctx, next) => {
    const below = ctx.path.startsWith(`${ROUTES.code_verification}/`);
    if (below && !ctx.cookies.get(resumeCookie(), { signed: true })) {
      throw new PosternError(404, 'not_found', 'There is nothing at this address.');
    }
    await next();
  };

/** A request that waits for somebody at our pages. */
interface Waiting {
  readonly ofDevice: boolean;
  /** Whether the client may be answered at the address it asked for, still. */
  readonly answerable: boolean;
}

/**
 * A device's request goes on only at the device page: at the other resume address the library fails. And it looked at
 * the redirect URI when the request came, an hour ago perhaps: where the client has it no more, nothing goes there.
 */
export const resumable =
  (find: (uid: string) => Promise<Waiting | undefined>): Middleware =>
  async (ctx, next) => {
    const uid = ctx.path.startsWith(`${ROUTES.authorization}/`)
      ? ctx.path.slice(ROUTES.authorization.length + 1)
      : '';
    const waiting = uid ? await find(uid) : undefined;
    if (waiting?.ofDevice) throw new PosternError(404, 'not_found', 'There is nothing at this address.');
    if (waiting?.answerable === false) {
      const message =
        'The address (redirect_uri) that the application asked to be answered at is not registered for it any more. ' +
        'Go back to the application and begin again.';
      throw new PageError(400, 'invalid_redirect_uri', 'The application cannot be answered', message);
    }
    await next();
  };

/** Answers to clients are nobody's to keep (RFC 6749 §5.1); the library leaves revocations out. */
export const uncached: Middleware = (ctx, next) => {
  if (PROTOCOL_POSTS.has(ctx.path)) ctx.res.setHeader('Cache-Control', 'no-store');
  return next();
};

/** Endpoints that only take POST say so; the library would answer 404. OPTIONS is the preflight's (CORS). */
export const postOnly =
  (paths: ReadonlySet<string>): Middleware =>
  (ctx, next) => {
    if (paths.has(ctx.path) && ctx.method !== 'POST' && ctx.method !== 'OPTIONS') {
      const headers = { allow: 'POST' };
      throw new OAuthError(405, 'method_not_allowed', 'this endpoint takes POST only', { headers });
    }
    return next();
  };
