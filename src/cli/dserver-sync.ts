import type { Command } from 'commander';
import type { Cli } from './desk.js';
import { CliFault } from './faults.js';

export function addDserverVerbs(program: Command, cli: Cli): void {
  const dserver = program.command('dserver').description('the dserver behind the tokens: sync');
  dserver
    .command('sync')
    .description('make new dserver names known to DSERVER_SYNC_URL now (a running server does so by itself)')
    .action(() =>
      cli.withContainer(async (container) => {
        const { sync } = container.dserver;
        if (!sync.on) throw new CliFault('DSERVER_SYNC_URL and DSERVER_SYNC_ADMIN are not both set');
        const results = await sync.run();
        const failed = results.filter(({ outcome }) => outcome === 'failed');
        cli.print(
          results,
          results.length === 0
            ? ['There is nothing new.']
            : results.map(({ name, outcome, reason }) => [name, outcome, reason].filter(Boolean).join(': ')),
        );
        cli.exitCode = failed.length > 0 ? 1 : 0;
      }),
    );
}
