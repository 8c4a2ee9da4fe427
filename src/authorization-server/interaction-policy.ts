import { type ClaimsParameter, errors, interactionPolicy } from 'oidc-provider';
import type { Nonces } from './nonces.js';

interface AskedAcr {
  readonly essential?: boolean;
  readonly value?: string;
  readonly values?: readonly unknown[];
}

/** Whether a request can be answered with no session but one that was authenticated in a certain way. */
function insistsOnAcr(claims: ClaimsParameter | undefined, has: string | undefined): boolean {
  const { essential, value, values } = (claims?.id_token?.acr ?? {}) as AskedAcr;
  const good = value === undefined ? values : [value];
  return essential === true && good !== undefined && !good.includes(has);
}

const UNMET = 'the request insists on an acr, and none is offered here';

/**
 * The library's prompts (`login`, then `consent`) and three checks of ours: the client's rule about nonces, that
 * nobody is asked to sign in again and again for an `acr` that we do not give, and that a session whose account was
 * deleted or disabled must sign in again: the library takes it that an account id has an account.
 */
export function createInteractionPolicy(nonces: Pick<Nonces, 'check'>): interactionPolicy.DefaultPolicy {
  const policy = interactionPolicy.base();
  const accountGone = new interactionPolicy.Check(
    'account_gone',
    'the account of this session is no longer available',
    'login_required',
    ({ oidc }) => Boolean(oidc.session?.accountId) && !oidc.account,
  );
  const nonceRule = new interactionPolicy.Check(
    'nonce',
    'the request needs a nonce of its own',
    'invalid_request',
    async (ctx) => {
      // It is for the application to put right: nobody is asked for anything.
      await nonces.check(ctx);
      return false;
    },
  );
  const acrRule = new interactionPolicy.Check(
    'acr',
    'the request insists on an authentication that is not offered here',
    'unmet_authentication_requirements',
    ({ oidc }) => {
      // Signing in again would not help (OpenID Connect Unmet Authentication Requirements 1.0).
      if (oidc.result?.login && insistsOnAcr(oidc.claims, oidc.acr))
        throw new errors.UnmetAuthenticationRequirements(UNMET);
      return false;
    },
  );
  for (const check of [accountGone, nonceRule, acrRule]) policy.get('login')?.checks.add(check);
  return policy;
}
