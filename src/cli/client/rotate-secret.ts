import type { Command } from 'commander';
import { BY_CLI, type Cli } from '../desk.js';
import { MAX_KEEP_DAYS } from '../../clients/register.js';
import { CliFault } from '../faults.js';
import { duration } from '../duration.js';
import { facts, time } from '../table.js';
import { requireClient } from './client.js';

export function addClientRotateSecret(client: Command, cli: Cli): void {
  client
    .command('rotate-secret <client_id>')
    .description('give a client a new secret, printed once; the old one ends at once')
    .option('--keep-old <duration>', 'let the old one work on for so long: 90s, 30m, 24h, 7d', duration)
    .action((clientId: string, { keepOld = 0 }: { keepOld?: number }) => rotate(cli, clientId, keepOld));
}

async function rotate(cli: Cli, clientId: string, keepOld: number): Promise<void> {
  if (keepOld > MAX_KEEP_DAYS * 86_400) {
    throw new CliFault(`The old secret can be kept for at most ${MAX_KEEP_DAYS} days.`);
  }
  await cli.withContainer(async (container) => {
    await requireClient(container, clientId);
    const endOldAt = container.clock.now() + keepOld * 1000;
    const secret = await container.clients.rotateSecret(clientId, { ...BY_CLI, endOldAt });
    const end = keepOld === 0 ? 'ended' : `ends ${time(endOldAt)} at the latest`;
    cli.print(
      {
        client_id: clientId,
        client_secret: secret,
        client_secret_expires_at: 0,
        old_secret_ends_at: time(endOldAt),
      },
      facts([
        ['client_id', clientId],
        ['client_secret', `${secret}   (shown only now)`],
        ['old secret', end],
      ]),
    );
  });
}
