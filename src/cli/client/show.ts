import type { Command } from 'commander';
import type { Cli } from '../desk.js';
import { clientDocument, clientLines, requireClient } from './client.js';

export function addClientShow(client: Command, cli: Cli): void {
  client
    .command('show <client_id>')
    .description('one client; secrets are not kept as text and cannot be shown')
    .action((clientId: string) =>
      cli.withContainer(async (container) => {
        const found = await requireClient(container, clientId);
        cli.print(clientDocument(found), clientLines(found));
      }),
    );
}
