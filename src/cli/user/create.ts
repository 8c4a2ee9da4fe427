import type { Command } from 'commander';
import { BY_CLI, type Cli } from '../desk.js';
import { collect } from '../duration.js';
import {
  newPassword,
  type PasswordOptions,
  passwordLines,
  requirePasswordSource,
  shownPassword,
  withPasswordOptions,
} from './new-password.js';
import { accountDocument } from './user.js';

interface Options extends PasswordOptions {
  readonly email?: string;
  readonly emailVerified?: boolean;
  readonly displayName?: string;
  readonly givenName?: string;
  readonly familyName?: string;
  readonly role?: readonly string[];
}

export function addUserCreate(user: Command, cli: Cli): void {
  const command = user
    .command('create <name>')
    .description('make an account; the password is asked for')
    .option('--email <address>', 'its e-mail address')
    .option('--email-verified', 'the address is known to be the person’s own')
    .option('--display-name <name>', 'its name on pages and in tokens')
    .option('--given-name <name>')
    .option('--family-name <name>')
    .option('--role <role>', 'a role it has, such as admin (may be repeated)', collect);
  withPasswordOptions(command).action((name: string, options: Options) => create(cli, name, options));
}

async function create(cli: Cli, username: string, options: Options): Promise<void> {
  requirePasswordSource(cli.terminal, options);
  await cli.withContainer(async ({ register, clock }) => {
    const given = await newPassword(cli.terminal, options, clock.now());
    const account = await register.register({
      username,
      password: given.password,
      mustChangePassword: given.mustChange,
      passwordExpiresAt: given.expiresAt,
      email: options.email,
      emailVerified: options.emailVerified,
      displayName: options.displayName,
      givenName: options.givenName,
      familyName: options.familyName,
      roles: options.role,
      createdBy: BY_CLI.actorId,
    });
    cli.print({ ...accountDocument(account), ...shownPassword(given) }, [
      `User ${account.username} was created (${account.id}).`,
      ...passwordLines(given),
    ]);
  });
}
