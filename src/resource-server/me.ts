/**
 * Our own protected resource (RFC 6750, RFC 9728): `/api/me`, which clients of the originals call with the token
 * they got, and the document that says where such tokens come from.
 */
import Router from '@koa/router';
import { type Account, toClaims } from '../accounts/account.js';
import type { Tokens } from '../authorization-server/tokens.js';
import { createRequireAccessToken } from './access-token.js';

const SCOPE = 'profile';
const METADATA_PATH = '/.well-known/oauth-protected-resource';

interface Dependencies {
  readonly issuer: string;
  readonly tokens: Tokens;
  readonly findAccount: (id: string) => Promise<Account | undefined>;
}

export function createResourceServer({ issuer, tokens, findAccount }: Dependencies): Router {
  const resource = `${issuer}/api/me`;
  const metadata = {
    resource,
    authorization_servers: [issuer],
    scopes_supported: [SCOPE],
    bearer_methods_supported: ['header'],
  };
  const requireAccessToken = createRequireAccessToken({
    tokens,
    findAccount,
    metadataUrl: `${issuer}${METADATA_PATH}/api/me`,
  });

  const router = new Router();
  router.get('/api/me', async (ctx) => {
    ctx.set('Cache-Control', 'no-store');
    const { account, scopes } = await requireAccessToken(ctx, SCOPE);
    const { email, email_verified, roles, sub: _sub, ...profile } = toClaims(account);
    ctx.body = {
      id: account.id,
      username: account.username,
      ...profile,
      ...(scopes.has('email') && email ? { email, email_verified } : {}),
      ...(scopes.has('roles') ? { roles } : {}),
    };
  });
  for (const path of [METADATA_PATH, `${METADATA_PATH}/api/me`]) {
    router.get(path, (ctx) => {
      ctx.body = metadata;
    });
  }
  return router;
}
