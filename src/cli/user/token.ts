import { type Command, InvalidArgumentError } from 'commander';
import type { Account } from '../../accounts/account.js';
import { usernameKey } from '../../accounts/usernames.js';
import type { Container } from '../../container.js';
import type { Cli } from '../desk.js';
import { CliFault, UsageFault } from '../faults.js';

interface Options {
  readonly hours?: number;
  readonly lastForever?: boolean;
}

const MAX_HOURS = 87_600;

function hours(text: string): number {
  const value = Number(text);
  if (/^\d{1,6}$/.test(text) && value >= 1 && value <= MAX_HOURS) return value;
  throw new InvalidArgumentError(`Write a number of hours from 1 to ${MAX_HOURS}.`);
}

export function addUserToken(user: Command, cli: Cli): void {
  user
    .command('token <name>')
    .description('mint a dserver token for an account and print it once; it is noted in `minted list`')
    .option('--hours <hours>', 'how long it is good; otherwise as JWT_TOKEN_EXPIRY_HOURS says', hours)
    .option(
      '--last-forever',
      'it never expires; only revoking ends it, and dserver itself sees no revocation',
    )
    .action((name: string, options: Options) => mint(cli, name, options));
}

/** By its user name here, or by the name dserver knows. */
export async function findPerson(container: Container, name: string): Promise<Account> {
  const { accounts, dserver } = container;
  const known = await dserver.names.find(name);
  const account =
    (await accounts.findByUsernameKey(usernameKey(name))) ??
    (known?.accountId === undefined ? undefined : await accounts.findById(known.accountId));
  if (account === undefined) throw new CliFault(`There is no user named ${name}.`);
  return account;
}

async function mint(cli: Cli, name: string, options: Options): Promise<void> {
  if (options.hours !== undefined && options.lastForever) {
    throw new UsageFault('Use --hours or --last-forever, not both.');
  }
  await cli.withContainer(async (container) => {
    const account = await findPerson(container, name);
    const lifetime = options.lastForever ? 'forever' : options.hours && options.hours * 3600;
    const issued = await container.dserver.issue.forOperator(account, lifetime);
    const { token, username, claims } = issued;
    cli.print({ token, username, jti: claims.jti, expires_at: claims.exp ?? null }, [token]);
    cli.progress(`For ${username}; noted as ${claims.jti}.`);
  });
}
