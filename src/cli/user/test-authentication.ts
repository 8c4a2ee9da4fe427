import type { Command } from 'commander';
import type { Cli } from '../desk.js';
import { CliFault } from '../faults.js';
import { askSecret, readSecretFromStdin } from '../terminal.js';

export function addUserTestAuthentication(user: Command, cli: Cli): void {
  user
    .command('test-authentication <name>')
    .description(
      'say whether a password, asked for or from standard input, is right. Exit code 0 only if so.',
    )
    .action((name: string) => test(cli, name));
}

const FROM_TERMINAL = { ip: '127.0.0.1', requestId: 'cli' };

async function test(cli: Cli, username: string): Promise<void> {
  const { terminal } = cli;
  const password = terminal.stdin.isTTY
    ? await askSecret(terminal, 'Password: ')
    : await readSecretFromStdin(terminal, 'password');
  await cli.withContainer(async ({ authenticate }) => {
    const result = await authenticate({ username, password }, FROM_TERMINAL);
    if (result.outcome === 'throttled') {
      throw new CliFault(`Too many wrong passwords; try again in ${result.retryAfterSeconds} seconds.`);
    }
    const right = result.outcome !== 'wrong';
    cli.print({ username, authenticated: right, outcome: result.outcome }, [
      right ? `The password of ${username} is right.` : 'The username or the password is wrong.',
    ]);
    cli.exitCode = right ? 0 : 1;
  });
}
