import { Argument, type Command, Option } from 'commander';
import { SIGNING_ALGS, type SigningAlg, type SigningKeyFacts } from '../keys/signing-keys.js';
import { BY_CLI, type Cli } from './desk.js';
import { duration } from './duration.js';
import { CliFault, UsageFault } from './faults.js';
import { table, time } from './table.js';
import { confirm } from './terminal.js';

export function addKeysVerbs(program: Command, cli: Cli): void {
  const keys = program.command('keys').description('signing keys: list, rotate, revoke');
  keys
    .command('list')
    .description('all signing keys, and what each is for')
    .action(() =>
      cli.withContainer(async ({ signingKeys }) => {
        const all = await signingKeys.list();
        cli.print(all.map(documentOf), linesOf(all));
      }),
    );
  const algorithm = () => new Argument('[alg]', 'every algorithm where none is named').choices(SIGNING_ALGS);
  keys
    .command('rotate')
    .alias('generate')
    .description('announce the next key; it signs a day later, on every node, without a restart')
    .addArgument(algorithm())
    .addOption(
      new Option('--in <time>', 'until it signs, like 1h; who caches the key set needs that long').argParser(
        duration,
      ),
    )
    .action((alg: SigningAlg | undefined, { in: seconds }: { in?: number }) =>
      rotate(cli, alg === undefined ? SIGNING_ALGS : [alg], seconds),
    );
  keys
    .command('revoke')
    .description('withdraw a key at once, in an emergency: what it signed is no longer accepted')
    .argument('[kid]')
    .option('--lost', 'all that no secret in SECRET_KEY opens any more')
    .option('--yes', 'do not ask')
    .action((kid: string | undefined, { lost, yes }: { lost?: boolean; yes?: boolean }) => {
      if ((kid === undefined) === (lost === undefined)) throw new UsageFault('Name a key, or say --lost.');
      return kid === undefined ? revokeLost(cli, yes) : revoke(cli, kid, yes);
    });
}

async function rotate(cli: Cli, algs: readonly SigningAlg[], seconds?: number): Promise<void> {
  await cli.withContainer(async ({ signingKeys }) => {
    const made: SigningKeyFacts[] = [];
    for (const alg of algs) {
      const key = await signingKeys.rotate(
        alg,
        BY_CLI.actorId,
        seconds === undefined ? undefined : seconds * 1000,
      );
      if (key === undefined) cli.progress(`${alg}: the next key is announced already`);
      else made.push(key);
    }
    if (made.length === 0) throw new CliFault('No key was made: each next one is announced already.');
    cli.print(
      algs.length === 1 ? made.map(documentOf)[0] : made.map(documentOf),
      made.map(
        ({ alg, kid, signsAt }) =>
          `The ${alg} key ${kid} is published within a minute and signs from ${time(signsAt)} on.`,
      ),
    );
  });
}

async function revoke(cli: Cli, kid: string, yes: boolean | undefined): Promise<void> {
  await cli.withContainer(async ({ signingKeys }) => {
    const key = (await signingKeys.list()).find((one) => one.kid === kid && one.state !== 'revoked');
    if (key === undefined) throw new CliFault(`There is no living key ${kid}.`);
    await confirm(cli.terminal, `Withdraw the ${key.alg} key ${kid}, and all it signed?`, yes);
    if (!(await signingKeys.revoke(kid, BY_CLI.actorId))) {
      throw new CliFault(`The key ${kid} could not be withdrawn: somebody else has done it meanwhile.`);
    }
    const after = (await signingKeys.list()).filter(({ alg }) => alg === key.alg);
    cli.print(after.map(documentOf), [
      'Withdrawn. Every node follows within a minute.',
      '',
      ...linesOf(after),
    ]);
  });
}

/** The container cannot be made while a key is lost, so it is told to see to them first. */
async function revokeLost(cli: Cli, yes: boolean | undefined): Promise<void> {
  await confirm(cli.terminal, 'Withdraw every key that SECRET_KEY does not open, and all they signed?', yes);
  await cli.withContainer(
    async ({ signingKeys }) => {
      const all = await signingKeys.list();
      cli.print(all.map(documentOf), linesOf(all));
    },
    { revokeLostKeys: BY_CLI.actorId },
  );
}

const documentOf = ({ kid, alg, state, createdAt, signsAt }: SigningKeyFacts) => ({
  kid,
  alg,
  use: state,
  created_at: time(createdAt),
  signs_at: time(signsAt),
});

const linesOf = (keys: readonly SigningKeyFacts[]): string[] =>
  table(
    ['Algorithm', 'Key', 'Use', 'Signs from'],
    keys.map(({ alg, kid, state, signsAt }) => [alg, kid, state, time(signsAt)]),
  );
