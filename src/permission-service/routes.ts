import Router from '@koa/router';
import type { Context } from 'koa';
import type { RequestInfo } from '../platform/audit/audit.js';
import { PosternError, TooManyAttempts } from '../platform/errors/errors.js';
import { addressKey } from '../platform/throttle/address-key.js';
import type { Throttle, ThrottleRule } from '../platform/throttle/throttle.js';
import { readForm } from '../platform/web/body.js';
import { createCredentialedCors } from '../platform/web/credentialed-cors.js';
import type { Account } from '../accounts/account.js';
import type { Authorize } from './authorize.js';
import type { Extensions } from './extensions.js';
import { httpDate, md5, toServiceUser, verifiedEmail } from './profile.js';
import type { Profiles } from './profiles.js';
import type { UserTokens } from './user-tokens.js';
import type { FindVisitor } from './visitors.js';

interface Dependencies {
  readonly allowedOrigins: readonly string[];
  /** Whether `/auth/resolve` and `/auth/get_profile` answer. */
  readonly profileLookups: boolean;
  readonly lookups: Throttle;
  readonly findVisitor: FindVisitor;
  readonly findAccount: (id: string) => Promise<Account | undefined>;
  readonly authorize: Authorize;
  readonly profiles: Profiles;
  readonly tokens: Pick<UserTokens, 'revoke'>;
  readonly extensions: Pick<Extensions, 'userLogout'>;
  /** What somebody without a token can sign in with: names of upstreams and where each login begins. */
  readonly beginnings: (next: string | undefined) => Readonly<Record<string, { readonly url: string }>>;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

/** The public look-ups tell who has an account: enough for pages that show names, too few for a list of people. */
export const LOOKUPS_BY_ADDRESS: ThrottleRule = {
  name: 'profile-lookup',
  points: 60,
  windowSeconds: 60,
  blockSeconds: 60,
};

const PATHS = ['check', 'authorize', 'update', 'resolve', 'get_profile', 'logout'].map(
  (name) => `/auth/${name}`,
);

/** A parameter said twice counts as its first, as in Flask; an empty one as absent. */
function first(value: string | readonly string[] | undefined): string | undefined {
  return (typeof value === 'string' ? value : value?.[0]) || undefined;
}

const asked = (ctx: Context, name: string): string | undefined => first(ctx.query[name]);

/** The user token of a request: the original's header, ours, or the parameter. */
function tokenOf(ctx: Context, form: Readonly<Record<string, string | undefined>> = {}): string | undefined {
  const own = ctx.get('auth-token');
  const bearer = /^Bearer +(\S+)$/i.exec(ctx.get('Authorization'))?.[1];
  return own || bearer || asked(ctx, 'jwt') || form.jwt || undefined;
}

/** The addresses that answer programs, under the original's paths, with its shapes and its status 200. */
export function createPermissionRoutes(deps: Dependencies): Router {
  const { profiles, requestInfo } = deps;

  function answer(ctx: Context, body: object): void {
    ctx.set('Cache-Control', 'no-store');
    ctx.body = body;
  }

  async function update(ctx: Context): Promise<{ success: boolean; error?: string }> {
    // What is no form has no fields: the parameters may stand in the address.
    const form = ctx.is('urlencoded') ? await readForm(ctx) : {};
    const visitor = await deps.findVisitor(tokenOf(ctx, form));
    if (typeof visitor === 'string') return { success: false, error: visitor };
    const username = asked(ctx, 'username') ?? form.username;
    if (!username) return { success: true };
    const error = await profiles.chooseUsername(visitor.account.id, username, requestInfo(ctx));
    return error === undefined ? { success: true } : { success: false, error };
  }

  /** Whom a public look-up is about. @throws {TooManyAttempts} */
  async function lookUp(ctx: Context) {
    if (!deps.profileLookups) throw new PosternError(404, 'not_found', 'Profiles are not looked up here.');
    const wait = await deps.lookups.fail(addressKey(ctx.ip));
    if (wait > 0) throw new TooManyAttempts(wait, 'Too many look-ups. Please wait and try again.');
    const username = asked(ctx, 'username');
    const profile = username === undefined ? undefined : await profiles.findByUsername(username);
    const account = profile && (await deps.findAccount(profile.accountId));
    return account && !account.disabled ? { profile, account } : undefined;
  }

  const router = new Router();
  const cors = createCredentialedCors(deps.allowedOrigins).middleware;
  for (const path of PATHS) router.options(path, cors);

  router.get('/auth/check', cors, async (ctx) => {
    const visitor = await deps.findVisitor(tokenOf(ctx));
    answer(
      ctx,
      typeof visitor === 'string'
        ? { authenticated: false, providers: deps.beginnings(asked(ctx, 'next')) }
        : { authenticated: true, profile: toServiceUser(visitor.profile, visitor.account) },
    );
  });

  router.get('/auth/authorize', cors, async (ctx) => {
    answer(ctx, await deps.authorize(tokenOf(ctx), asked(ctx, 'service')));
  });

  router.post('/auth/update', cors, async (ctx) => answer(ctx, await update(ctx)));

  router.get('/auth/resolve', cors, async (ctx) => {
    answer(ctx, { userid: (await lookUp(ctx))?.profile.userId ?? null });
  });

  router.get('/auth/get_profile', cors, async (ctx) => {
    const found = await lookUp(ctx);
    if (found === undefined) return answer(ctx, { found: false, profile: null });
    const { id, name, avatar_url } = toServiceUser(found.profile, found.account);
    const email = verifiedEmail(found.account);
    const gravatar = email === undefined ? null : md5(email);
    const join_date = httpDate(found.profile.createdAt);
    answer(ctx, { found: true, profile: { id, name, join_date, avatar_url, gravatar } });
  });

  // Before the door whose log-out this also is: a user token that comes along ends here.
  router.register('/auth/logout', ['get', 'post'], async (ctx, next) => {
    const visitor = await deps.findVisitor(tokenOf(ctx));
    if (typeof visitor !== 'string' && (await deps.tokens.revoke(visitor.bearer, requestInfo(ctx)))) {
      await deps.extensions.userLogout(toServiceUser(visitor.profile, visitor.account));
    }
    await next();
  });
  return router;
}
