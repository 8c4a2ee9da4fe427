import type { Command } from 'commander';
import { prune } from '../serve/prune.js';
import type { Cli } from './desk.js';

export function addPruneVerb(program: Command, cli: Cli): void {
  program
    .command('prune')
    .description('remove what ended more than ten minutes ago (a running server does so every minute)')
    .action(() =>
      cli.withContainer(async (container) => {
        const removed = await prune(container, undefined, (soFar) =>
          cli.progress(`Removed ${soFar} rows so far`),
        );
        cli.print({ removed }, [`Removed ${removed} ${removed === 1 ? 'row' : 'rows'}.`]);
      }),
    );
}
