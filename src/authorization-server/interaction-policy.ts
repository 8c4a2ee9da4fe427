import { interactionPolicy } from 'oidc-provider';
import type { Nonces } from './nonces.js';

/**
 * The library's prompts (`login`, then `consent`) and two checks of ours: the client's rule about nonces, and
 * that a session whose account was deleted or disabled must sign in again. The library takes it that an
 * account id has an account.
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
  policy.get('login')?.checks.add(accountGone);
  policy.get('login')?.checks.add(nonceRule);
  return policy;
}
