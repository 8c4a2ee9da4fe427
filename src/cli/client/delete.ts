import type { Command } from 'commander';
import { BY_CLI, type Cli } from '../desk.js';
import { confirm } from '../terminal.js';
import { requireClient } from './client.js';

export function addClientDelete(client: Command, cli: Cli): void {
  client
    .command('delete <client_id>')
    .description('remove a client; its tokens and the consents given to it end')
    .option('--yes', 'do not ask')
    .action((clientId: string, { yes }: { yes?: boolean }) => remove(cli, clientId, yes));
}

async function remove(cli: Cli, clientId: string, yes: boolean | undefined): Promise<void> {
  await cli.withContainer(async (container) => {
    const { metadata } = await requireClient(container, clientId);
    const name = metadata.client_name ?? clientId;
    // A script knows what it names; a person may have mistyped.
    await confirm(
      cli.terminal,
      `Delete the client ${name} and end its tokens?`,
      yes || !cli.terminal.stdin.isTTY,
    );
    await container.clients.remove(clientId, BY_CLI);
    await container.payloads.revokeGrants({ clientId }, container.clock.now());
    cli.print({ client_id: clientId, deleted: true }, [
      `The client ${name} was deleted; its tokens have ended.`,
    ]);
  });
}
