import type { Command } from 'commander';
import { BY_CLI, type Cli } from '../desk.js';
import { CliFault, UsageFault } from '../faults.js';
import { findPerson } from '../user/token.js';

interface Options {
  readonly user?: string;
}

export function addMintedRevoke(minted: Command, cli: Cli): void {
  minted
    .command('revoke [jti]')
    .description(
      'end a token and all that were refreshed from it; /auth/verify and /auth/refresh see it at once',
    )
    .option('--user <name>', 'every token of this account instead')
    .action((jti: string | undefined, options: Options) => revoke(cli, jti, options));
}

async function revoke(cli: Cli, jti: string | undefined, { user }: Options): Promise<void> {
  if ((jti === undefined) === (user === undefined))
    throw new UsageFault('Name a token, or say --user <name>.');
  await cli.withContainer(async (container) => {
    const { ledger } = container.dserver;
    const token = jti === undefined ? undefined : await ledger.find(jti);
    if (jti !== undefined && token === undefined) throw new CliFault(`There is no token ${jti}.`);
    const which = token
      ? { id: token.family.id }
      : { accountId: (await findPerson(container, user ?? '')).id };
    const count = await ledger.revoke(which, BY_CLI.actorId);
    const lines = [
      token
        ? count > 0
          ? 'The token and what was refreshed from it are revoked.'
          : 'The token was over already.'
        : `${count} ${count === 1 ? 'sign-in' : 'sign-ins'} of ${user} lost their tokens.`,
      'dserver itself takes a revoked token until it expires.',
    ];
    cli.print({ revoked: count }, lines);
  });
}
