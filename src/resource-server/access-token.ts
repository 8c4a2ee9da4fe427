import type { Context } from 'koa';
import type { Account } from '../accounts/account.js';
import type { LiveToken, Tokens } from '../authorization-server/tokens.js';
import { OAuthError } from '../platform/errors/errors.js';

/** An access token of ours as a resource of ours takes it, and the person it stands for. */
export interface Presented {
  readonly account: Account;
  readonly clientId: string;
  readonly scopes: ReadonlySet<string>;
}

/** Finds the bearer of a request. @throws {OAuthError} 401, 403 or 400 with the challenge of RFC 6750 §3 */
export type RequireAccessToken = (ctx: Context, scope: string) => Promise<Presented>;

interface Dependencies {
  readonly tokens: Tokens;
  readonly findAccount: (id: string) => Promise<Account | undefined>;
  /** RFC 9728: where the resource describes itself, if it does. */
  readonly metadataUrl?: string;
}

type Challenge = Readonly<Record<string, string>>;

export function createRequireAccessToken({
  tokens,
  findAccount,
  metadataUrl,
}: Dependencies): RequireAccessToken {
  function refused(status: number, code: string, message: string, challenge: Challenge = {}): OAuthError {
    const parts = { ...(metadataUrl === undefined ? {} : { resource_metadata: metadataUrl }), ...challenge };
    const text = Object.entries(parts).map(([name, value]) => `${name}="${value}"`);
    return new OAuthError(status, code, message, {
      headers: { 'www-authenticate': ['Bearer', text.join(', ')].join(' ').trim() },
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

  function requireScope({ scopes }: LiveToken, scope: string): void {
    if (scopes.has(scope)) return;
    const challenge = { error: 'insufficient_scope', scope };
    throw refused(403, 'insufficient_scope', `The scope ${scope} is needed here.`, challenge);
  }

  return async (ctx, scope) => {
    const token = await tokens.findLive(bearer(ctx));
    if (!token) throw invalid('The access token is unknown, expired or revoked.');
    if (token.senderConstrained) throw invalid('This token needs a proof of possession; use it at UserInfo.');
    if (token.audience) throw invalid('The access token is for another resource.');
    requireScope(token, scope);
    if (!token.accountId) throw invalid('The access token belongs to a client, not to a person.');
    const account = await findAccount(token.accountId);
    if (!account || account.disabled) throw invalid('The account of this token is no longer available.');
    return { account, clientId: token.clientId, scopes: token.scopes };
  };
}
