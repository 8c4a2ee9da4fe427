import type { Command } from 'commander';
import { type Rekeyed, rekeyPlace } from '../platform/crypto/rekey.js';
import { BY_CLI, type Cli } from './desk.js';
import { table } from './table.js';

export function addSecretsVerbs(program: Command, cli: Cli): void {
  const secrets = program.command('secrets').description('what is sealed with SECRET_KEY: rekey');
  secrets
    .command('rekey')
    .description('seal everything again under the first SECRET_KEY, so that the others can leave the list')
    .action(() => rekey(cli));
}

async function rekey(cli: Cli): Promise<void> {
  await cli.withContainer(async ({ sealedPlaces, audit }) => {
    const all: Rekeyed[] = [];
    for (const place of sealedPlaces) {
      cli.progress(`Sealing ${place.name} again …`);
      const report = ({ resealed, current }: Rekeyed) => cli.progress(`  ${resealed + current} so far`);
      all.push(await rekeyPlace(place, report));
    }
    const sum = (what: 'resealed' | 'unreadable') => all.reduce((total, one) => total + one[what], 0);
    await audit.record({
      event: 'secrets.rekeyed',
      outcome: sum('unreadable') === 0 ? 'success' : 'failure',
      ...BY_CLI,
      detail: { resealed: sum('resealed'), unreadable: sum('unreadable') },
    });
    if (sum('unreadable') > 0) cli.exitCode = 1;
    cli.print(
      { places: all, resealed: sum('resealed'), unreadable: sum('unreadable') },
      linesOf(all, sum('unreadable')),
    );
  });
}

const linesOf = (all: readonly Rekeyed[], unreadable: number): string[] => [
  ...table(
    ['What', 'Sealed again', 'Up to date', 'Unreadable'],
    all.map((one) => [one.name, String(one.resealed), String(one.current), String(one.unreadable)]),
  ),
  '',
  unreadable === 0
    ? 'Everything is sealed under the first SECRET_KEY.'
    : `${unreadable} could not be opened by any SECRET_KEY and were left as they are: put the key that sealed them into the list, and run this again.`,
];
