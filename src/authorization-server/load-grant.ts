import type { Client, Grant, KoaContextWithOIDC, Provider } from 'oidc-provider';
import { sha256 } from '../platform/crypto/ids.js';
import type { SecretBox } from '../platform/crypto/secret-box.js';
import type { Consent, ConsentStore } from '../stores/consent-store.js';
import type { UnitsOfWork } from './unit-of-work.js';

/**
 * One Grant per browser session and client, made from the remembered consent, so that signing out one
 * browser never touches another. Tokens that outlive the browser session (`offline_access`, devices) get a
 * Grant of their own: revoking either side must not end the other.
 */

/** Whether what this request issues outlives the browser session. */
export function outlivesSession(ctx: KoaContextWithOIDC): boolean {
  const { route } = ctx.oidc;
  return (
    route.startsWith('code_') ||
    route.startsWith('device_') ||
    ctx.oidc.requestParamScopes.has('offline_access')
  );
}

/** The library's note of a client in a session; the part we look after. */
interface SessionEntry {
  grantId?: string;
  persistsLogout?: boolean;
}

/** What a person unticked leaves the request itself: an unticked `offline_access` must not outlive anything. */
function cutRejected(ctx: KoaContextWithOIDC, grant: Grant): void {
  const rejected = new Set(grant.getRejectedOIDCScope().split(' '));
  const params = ctx.oidc.params as { scope?: string } | undefined;
  if (!params?.scope) return;
  const kept = params.scope.split(' ').filter((scope) => !rejected.has(scope));
  params.scope = kept.length > 0 ? kept.join(' ') : undefined;
}

export interface GrantLoader {
  /** The library's `loadExistingGrant`. */
  load(ctx: KoaContextWithOIDC): Promise<Grant | undefined>;
  /** A Grant with everything that is remembered of a consent; not saved yet. */
  fromConsent(provider: Provider, consent: Consent): Grant;
  /**
   * Points the session back at its own Grant after the library noted an outliving one there: tokens bound
   * to the session are live only while it points at their Grant.
   */
  restorePointer(ctx: KoaContextWithOIDC): void;
  /** As `restorePointer`, for a request that ends without tokens: an outliving Grant made for it is not kept. */
  abandon(ctx: KoaContextWithOIDC): void;
}

interface Dependencies {
  readonly consents: Pick<ConsentStore, 'find'>;
  readonly units: Pick<UnitsOfWork, 'of'>;
  readonly isRevoked: (grantId: string) => Promise<boolean>;
  /** Seconds that the refresh tokens of a client may live. */
  readonly neededBy: (client: Client) => number;
  /** Seconds that a Grant lives beyond that, since tokens are issued under it until its session ends. */
  readonly slack: number;
  /** Purpose `session-grant`. */
  readonly names: Pick<SecretBox, 'name'>;
}

export function createGrantLoader(deps: Dependencies): GrantLoader {
  const { consents, units, isRevoked, names } = deps;
  /** The session's own Grant, of requests whose tokens outlive it. */
  const pointerBefore = new WeakMap<object, string | undefined>();
  /** Outliving Grants made by the request itself. */
  const made = new WeakMap<object, string>();

  const entryOf = (ctx: KoaContextWithOIDC): SessionEntry =>
    (
      ctx.oidc.session as unknown as { authorizationFor(id: string, make: true): SessionEntry }
    ).authorizationFor(ctx.oidc.client?.clientId as string, true);

  /**
   * Requests of one browser that meet (tabs being restored) must agree on the Grant: the session points at
   * one, and tokens of another would be dead. So its id follows from the session and the Grant before it.
   */
  async function agreedId(ctx: KoaContextWithOIDC, clientId: string): Promise<string> {
    const former = ctx.oidc.session?.grantIdFor(clientId) ?? null;
    for (let turn = 0; ; turn += 1) {
      const id = names.name(JSON.stringify([ctx.oidc.session?.uid, clientId, former, turn]));
      // Signing out of one application revokes its Grant and forgets it: coming back must not meet it again.
      if (!(await isRevoked(id))) return id;
    }
  }

  function fromConsent(provider: Provider, consent: Consent): Grant {
    const { accountId, clientId, scopes, claims, resources } = consent;
    const grant = new provider.Grant({ accountId, clientId });
    if (scopes.length > 0) grant.addOIDCScope(scopes.join(' '));
    if (claims.length > 0) grant.addOIDCClaims([...claims]);
    for (const [resource, granted] of Object.entries(resources))
      grant.addResourceScope(resource, granted.join(' '));
    return grant;
  }

  async function remembered(
    ctx: KoaContextWithOIDC,
    accountId: string,
    clientId: string,
  ): Promise<Grant | undefined> {
    const consent = await consents.find(accountId, clientId);
    if (!consent) return undefined;
    const grant = fromConsent(ctx.oidc.provider, consent);
    const outlives = outlivesSession(ctx);
    if (!outlives) grant.jti = await agreedId(ctx, clientId);
    await grant.save();
    if (outlives) made.set(ctx, grant.jti);
    return grant;
  }

  /** A Grant must outlive the refresh tokens issued under it, however long its session has lasted. */
  async function prolonged(grant: Grant, client: Client): Promise<Grant> {
    const now = Math.floor(Date.now() / 1000);
    const needed = deps.neededBy(client);
    if ((grant.exp ?? 0) - now < needed) {
      grant.exp = now + needed + deps.slack;
      await grant.save();
    }
    return grant;
  }

  function restorePointer(ctx: KoaContextWithOIDC): void {
    if (!pointerBefore.has(ctx) || !ctx.oidc.session || !ctx.oidc.client) return;
    const entry = entryOf(ctx);
    const own = pointerBefore.get(ctx);
    if (own) entry.grantId = own;
    else delete entry.grantId;
    delete entry.persistsLogout;
  }

  return {
    fromConsent,
    restorePointer,
    async load(ctx) {
      const client = ctx.oidc.client as Client;
      const accountId = ctx.oidc.account?.accountId as string;
      const own = ctx.oidc.session?.grantIdFor(client.clientId);
      const answered = ctx.oidc.result?.consent?.grantId;
      const answer = answered ? await ctx.oidc.provider.Grant.find(answered) : undefined;
      if (answer) cutRejected(ctx, answer);
      const outlives = outlivesSession(ctx);
      if (outlives && !pointerBefore.has(ctx)) pointerBefore.set(ctx, own);
      const known = answered || outlives || !own ? undefined : await ctx.oidc.provider.Grant.find(own);
      // Unticked once is not refused for ever: who asks again gets the page again.
      if (known) known.rejected = undefined;
      const grant = answer ?? known;
      // Somebody may have agreed, and then somebody else signed in, within one request.
      const fits = grant?.accountId === accountId && grant.clientId === client.clientId;
      return grant && fits ? prolonged(grant, client) : remembered(ctx, accountId, client.clientId);
    },
    abandon(ctx) {
      restorePointer(ctx);
      const grantId = made.get(ctx);
      if (grantId) units.of(ctx)?.plain.put.delete(sha256(grantId));
    },
  };
}
