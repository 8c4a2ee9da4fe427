import type { Command } from 'commander';
import type { DserverRights } from '../../dserver/rights.js';
import { BY_CLI, type Cli } from '../desk.js';
import { UsageFault } from '../faults.js';
import { facts, time } from '../table.js';
import { findPerson } from './token.js';

interface Options {
  readonly allow?: boolean;
  readonly deny?: boolean;
  readonly byRules?: boolean;
  readonly permissions?: string;
}

export function addUserDserver(user: Command, cli: Cli): void {
  user
    .command('dserver <name>')
    .description('an account’s dserver name and whether it gets tokens; with options, change that')
    .option('--allow', 'it gets dserver tokens, also where it was made by signing up')
    .option('--deny', 'it gets none; those it has are refused here from now on')
    .option('--by-rules', 'as the settings say')
    .option('--permissions <list>', 'comma list of what its tokens say it may do; default for the usual ones')
    .action((name: string, options: Options) => run(cli, name, options));
}

function changed(now: DserverRights, { allow, deny, byRules, permissions }: Options): DserverRights {
  if ([allow, deny, byRules].filter(Boolean).length > 1) {
    throw new UsageFault('Use one of --allow, --deny and --by-rules.');
  }
  const list = permissions
    ?.split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  return {
    allowed: allow ? true : deny ? false : byRules ? undefined : now.allowed,
    permissions: permissions === undefined ? now.permissions : permissions === 'default' ? undefined : list,
  };
}

async function run(cli: Cli, name: string, options: Options): Promise<void> {
  await cli.withContainer(async (container) => {
    const { dserver, config } = container;
    const { id, username } = await findPerson(container, name);
    const before = await dserver.rights.of(id);
    const rights = changed(before, options);
    if (Object.keys(options).length > 0) {
      await dserver.rights.set(id, rights, BY_CLI.actorId);
      if (rights.allowed === false) await dserver.ledger.revoke({ accountId: id }, BY_CLI.actorId);
    }
    const held = await dserver.names.of(id);
    const allowed = rights.allowed === undefined ? 'by the rules' : rights.allowed ? 'yes' : 'no';
    const permissions = rights.permissions ?? config.dserver.defaultPermissions;
    cli.print(
      {
        id,
        username,
        dserver_name: held?.name,
        source: held?.source,
        allowed: rights.allowed ?? null,
        permissions,
      },
      facts([
        ['User', username],
        ['dserver name', held ? `${held.name} (${held.source}, since ${time(held.createdAt)})` : 'none yet'],
        ['Gets tokens', allowed],
        ['Permissions', permissions.join(', ')],
      ]),
    );
  });
}
