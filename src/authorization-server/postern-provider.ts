import {
  type Configuration,
  type KoaContextWithOIDC,
  Provider,
  type TokenEndpointGrantContext,
} from 'oidc-provider';
import type { GrantHandler } from './grant-unit.js';
import { useCheapModels } from './cheap-models.js';
import { withCheapRoutes } from './cheap-routes.js';

/**
 * The library registers its own grants and response modes through the methods it offers to us, so
 * overriding these wraps the built-in ones too.
 */
export interface Wraps {
  readonly grant: (grantType: string, handler: GrantHandler) => GrantHandler;
  /** Instead of the library's own page. */
  readonly formPost: Parameters<Provider['registerResponseMode']>[1];
}

/** Parameter names and those that may repeat. */
type RestOfRegistration = [
  params?: string | readonly string[] | ReadonlySet<string>,
  duplicates?: string | readonly string[] | ReadonlySet<string>,
];

/** Called while `super()` runs: `wraps` must not be a field of the instance, which does not exist yet. */
export function createPosternProvider(issuer: string, configuration: Configuration, wraps: Wraps): Provider {
  class PosternProvider extends Provider {
    override registerGrantType<Params extends object>(
      name: string,
      handler: (ctx: TokenEndpointGrantContext<Params>) => Promise<void> | void,
      ...rest: RestOfRegistration
    ): void {
      super.registerGrantType(name, wraps.grant(name, handler as unknown as GrantHandler), ...rest);
    }

    override registerResponseMode(...[name, handler]: Parameters<Provider['registerResponseMode']>): void {
      const mode = name === 'form_post' ? wraps.formPost : handler;
      // RFC 9207 §2: `iss` in every answer. The library leaves it out beside an ID Token.
      super.registerResponseMode(name, (ctx, redirectUri, payload) =>
        mode(ctx, redirectUri, { ...explained(ctx, payload), iss: issuer }),
      );
    }
  }

  const provider = withCheapRoutes(() => new PosternProvider(issuer, configuration));
  pinUrls(provider);
  hashAccessTokens(provider);
  if (configuration.extraTokenClaims)
    throw new Error('cheap-models.ts saves opaque tokens without extra claims');
  useCheapModels(provider);
  return provider;
}

/** What many clients of the originals ask for, and nobody can have here, is told what to ask for instead. */
function explained(ctx: KoaContextWithOIDC, payload: Record<string, unknown>): Record<string, unknown> {
  const bareToken = (ctx.oidc.params as { response_type?: string } | undefined)?.response_type === 'token';
  if (payload.error !== 'unsupported_response_type' || !bareToken) return payload;
  const error_description =
    'token alone is never offered: use code, or id_token token where LEGACY_FLOWS allows it';
  return { ...payload, error_description };
}

/** Endpoint addresses follow `ISSUER`; the library builds them from the request's Host. */
function pinUrls(provider: Provider): void {
  const urlFor: Provider['urlFor'] = (name, options) => provider.urlFor(name, options);
  Object.assign(provider.OIDCContext.prototype, { urlFor });
}

/** `at_hash` in ID Tokens from the token endpoint too, as clients of the originals expect (OIDC Core §3.1.3.6). */
function hashAccessTokens(provider: Provider): void {
  // On the token itself: a WeakMap that grows and shrinks with every request keeps the collector busy.
  const value = Symbol('value');
  type Saved = { [value]?: string };
  const { save } = provider.AccessToken.prototype;
  const { issue } = provider.IdToken.prototype;

  Object.assign(provider.AccessToken.prototype, {
    async save(this: Saved, ...args: Parameters<typeof save>) {
      const saved = await Reflect.apply(save, this, args);
      this[value] = saved;
      return saved;
    },
  });
  Object.assign(provider.IdToken.prototype, {
    issue(this: InstanceType<typeof provider.IdToken>, ...args: Parameters<typeof issue>) {
      const { oidc } = (this as unknown as { ctx?: { oidc: { entities: Record<string, Saved> } } }).ctx ?? {};
      const saved = oidc?.entities.AccessToken?.[value];
      if (args[0].use === 'idtoken' && saved) this.set('at_hash', saved);
      return Reflect.apply(issue, this, args);
    },
  });
}
