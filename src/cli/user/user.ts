import type { Command } from 'commander';
import type { Account } from '../../accounts/account.js';
import { usernameKey } from '../../accounts/usernames.js';
import type { Container } from '../../container.js';
import type { Cli } from '../desk.js';
import { CliFault } from '../faults.js';
import { time } from '../table.js';
import { addUserAccess } from './access.js';
import { addUserCreate } from './create.js';
import { addUserList } from './list.js';
import { addUserPasswd } from './passwd.js';
import { addUserRole } from './role.js';

export function addUserVerbs(program: Command, cli: Cli): void {
  const user = program.command('user').description('accounts: create, list, passwd, disable, enable, role');
  addUserCreate(user, cli);
  addUserList(user, cli);
  addUserPasswd(user, cli);
  addUserAccess(user, cli);
  addUserRole(user, cli);
}

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
});
