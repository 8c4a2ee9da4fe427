import { interactionPolicy } from 'oidc-provider';

/**
 * The library's prompts (`login`, then `consent`) and one check of ours: a session whose account was
 * deleted or disabled must sign in again. The library takes it that an account id has an account.
 */
export function createInteractionPolicy(): interactionPolicy.DefaultPolicy {
  const policy = interactionPolicy.base();
  const accountGone = new interactionPolicy.Check(
    'account_gone',
    'the account of this session is no longer available',
    'login_required',
    ({ oidc }) => Boolean(oidc.session?.accountId) && !oidc.account,
  );
  policy.get('login')?.checks.add(accountGone);
  return policy;
}
