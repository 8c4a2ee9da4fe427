import type { Command } from 'commander';
import { BY_CLI, type Cli } from '../desk.js';
import { CliFault } from '../faults.js';
import { confirm } from '../terminal.js';

export function addRoleChanges(role: Command, cli: Cli): void {
  role
    .command('create')
    .description('make a role that can be given to people and granted permissions')
    .argument('<name>')
    .option('--description <text>')
    .action((name: string, { description }: { description?: string }) =>
      cli.withContainer(async ({ roles }) => {
        if (!(await roles.createRole({ name, description }, BY_CLI)))
          throw new CliFault(`There is a role ${name} already.`);
        cli.print({ name, description }, [`Created the role ${name}.`]);
      }),
    );
  role
    .command('delete')
    .description('delete a role: everybody loses it, with what services grant to it')
    .argument('<name>')
    .option('--yes', 'do not ask')
    .action((name: string, { yes }: { yes?: boolean }) =>
      cli.withContainer(async ({ roles }) => {
        await confirm(cli.terminal, `Delete the role ${name} and take it from everybody?`, yes);
        if (!(await roles.removeRole(name, BY_CLI))) throw new CliFault(`There is no role named ${name}.`);
        cli.print({ name, deleted: true }, [`Deleted the role ${name}.`]);
      }),
    );
}
