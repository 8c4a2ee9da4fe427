import type { ParameterizedContext } from 'koa';
import { errors, type Grant, type Interaction, type Provider } from 'oidc-provider';
import type { Proven } from '../accounts/account.js';
import type { ClientRecord } from '../clients/client.js';
import type { Clock } from '../platform/crypto/clock.js';
import { PageError } from '../platform/errors/errors.js';
import { explain } from '../platform/web/explain-error.js';
import type { Agreed, ConsentStore } from '../stores/consent-store.js';
import type { ResourceStore } from '../stores/resource-store.js';
import { BY_PASSWORD, type SignInWay } from './browser-session.js';
import type { GrantLoader } from './load-grant.js';
import type { Attempts } from './attempts.js';

/**
 * What the pages under `/interaction/:uid` may know of a pending request, and the three ways to end it.
 * Each ending gives the address to send the browser to (303); the library goes on from there.
 */
export interface PendingInteraction {
  readonly uid: string;
  readonly prompt: 'login' | 'consent';
  readonly client: ClientRecord;
  /** Absent for devices, which have nowhere to be sent to. */
  readonly redirectUri: string | undefined;
  /** The account signed in now, if any. */
  readonly accountId: string | undefined;
  readonly loginHint: string | undefined;
  /** Everything asked for. */
  readonly asked: Agreed;
  /** What of it was not agreed to before. */
  readonly missing: Agreed;
  /** The library's words for why it asks: `native_client_prompt`, `consent_prompt`, … */
  readonly reasons: readonly string[];
}

export interface Interactions {
  /** @throws {PageError} when it has expired, was used up or belongs to another browser */
  get(ctx: ParameterizedContext, uid: string): Promise<PendingInteraction>;
  login(ctx: ParameterizedContext, proven: Proven, way?: SignInWay): Promise<string>;
  /**
   * Agrees to what was asked but for the `unticked` scopes, and remembers it. What was unticked is asked
   * again when it is requested again.
   */
  agree(
    ctx: ParameterizedContext,
    pending: PendingInteraction,
    unticked?: readonly string[],
  ): Promise<string>;
  deny(ctx: ParameterizedContext): Promise<string>;
}

interface Dependencies {
  readonly current: () => Provider;
  readonly findClient: (clientId: string) => Promise<ClientRecord | undefined>;
  readonly findResource: ResourceStore['find'];
  readonly consents: ConsentStore;
  readonly fromConsent: GrantLoader['fromConsent'];
  readonly attempts: Attempts;
  readonly clock: Clock;
}

interface Params {
  readonly client_id?: string;
  readonly redirect_uri?: string;
  readonly login_hint?: string;
  readonly scope?: string;
  readonly claims?: string;
  readonly resource?: string | readonly string[];
}

interface PromptDetails {
  missingOIDCScope?: string[];
  missingOIDCClaims?: string[];
  missingResourceScopes?: Record<string, string[]>;
}

const words = (value: unknown) => (typeof value === 'string' && value ? value.split(' ') : []);

function askedClaims(claims: unknown): string[] {
  if (typeof claims !== 'string') return [];
  const { userinfo = {}, id_token = {} } = JSON.parse(claims) as Record<string, object>;
  return [...new Set([...Object.keys(userinfo), ...Object.keys(id_token)])];
}

/**
 * Gives the Grant what was agreed to now and takes from it what was not. `rejected` tells the library, for
 * this one answer, that the missing scopes were seen and refused; otherwise it would ask without end.
 */
function settleScopes(grant: Grant, agreed: readonly string[], unticked: readonly string[]): void {
  grant.rejected = undefined;
  const former = words(grant.openid?.scope).filter((scope) => !unticked.includes(scope));
  const scopes = [...new Set([...former, ...agreed])];
  if (grant.openid) grant.openid.scope = undefined;
  if (scopes.length > 0) grant.addOIDCScope(scopes);
  if (unticked.length > 0) grant.rejectOIDCScope([...unticked]);
}

