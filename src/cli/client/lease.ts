import type { Command } from 'commander';
import type { RedirectLease } from '../../clients/client.js';
import { MAX_LEASE_DAYS } from '../../clients/leases.js';
import { BY_CLI, type Cli } from '../desk.js';
import { duration } from '../duration.js';
import { facts, table, time } from '../table.js';
import { requireClient } from './client.js';

const DEFAULT_DAYS = 7;

const leaseDocument = (lease: RedirectLease) => ({
  lease_id: lease.id,
  client_id: lease.clientId,
  redirect_uri: lease.redirectUri,
  created_at: time(lease.createdAt),
  expires_at: time(lease.expiresAt),
});

export function addClientLease(client: Command, cli: Cli): void {
  const lease = client
    .command('lease')
    .description('redirect URIs that end by themselves: add, list, remove');
  lease
    .command('add <client_id> <redirect_uri>')
    .description(`take this exact redirect URI for a while; ${DEFAULT_DAYS} days unless told otherwise`)
    .option('--for <duration>', `90s, 30m, 24h, 7d; at most ${MAX_LEASE_DAYS}d`, duration)
    .action((clientId: string, redirectUri: string, options: { for?: number }) =>
      cli.withContainer(async (container) => {
        const found = await requireClient(container, clientId);
        const seconds = options.for ?? DEFAULT_DAYS * 86_400;
        const made = await container.redirectLeases.add(found, { redirectUri, seconds }, BY_CLI);
        cli.print(
          leaseDocument(made),
          facts([
            ['lease_id', made.id],
            ['redirect_uri', made.redirectUri],
            ['ends', time(made.expiresAt)],
          ]),
        );
      }),
    );
  lease
    .command('list <client_id>')
    .description('the redirect leases of a client that have not ended')
    .action((clientId: string) =>
      cli.withContainer(async (container) => {
        await requireClient(container, clientId);
        const leases = await container.redirectLeases.listOf(clientId);
        const rows = leases.map((one) => [one.id, one.redirectUri, time(one.expiresAt)]);
        cli.print(leases.map(leaseDocument), table(['Lease', 'Redirect URI', 'Ends'], rows));
      }),
    );
  lease
    .command('remove <client_id> <lease_id>')
    .description('end a redirect lease now')
    .action((clientId: string, leaseId: string) =>
      cli.withContainer(async (container) => {
        await container.redirectLeases.remove(clientId, leaseId, BY_CLI);
        cli.print({ lease_id: leaseId, removed: true }, [`The redirect lease ${leaseId} has ended.`]);
      }),
    );
}
