import type { JWK } from 'jose';
import type { Context, Middleware } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { ROUTES } from './configuration.js';
import type { Attendant } from './lanes.js';
import { PROTOCOL_POSTS } from './route-guards.js';

/** Answers of the library put right before they leave; each says what the library had said. */
type Correction = (ctx: Context) => void;

/** All of them are about refusals. */
export const corrected = (corrections: readonly Correction[]): Attendant => ({
  after(ctx) {
    if (ctx.status === 400) for (const correct of corrections) correct(ctx);
  },
});

/** A client that asks for a grant it may not use: the library says `invalid_request` (RFC 6749 §5.2). */
export const unauthorizedClient: Correction = (ctx) => {
  if (ctx.path !== ROUTES.token) return;
  const { oidc } = ctx as unknown as KoaContextWithOIDC;
  const grantType = (oidc?.params as { grant_type?: string } | undefined)?.grant_type;
  const refused = (ctx.body as { error?: string } | undefined)?.error === 'invalid_request';
  if (refused && oidc?.client && grantType && !oidc.client.grantTypeAllowed(grantType)) {
    ctx.body = { error: 'unauthorized_client', error_description: 'this client may not use this grant type' };
  }
};

/** Who says nothing of who they are: the library says `invalid_request` (RFC 6749 §5.2, RFC 7662 §2.1). */
export const anonymous: Correction = (ctx) => {
  if (!PROTOCOL_POSTS.has(ctx.path) || ctx.get('Authorization')) return;
  const { oidc } = ctx as unknown as KoaContextWithOIDC;
  const { client_id, client_assertion } = (oidc?.params ?? {}) as Record<string, unknown>;
  const refused = (ctx.body as { error?: string } | undefined)?.error === 'invalid_request';
  if (refused && oidc?.params && !oidc.client && client_id === undefined && client_assertion === undefined) {
    ctx.status = 401;
    ctx.body = { error: 'invalid_client', error_description: 'the client must say who it is' };
  }
};

/** A push must not name another one (RFC 9126 §2.1); the library takes it for a request by reference. */
export const noNestedPush: Correction = (ctx) => {
  const { error } = (ctx.body ?? {}) as { error?: string };
  if (ctx.path === ROUTES.pushed_authorization_request && error === 'request_uri_not_supported') {
    ctx.body = { error: 'invalid_request', error_description: 'request_uri must not be pushed' };
  }
};

/** Grants that are off are not advertised: the library derives `implicit` from `id_token` responses. */
export const honestDiscovery =
  (implicit: boolean): Middleware =>
  async (ctx, next) => {
    await next();
    const body = ctx.body as { grant_types_supported?: string[] } | undefined;
    if (!implicit && ctx.path.startsWith('/.well-known/') && body?.grant_types_supported) {
      body.grant_types_supported = body.grant_types_supported.filter((type) => type !== 'implicit');
    }
  };

/**
 * Keys of other parts of this server, published with ours but never the library's: what it does not have it
 * can neither sign with nor take an `id_token_hint` from.
 */
export const alsoPublished =
  (others: () => Promise<readonly JWK[]>): Middleware =>
  async (ctx, next) => {
    await next();
    const body = ctx.body as { keys?: JWK[] } | undefined;
    if (ctx.path !== ROUTES.jwks || !body?.keys) return;
    ctx.body = { ...body, keys: [...body.keys, ...(await others())] };
  };
