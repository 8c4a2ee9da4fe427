/**
 * `GET /api/upstream-token/<app>`: the token that an account has at an upstream, for applications the operator
 * named (`token_clients` of the upstream). It takes an access token of ours with the scope `upstream_token`, to
 * which the person agreed; each answer is in the audit trail.
 */
import Router from '@koa/router';
import type { Context } from 'koa';
import type { Account } from '../accounts/account.js';
import type { Tokens } from '../authorization-server/tokens.js';
import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { OAuthError } from '../platform/errors/errors.js';
import { UPSTREAM_TOKEN_SCOPE } from '../platform/web/scope-texts.js';
import { createRequireAccessToken } from './access-token.js';

/** An upstream, as far as it matters here. */
interface TokenSource {
  readonly id: string;
  readonly title: string;
  readonly protocol: string;
  readonly tokenClients: readonly string[];
}

/** What the vault gives. */
interface GivenToken {
  readonly accessToken: string;
  readonly secret?: string | undefined;
  readonly expiresAt?: number | undefined;
  readonly scope?: string | undefined;
}

interface Dependencies {
  readonly tokens: Tokens;
  readonly findAccount: (id: string) => Promise<Account | undefined>;
  readonly findUpstream: (id: string) => TokenSource | undefined;
  /** Fresh. Throws errors of its own where there is none. */
  readonly tokenFor: (accountId: string, upstreamId: string) => Promise<GivenToken>;
  readonly audit: Audit;
  readonly requestInfo: (ctx: Context) => RequestInfo;
  readonly clock: Clock;
}

const notFound = (): OAuthError => new OAuthError(404, 'not_found', 'There is no such upstream here.');

const notForThisClient = (title: string): OAuthError =>
  new OAuthError(403, 'access_denied', `This application may not fetch tokens of ${title}.`, {
    headers: { 'www-authenticate': 'Bearer error="insufficient_scope"' },
  });

export function createUpstreamTokenRoutes(deps: Dependencies): Router {
  const requireAccessToken = createRequireAccessToken(deps);

  const bodyOf = (upstream: TokenSource, token: GivenToken) => ({
    upstream: upstream.id,
    access_token: token.accessToken,
    token_type: upstream.protocol === 'oauth1' ? 'oauth1' : 'Bearer',
    ...(token.secret === undefined ? {} : { token_secret: token.secret }),
    ...(token.expiresAt === undefined
      ? {}
      : { expires_in: Math.max(0, Math.floor((token.expiresAt - deps.clock.now()) / 1000)) }),
    ...(token.scope === undefined ? {} : { scope: token.scope }),
  });

  const router = new Router();
  router.get('/api/upstream-token/:app', async (ctx) => {
    ctx.set('Cache-Control', 'no-store');
    const { account, clientId } = await requireAccessToken(ctx, UPSTREAM_TOKEN_SCOPE);
    const upstream = deps.findUpstream(ctx.params.app ?? '');
    if (!upstream) throw notFound();
    if (!upstream.tokenClients.includes(clientId)) throw notForThisClient(upstream.title);
    const token = await deps.tokenFor(account.id, upstream.id);
    // Before the answer leaves: nothing is given out that is not in the trail.
    await deps.audit.record({
      event: 'upstream_token.fetched',
      outcome: 'success',
      actorId: clientId,
      accountId: account.id,
      clientId,
      ...deps.requestInfo(ctx),
      detail: { upstream: upstream.id },
    });
    ctx.body = bodyOf(upstream, token);
  });
  return router;
}
