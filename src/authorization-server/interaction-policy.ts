import { type Client, errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider';
import type { ClientRecord } from '../clients/client.js';

/** The client's own rule for the code flow; other response types need a nonce by themselves. */
function requireNonce({ oidc }: KoaContextWithOIDC, recordOf: (client: Client) => ClientRecord): void {
  const { response_type: type, scope, nonce } = (oidc.params ?? {}) as Record<string, string | undefined>;
  const isOpenId = scope?.split(' ').includes('openid') ?? false;
  if (type !== 'code' || !isOpenId || nonce || !oidc.client) return;
  if (recordOf(oidc.client).options.requireNonce) {
    throw new errors.InvalidRequest("nonce is missing: this client's 'Require nonce' box is ticked");
  }
}

/**
 * The library's prompts (`login`, then `consent`) and two checks of ours: the client's rule about nonces, and
 * that a session whose account was deleted or disabled must sign in again. The library takes it that an
 * account id has an account.
 */
export function createInteractionPolicy(
  recordOf: (client: Client) => ClientRecord,
): interactionPolicy.DefaultPolicy {
  const policy = interactionPolicy.base();
  const accountGone = new interactionPolicy.Check(
    'account_gone',
    'the account of this session is no longer available',
    'login_required',
    ({ oidc }) => Boolean(oidc.session?.accountId) && !oidc.account,
  );
  const nonceMissing = new interactionPolicy.Check(
    'nonce_missing',
    'the request has no nonce',
    'invalid_request',
    (ctx) => {
      // It is for the application to put right: nobody is asked for anything.
      requireNonce(ctx, recordOf);
      return false;
    },
  );
  policy.get('login')?.checks.add(accountGone);
  policy.get('login')?.checks.add(nonceMissing);
  return policy;
}
