import { Argument, type Command } from 'commander';
import { BY_CLI, type Cli } from '../desk.js';
import { requireAccount } from './user.js';

export function addUserRole(user: Command, cli: Cli): void {
  user
    .command('role')
    .description('give an account a role (admin may everything), or take it away')
    .argument('<name>')
    .addArgument(new Argument('<change>').choices(['add', 'remove']))
    .argument('<role>')
    .action((name: string, change: 'add' | 'remove', role: string) => changeRole(cli, name, change, role));
}

async function changeRole(cli: Cli, name: string, change: 'add' | 'remove', role: string): Promise<void> {
  await cli.withContainer(async (container) => {
    const { id, username } = await requireAccount(container, name);
    const { roles } = container;
    const changed =
      change === 'add' ? await roles.grantRole(id, role, BY_CLI) : await roles.revokeRole(id, role, BY_CLI);
    const now = (await container.accounts.findById(id))?.roles ?? [];
    cli.print({ id, username, roles: now, changed }, [
      `Roles of ${username}: ${now.join(', ') || 'none'}${changed ? '' : ' (as before)'}`,
    ]);
  });
}
