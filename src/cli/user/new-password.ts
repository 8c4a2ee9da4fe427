import type { Command } from 'commander';
import { oneTimePassword } from '../../accounts/one-time-password.js';
import { CliFault, UsageFault } from '../faults.js';
import { time } from '../table.js';
import { askSecret, readSecretFromStdin, type Terminal } from '../terminal.js';

/** How a verb is given a password: by prompt, from standard input, or it makes one up. Never as an argument. */
export interface PasswordOptions {
  readonly passwordStdin?: boolean;
  readonly oneTime?: boolean;
  readonly mustChange?: boolean;
}

export interface NewPassword {
  readonly password: string;
  readonly mustChange: boolean;
  /** Milliseconds since the epoch; only of a one-time password. */
  readonly expiresAt?: number;
}

export const withPasswordOptions = (command: Command): Command =>
  command
    .option('--password-stdin', 'read the password from standard input')
    .option('--one-time', 'make a one-time password, good for 24 hours, and print it once')
    .option('--must-change', 'the person has to choose another one at the first sign-in');

async function askTwice(terminal: Terminal): Promise<string> {
  const password = await askSecret(terminal, 'Password: ');
  if ((await askSecret(terminal, 'Again: ')) !== password) throw new CliFault('The two are not the same.');
  return password;
}

/** Looks whether it is said where the password comes from, before anything is opened. */
export function requirePasswordSource(terminal: Terminal, options: PasswordOptions): void {
  if (options.passwordStdin && options.oneTime)
    throw new UsageFault('Use --password-stdin or --one-time, not both.');
  if (options.passwordStdin || options.oneTime || terminal.stdin.isTTY) return;
  throw new UsageFault('Give the password by --password-stdin, or use --one-time to have one made.');
}

export async function newPassword(
  terminal: Terminal,
  options: PasswordOptions,
  now: number,
): Promise<NewPassword> {
  if (options.oneTime) return { ...oneTimePassword(now), mustChange: true };
  const password = options.passwordStdin
    ? await readSecretFromStdin(terminal, 'password')
    : await askTwice(terminal);
  return { password, mustChange: options.mustChange ?? false };
}

/** Members of the document that show a one-time password; none where it was chosen. */
export const shownPassword = ({ password, expiresAt }: NewPassword) =>
  expiresAt === undefined
    ? {}
    : { one_time_password: password, one_time_password_expires_at: time(expiresAt) };

export const passwordLines = ({ password, expiresAt }: NewPassword): string[] =>
  expiresAt === undefined
    ? []
    : [`Password: ${password}   (shown only now, good for 24 hours, to be changed at the first sign-in)`];
