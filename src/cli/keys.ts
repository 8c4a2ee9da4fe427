import { Argument, type Command } from 'commander';
import { SIGNING_ALGS, type SigningAlg, type SigningKeyFacts } from '../keys/signing-keys.js';
import { BY_CLI, type Cli } from './desk.js';
import { table, time } from './table.js';

export function addKeysVerbs(program: Command, cli: Cli): void {
  const keys = program.command('keys').description('signing keys: list, generate');
  keys
    .command('list')
    .description('all signing keys; the oldest of an algorithm signs')
    .action(() =>
      cli.withContainer(async ({ signingKeys, config }) => {
        const all = await signingKeys.list();
        cli.print(
          all.map((key) => documentOf(key, all)),
          [`Keys in ${config.keysDir}:`, '', ...linesOf(all)],
        );
      }),
    );
  keys
    .command('generate')
    .description('make one more key of an algorithm')
    .addArgument(new Argument('<alg>').choices(SIGNING_ALGS))
    .action((alg: SigningAlg) => generate(cli, alg));
}

async function generate(cli: Cli, alg: SigningAlg): Promise<void> {
  await cli.withContainer(async ({ signingKeys, audit }) => {
    const key = await signingKeys.generate(alg);
    const detail = { alg, kid: key.kid };
    await audit.record({ event: 'keys.generated', outcome: 'success', ...BY_CLI, detail });
    cli.print(documentOf(key, await signingKeys.list()), [
      `The ${alg} key ${key.kid} was made. Servers publish it from their next start on; the older one signs.`,
    ]);
  });
}

const useOf = (key: SigningKeyFacts, all: readonly SigningKeyFacts[]): string =>
  all.find(({ alg }) => alg === key.alg)?.kid === key.kid ? 'signs' : 'announced';

const documentOf = (key: SigningKeyFacts, all: readonly SigningKeyFacts[]) => ({
  kid: key.kid,
  alg: key.alg,
  use: useOf(key, all),
  created_at: time(key.createdAt),
});

const linesOf = (keys: readonly SigningKeyFacts[]): string[] =>
  table(
    ['Algorithm', 'Key', 'Use', 'Created'],
    keys.map((key) => [key.alg, key.kid, useOf(key, keys), time(key.createdAt)]),
  );
