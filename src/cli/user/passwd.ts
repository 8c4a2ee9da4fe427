import type { Command } from 'commander';
import { BY_CLI, type Cli } from '../desk.js';
import {
  newPassword,
  type PasswordOptions,
  passwordLines,
  requirePasswordSource,
  shownPassword,
  withPasswordOptions,
} from './new-password.js';
import { requireAccount } from './user.js';

export function addUserPasswd(user: Command, cli: Cli): void {
  const command = user
    .command('passwd <name>')
    .description(
      'give an account another password and end its sessions and the tokens given to applications',
    );
  withPasswordOptions(command).action((name: string, options: PasswordOptions) => passwd(cli, name, options));
}

async function passwd(cli: Cli, name: string, options: PasswordOptions): Promise<void> {
  requirePasswordSource(cli.terminal, options);
  await cli.withContainer(async (container) => {
    const { id, username } = await requireAccount(container, name);
    const given = await newPassword(cli.terminal, options, container.clock.now());
    await container.setPassword(id, given.password, undefined, {
      ...BY_CLI,
      mustChange: given.mustChange,
      expiresAt: given.expiresAt,
    });
    // Whoever knew the old one may still be signed in, or have tokens. First, to know how many there were.
    const ended = await container.payloads.endSessions(id);
    await container.endAccess(id);
    cli.print({ id, username, ended_sessions: ended, ...shownPassword(given) }, [
      `The password of ${username} was changed; ${ended} browser ${ended === 1 ? 'session' : 'sessions'} ended.`,
      ...passwordLines(given),
    ]);
  });
}
