import type { Command } from 'commander';
import type { Cli } from '../desk.js';
import { table } from '../table.js';
import { clientDocument } from './client.js';

export function addClientList(client: Command, cli: Cli): void {
  client
    .command('list')
    .description('all clients, oldest first')
    .action(() =>
      cli.withContainer(async ({ clients }) => {
        const all = await clients.listAll();
        const rows = all.map(({ clientId, metadata, resourceServer }) => [
          clientId,
          metadata.client_name ?? '',
          metadata.grant_types.join(' ') || (resourceServer ? '(resource server)' : ''),
          metadata.token_endpoint_auth_method,
        ]);
        cli.print(all.map(clientDocument), table(['Client', 'Name', 'Grant types', 'Authentication'], rows));
      }),
    );
}