export function createInteractions(deps: Dependencies): Interactions {
  const { current, findClient, findResource, consents, fromConsent, attempts } = deps;

  async function details(ctx: ParameterizedContext): Promise<Interaction> {
    try {
      return await current().interactionDetails(ctx.req, ctx.res);
    } catch (error) {
      if (error instanceof errors.SessionNotFound) throw await expired(ctx, error);
      throw error;
    }
  }

  async function expired(ctx: ParameterizedContext, cause?: unknown): Promise<PageError> {
    const { title, message, waysOn } = explain({ error: 'interaction_expired' }, await attempts.context(ctx));
    return new PageError(400, 'interaction_expired', title, message, { cause, waysOn });
  }

  function missingOf(interaction: Interaction): Agreed {
    const found = interaction.prompt.details as PromptDetails;
    return {
      scopes: found.missingOIDCScope ?? [],
      claims: found.missingOIDCClaims ?? [],
      resources: found.missingResourceScopes ?? {},
    };
  }

  /** A scope that a resource names too is agreed to for both, so it is shown by itself as well. */
  const withOwn = (asked: Agreed, { scopes }: Agreed): Agreed => ({
    ...asked,
    scopes: [...new Set([...asked.scopes, ...scopes])],
  });

  /** Scopes are shown with the resource they belong to, or by themselves. */
  async function askedOf(params: Params): Promise<Agreed> {
    const scopes = words(params.scope);
    const resources: Record<string, readonly string[]> = {};
    for (const identifier of [params.resource ?? []].flat()) {
      const resource = await findResource(identifier);
      if (resource) resources[identifier] = resource.scopes.filter((scope) => scopes.includes(scope));
    }
    const elsewhere = new Set(Object.values(resources).flat());
    return {
      scopes: scopes.filter((scope) => !elsewhere.has(scope)),
      claims: askedClaims(params.claims),
      resources,
    };
  }

  /** The Grant the session has, or a new one with all that was ever agreed to. */
  async function grantOf(interaction: Interaction, accountId: string, clientId: string): Promise<Grant> {
    const { Grant } = current();
    const known = interaction.grantId ? await Grant.find(interaction.grantId) : undefined;
    if (known?.accountId === accountId) return known;
    const consent = await consents.find(accountId, clientId);
    return consent ? fromConsent(current(), consent) : new Grant({ accountId, clientId });
  }

  const finish = (ctx: ParameterizedContext, result: Parameters<Provider['interactionResult']>[2]) =>
    current().interactionResult(ctx.req, ctx.res, result);

  return {
    async get(ctx, uid) {
      const interaction = await details(ctx);
      const params = interaction.params as Params;
      const client = await findClient(String(params.client_id));
      if (interaction.uid !== uid || !client) throw await expired(ctx);
      const missing = missingOf(interaction);
      return {
        uid,
        prompt: interaction.prompt.name === 'consent' ? 'consent' : 'login',
        client,
        redirectUri: params.redirect_uri,
        accountId: interaction.session?.accountId,
        loginHint: params.login_hint,
        missing,
        reasons: interaction.prompt.reasons,
        asked: withOwn(await askedOf(params), missing),
      };
    },
    async login(ctx, proven, { amr, upstream, authTime, transient = false } = BY_PASSWORD) {
      // What is the library's own passes it by; the rest is read again by `noteSession`.
      const login = {
        accountId: proven.id,
        amr: [...amr],
        remember: !transient,
        ...(upstream ? { upstream } : {}),
        // Else the library would take the moment at which the last of its pages is answered.
        ts: authTime ?? Math.floor(deps.clock.now() / 1000),
        epoch: proven.accessEpoch,
      };
      return finish(ctx, { login });
    },
    async agree(ctx, pending, unticked = []) {
      const interaction = await details(ctx);
      const accountId = interaction.session?.accountId as string;
      const { clientId } = pending.client;
      const { claims, resources } = pending.missing;
      const scopes = pending.missing.scopes.filter((scope) => !unticked.includes(scope));
      const grant = await grantOf(interaction, accountId, clientId);
      settleScopes(grant, scopes, unticked);
      if (claims.length > 0) grant.addOIDCClaims([...claims]);
      for (const [resource, added] of Object.entries(resources))
        grant.addResourceScope(resource, added.join(' '));
      const grantId = await grant.save();
      await consents.add(accountId, clientId, { scopes, claims, resources }, [], unticked);
      return finish(ctx, { consent: { grantId } });
    },
    async deny(ctx) {
      return finish(ctx, { error: 'access_denied', error_description: 'the person said no' });
    },
  };
}
