import type { Grant, KoaContextWithOIDC } from 'oidc-provider';
import type { SecretBox } from '../platform/crypto/secret-box.js';
import type { ConsentStore } from '../stores/consent-store.js';

/**
 * One Grant per browser session and client, made from the remembered consent, so that signing out one
 * browser never touches another. Tokens that outlive the browser session (`offline_access`, devices) get a
 * Grant of their own: revoking either side must not end the other.
 */

/** Whether what this request issues outlives the browser session. */
export function outlivesSession(ctx: KoaContextWithOIDC): boolean {
  const { route } = ctx.oidc;
  return route.startsWith('code_') || route.startsWith('device_') || ctx.oidc.requestParamScopes.has('offline_access');
}

/** The library's note of a client in a session; the part we look after. */
interface SessionEntry {
  grantId?: string;
  persistsLogout?: boolean;
}

export interface GrantLoader {
  /** The library's `loadExistingGrant`. */
  load(ctx: KoaContextWithOIDC): Promise<Grant | undefined>;
  /**
   * Points the session back at its own Grant after the library noted an outliving one there: tokens bound
   * to the session are live only while it points at their Grant.
   */
  restorePointer(ctx: KoaContextWithOIDC): void;
}

/**
 * @param grantTtl seconds a Grant must still live to be built upon
 * @param names purpose `session-grant`
 */
export function createGrantLoader(
  consents: ConsentStore,
  grantTtl: number,
  names: Pick<SecretBox, 'name'>,
): GrantLoader {
  const pointers = new WeakMap<object, string | undefined>();

  const entryOf = (ctx: KoaContextWithOIDC): SessionEntry =>
    (ctx.oidc.session as unknown as { authorizationFor(id: string, make: true): SessionEntry }).authorizationFor(
      ctx.oidc.client?.clientId as string,
      true,
    );

  /**
   * Requests of one browser that meet (tabs being restored) must agree on the Grant: the session points at
   * one, and tokens of another would be dead. So its id follows from the session and the Grant before it.
   */
  const idOf = (ctx: KoaContextWithOIDC, clientId: string): string =>
    names.name(JSON.stringify([ctx.oidc.session?.uid, clientId, ctx.oidc.session?.grantIdFor(clientId) ?? null]));

  async function fromConsent(ctx: KoaContextWithOIDC): Promise<Grant | undefined> {
    const accountId = ctx.oidc.account?.accountId as string;
    const clientId = ctx.oidc.client?.clientId as string;
    const consent = await consents.find(accountId, clientId);
    if (!consent) return undefined;
    const grant = new ctx.oidc.provider.Grant({ accountId, clientId });
    if (!outlivesSession(ctx)) grant.jti = idOf(ctx, clientId);
    grant.addOIDCScope(consent.scopes.join(' '));
    if (consent.claims.length > 0) grant.addOIDCClaims([...consent.claims]);
    for (const [resource, scopes] of Object.entries(consent.resources)) {
      grant.addResourceScope(resource, scopes.join(' '));
    }
    await grant.save();
    return grant;
  }

  /** A Grant must outlive the refresh tokens issued under it, however long its session has lasted. */
  async function prolonged(grant: Grant): Promise<Grant> {
    const now = Math.floor(Date.now() / 1000);
    if ((grant.exp ?? 0) - now < grantTtl / 2) {
      grant.exp = now + grantTtl;
      await grant.save();
    }
    return grant;
  }

  return {
    async load(ctx) {
      const clientId = ctx.oidc.client?.clientId as string;
      const own = ctx.oidc.session?.grantIdFor(clientId);
      const outlives = outlivesSession(ctx);
      if (outlives && !pointers.has(ctx)) pointers.set(ctx, own);
      const agreed = ctx.oidc.result?.consent?.grantId ?? (outlives ? undefined : own);
      const grant = agreed ? await ctx.oidc.provider.Grant.find(agreed) : undefined;
      return grant ? prolonged(grant) : fromConsent(ctx);
    },
    restorePointer(ctx) {
      if (!pointers.has(ctx) || !ctx.oidc.session || !ctx.oidc.client) return;
      const entry = entryOf(ctx);
      const own = pointers.get(ctx);
      if (own) entry.grantId = own;
      else delete entry.grantId;
      delete entry.persistsLogout;
    },
  };
}
