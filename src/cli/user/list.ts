import type { Command } from 'commander';
import type { Account } from '../../accounts/account.js';
import { usernameKey } from '../../accounts/usernames.js';
import type { Container } from '../../container.js';
import type { Cli } from '../desk.js';
import { table, time } from '../table.js';
import { accountDocument } from './user.js';

const PAGE = 500;

export function addUserList(user: Command, cli: Cli): void {
  user
    .command('list')
    .description('all accounts, by name')
    .action(() =>
      cli.withContainer(async (container) => {
        const accounts = await all(container);
        cli.print(accounts.map(accountDocument), linesOf(accounts));
      }),
    );
}

async function all({ accounts }: Container): Promise<Account[]> {
  const found: Account[] = [];
  let page: Account[];
  do {
    const last = found.at(-1);
    page = await accounts.list({ limit: PAGE, ...(last && { after: usernameKey(last.username) }) });
    found.push(...page);
  } while (page.length === PAGE);
  return found;
}

function stateOf({ disabled, mustChangePassword, deleteAt }: Account): string {
  if (deleteAt !== undefined) return `to be deleted ${time(deleteAt)}`;
  return disabled ? 'disabled' : mustChangePassword ? 'must change password' : 'active';
}

const linesOf = (accounts: readonly Account[]): string[] =>
  table(
    ['Name', 'State', 'Roles', 'E-mail', 'Created', 'Id'],
    accounts.map((account) => [
      account.username,
      stateOf(account),
      account.roles.join(' '),
      account.email ?? '',
      time(account.createdAt),
      account.id,
    ]),
  );
