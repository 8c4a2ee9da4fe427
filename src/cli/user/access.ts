import type { Command } from 'commander';
import { BY_CLI, type Cli } from '../desk.js';
import { requireAccount } from './user.js';

export function addUserAccess(user: Command, cli: Cli): void {
  user
    .command('disable <name>')
    .description('shut an account out: sign-in, sessions and tokens end at once')
    .action((name: string) =>
      cli.withContainer(async (container) => {
        const { id, username } = await requireAccount(container, name);
        const changed = await container.disableAccounts.disable(id, BY_CLI);
        const how = changed ? 'is disabled' : 'was disabled before';
        // What others use goes on: whether it should is the administrator's to say.
        const clients = (await container.clients.listOf(id)).map(({ clientId }) => clientId);
        cli.print({ id, username, disabled: true, changed, clients }, [
          `${username} ${how}; its sessions and tokens have ended.`,
          ...(clients.length === 0
            ? []
            : [
                `Its clients go on: ${clients.join(', ')}.`,
                'client delete ends one, client rotate-secret shuts its holder out.',
              ]),
        ]);
      }),
    );
  user
    .command('enable <name>')
    .description('let a disabled account sign in again; what was ended stays ended')
    .action((name: string) =>
      cli.withContainer(async (container) => {
        const { id, username } = await requireAccount(container, name);
        const changed = await container.disableAccounts.enable(id, BY_CLI);
        cli.print({ id, username, disabled: false, changed }, [
          changed ? `${username} may sign in again.` : `${username} was not disabled.`,
        ]);
      }),
    );
}
