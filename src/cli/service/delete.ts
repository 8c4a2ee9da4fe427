import type { Command } from 'commander';
import { BY_CLI, type Cli } from '../desk.js';
import { CliFault } from '../faults.js';
import { confirm } from '../terminal.js';
import { requireService } from './service.js';

export function addServiceDelete(service: Command, cli: Cli): void {
  service
    .command('delete')
    .description('delete a service with everything that is granted in it')
    .argument('<name>')
    .option('--yes', 'do not ask')
    .action((name: string, { yes }: { yes?: boolean }) => remove(cli, name, yes));
}

async function remove(cli: Cli, name: string, yes: boolean | undefined): Promise<void> {
  await cli.withContainer(async (container) => {
    const { services } = container.permissionService;
    await requireService(container, name);
    const count = (await services.listGrants(name)).length;
    await confirm(cli.terminal, `Delete the service ${name} and its ${count} grants?`, yes);
    if (!(await services.remove(name, BY_CLI))) throw new CliFault(`There is no service named ${name}.`);
    cli.print({ name, deleted: true, grants: count }, [`Deleted the service ${name}.`]);
  });
}
