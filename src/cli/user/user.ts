import type { Account } from '../../accounts/account.js';
import { usernameKey } from '../../accounts/usernames.js';
import type { Container } from '../../container.js';
import { CliFault } from '../faults.js';
import { time } from '../table.js';

export async function requireAccount({ accounts }: Container, name: string): Promise<Account> {
  const account = await accounts.findByUsernameKey(usernameKey(name));
  if (account === undefined) throw new CliFault(`There is no user named ${name}.`);
  return account;
}

/** An account as one document. */
export const accountDocument = (account: Account) => ({
  id: account.id,
  username: account.username,
  display_name: account.displayName,
  given_name: account.givenName,
  family_name: account.familyName,
  email: account.email,
  email_verified: account.emailVerified,
  roles: account.roles,
  disabled: account.disabled,
  must_change_password: account.mustChangePassword,
  created_at: time(account.createdAt),
  updated_at: time(account.updatedAt),
  delete_at: account.deleteAt === undefined ? undefined : time(account.deleteAt),
});
