import type { Account as LibraryAccount, FindAccount } from 'oidc-provider';
import { type Account, toClaims } from '../accounts/account.js';

/** The library's view of an account. A disabled account is none: that ends its refresh tokens too. */
export function createFindAccount(findById: (id: string) => Promise<Account | undefined>): FindAccount {
  return async (_ctx, accountId): Promise<LibraryAccount | undefined> => {
    const account = await findById(accountId);
    if (!account || account.disabled) return undefined;
    return { accountId: account.id, claims: async () => ({ ...toClaims(account), sub: account.id }) };
  };
}
