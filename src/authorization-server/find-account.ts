import type { Account as LibraryAccount, FindAccount } from 'oidc-provider';
import { type Account, toClaims } from '../accounts/account.js';
import { type MaybeLater, whenThere } from '../platform/database/maybe-later.js';

/** The library's view of an account. A disabled account is none: that ends its refresh tokens too. */
export function createFindAccount(findById: (id: string) => MaybeLater<Account | undefined>): FindAccount {
  return (_ctx, accountId) => whenThere(findById(accountId), toLibraryAccount);
}

function toLibraryAccount(account: Account | undefined): LibraryAccount | undefined {
  if (!account || account.disabled) return undefined;
  return { accountId: account.id, claims: async () => ({ ...toClaims(account), sub: account.id }) };
}
