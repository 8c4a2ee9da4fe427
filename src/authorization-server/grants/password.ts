import { errors, type Provider, type TokenEndpointGrantContext } from 'oidc-provider';
import * as grantHelpers from 'oidc-provider/lib/helpers/grants.js';
import { issueTokens } from 'oidc-provider/lib/helpers/grant_common.js';
import type { Proven } from '../../accounts/account.js';
import type { Authenticate } from '../../accounts/authenticate.js';
import type { AuditRecord } from '../../platform/audit/audit.js';
import { sha256 } from '../../platform/crypto/ids.js';
import { OAuthError, TooManyAttempts } from '../../platform/errors/errors.js';
import { UPSTREAM_TOKEN_SCOPE } from '../../platform/web/scope-texts.js';
import type { PayloadStore } from '../../stores/payload-store.js';
import type { HoldsStill } from '../access-ended.js';
import type { GrantHandler } from '../grant-unit.js';
import { newUnit, type UnitsOfWork } from '../unit-of-work.js';

/**
 * Resource owner password credentials (RFC 6749 §4.3). OAuth 2.1 drops this grant; scripts of the originals
 * still need it, so a client must have registered it and `LEGACY_FLOWS` must name it.
 * The library has authenticated the client and checked that it may use this grant before we are called.
 */
export const GRANT_TYPE = 'password';
export const PARAMETERS: readonly string[] = ['username', 'password', 'scope', 'resource'];

interface PasswordParameters {
  username?: string;
  password?: string;
  scope?: string;
}

export interface PasswordGrantDependencies {
  readonly authenticate: Authenticate;
  /** Address and request id of the request being served. */
  readonly requestInfo: (ctx: TokenEndpointGrantContext) => { ip: string; requestId: string };
}

interface Dependencies extends PasswordGrantDependencies {
  readonly units: UnitsOfWork;
  readonly payloads: Pick<PayloadStore, 'apply'>;
  readonly holdsStill: HoldsStill;
  /** The audit row of a grant that ends as soon as it was given. */
  readonly noteEnded: (ctx: TokenEndpointGrantContext) => AuditRecord;
}

const WRONG = 'the username or the password is wrong';

async function provenBy(
  ctx: TokenEndpointGrantContext<PasswordParameters>,
  { authenticate, requestInfo }: PasswordGrantDependencies,
): Promise<Proven> {
  const { username, password } = ctx.oidc.params;
  if (!username || !password) {
    throw new errors.InvalidRequest('username and password are required');
  }
  // Nothing below needs it, and nothing below may keep it.
  ctx.oidc.params.password = undefined;
  const result = await authenticate(
    { username, password, clientId: ctx.oidc.client.clientId },
    requestInfo(ctx),
  );
  if (result.outcome === 'throttled') throw new TooManyAttempts(result.retryAfterSeconds);
  // A password that must be changed first opens nothing here; the answer does not tell it from a wrong one.
  if (result.outcome !== 'ok') throw new errors.InvalidGrant(WRONG);
  return result.account;
}

export function createPasswordGrant(provider: Provider, deps: Dependencies): GrantHandler {
  const helpers = Object.fromEntries(
    Object.entries(grantHelpers).map(([name, helper]) => [name, helper.bind(undefined, provider)]),
  ) as unknown as grantHelpers.BoundGrantHelpers;

  /** Once the tokens are written: the password may have been changed since it was compared. */
  async function requireProof(
    ctx: TokenEndpointGrantContext,
    proven: Proven,
    grantId: string,
  ): Promise<void> {
    if (await deps.holdsStill(proven)) return;
    const kill = new Set([sha256(grantId)]);
    await deps.payloads.apply({ ...newUnit(), kill, notes: [deps.noteEnded(ctx)] });
    throw new OAuthError(400, 'invalid_grant', WRONG);
  }

  return async (context) => {
    const ctx = context as TokenEndpointGrantContext<PasswordParameters>;
    const { client, params } = ctx.oidc;
    const dPoP = await helpers.validateDpop(ctx);
    helpers.checkDpopRequired(ctx, dPoP);
    await helpers.resolveRequestedResources(ctx);
    const proven = await provenBy(ctx, deps);
    const accountId = proven.id;

    // What only the person can give is not given with their password by somebody else.
    const scopes = [...ctx.oidc.requestParamScopes].filter((scope) => scope !== UPSTREAM_TOKEN_SCOPE);
    const grant = new provider.Grant({ accountId, clientId: client.clientId });
    grant.addOIDCScope(scopes.filter((scope) => ctx.oidc.requestParamOIDCScopes.has(scope)).join(' '));
    for (const [resource, server] of Object.entries(ctx.oidc.resourceServers)) {
      grant.addResourceScope(resource, scopes.filter((scope) => server.scopes.has(scope)).join(' '));
    }
    const grantId = await grant.save();

    // Stands where the other grants have their code: what the tokens are issued from.
    const source = new provider.AuthorizationCode({
      accountId,
      client,
      grantId,
      scope: params.scope,
      authTime: Math.floor(Date.now() / 1000),
      amr: ['pwd'],
      resource: params.resource,
    } as ConstructorParameters<typeof provider.AuthorizationCode>[0]);
    ctx.oidc.entity('Grant', grant);
    await issueTokens(provider, helpers, ctx, source, grant, {
      gty: GRANT_TYPE,
      entityLabel: 'password',
      cert: undefined,
      dPoP,
    });
    deps.units.of(ctx)?.afterwards(() => requireProof(ctx, proven, grantId));
  };
}
