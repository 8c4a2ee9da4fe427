/**
 * Our own protected resource (RFC 6750, RFC 9728): `/api/me`, which the seed's clients call with the token
 * they got, and the document that says where such tokens come from.
 */
import Router from '@koa/router';
import type { Context } from 'koa';
import { type Account, toClaims } from '../accounts/account.js';
import type { LiveToken, Tokens } from '../authorization-server/tokens.js';
import { OAuthError } from '../platform/errors/errors.js';

const SCOPE = 'profile';
const METADATA_PATH = '/.well-known/oauth-protected-resource';

interface Dependencies {
  readonly issuer: string;
  readonly tokens: Tokens;
  readonly findAccount: (id: string) => Promise<Account | undefined>;
}

type Challenge = Readonly<Record<string, string>>;

export function createResourceServer({ issuer, tokens, findAccount }: Dependencies): Router {
  const resource = `${issuer}/api/me`;
  const metadata = {
    resource,
    authorization_servers: [issuer],
    scopes_supported: [SCOPE],
    bearer_methods_supported: ['header'],
  };

  function refused(status: number, code: string, message: string, challenge: Challenge = {}): OAuthError {
    const parts = { resource_metadata: `${issuer}${METADATA_PATH}/api/me`, ...challenge };
    const text = Object.entries(parts).map(([name, value]) => `${name}="${value}"`);
    return new OAuthError(status, code, message, {
      headers: { 'www-authenticate': `Bearer ${text.join(', ')}` },
    });
  }

  const invalid = (message: string) => refused(401, 'invalid_token', message, { error: 'invalid_token' });

  function bearer(ctx: Context): string {
    const header = ctx.get('Authorization');
    // RFC 6750 §3.1: who sent no credentials at all is told no error.
    if (!header) throw refused(401, 'unauthorized', 'An access token is needed here.');
    const [scheme = '', token = '', ...rest] = header.split(' ');
    if (scheme.toLowerCase() !== 'bearer' || !token || rest.length > 0) {
      throw refused(400, 'invalid_request', 'Send the token as "Authorization: Bearer …".', {
        error: 'invalid_request',
      });
    }
    return token;
  }

  async function requireToken(ctx: Context): Promise<LiveToken & { accountId: string }> {
    const token = await tokens.findLive(bearer(ctx));
    if (!token) throw invalid('The access token is unknown, expired or revoked.');
    if (token.senderConstrained) throw invalid('This token needs a proof of possession; use it at UserInfo.');
    if (token.audience) throw invalid('The access token is for another resource.');
    if (!token.scopes.has(SCOPE)) {
      throw refused(403, 'insufficient_scope', `The scope ${SCOPE} is needed here.`, {
        error: 'insufficient_scope',
        scope: SCOPE,
      });
    }
    if (!token.accountId) throw invalid('The access token belongs to a client, not to a person.');
    return { ...token, accountId: token.accountId };
  }

  const router = new Router();
  router.get('/api/me', async (ctx) => {
    ctx.set('Cache-Control', 'no-store');
    const { accountId, scopes } = await requireToken(ctx);
    const account = await findAccount(accountId);
    if (!account || account.disabled) throw invalid('The account of this token is no longer available.');
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
