import type { Command } from 'commander';
import { BY_CLI, type Cli } from '../desk.js';

export function addServiceCreate(service: Command, cli: Cli): void {
  service
    .command('create')
    .description('make a service in which permissions can be granted')
    .argument('<name>')
    .option('--title <text>', 'what people call it')
    .action((name: string, { title }: { title?: string }) =>
      cli.withContainer(async ({ permissionService }) => {
        await permissionService.services.create({ name, title }, BY_CLI);
        cli.print({ name, title }, [`Created the service ${name}.`]);
      }),
    );
}
