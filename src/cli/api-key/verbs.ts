import { type Command, InvalidArgumentError } from 'commander';
import { MAX_DAYS } from '../../dserver/api-keys.js';
import { BY_CLI, type Cli } from '../desk.js';
import { collect } from '../duration.js';
import { CliFault } from '../faults.js';
import { table, time } from '../table.js';
import { findPerson } from '../user/token.js';

interface CreateOptions {
  readonly label: string;
  readonly days: number;
  readonly permission?: readonly string[];
}

function days(text: string): number {
  if (/^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= MAX_DAYS) return Number(text);
  throw new InvalidArgumentError(`Write a number of days from 1 to ${MAX_DAYS}.`);
}

export function addApiKeyVerbs(program: Command, cli: Cli): void {
  const keys = program
    .command('api-key')
    .description('keys with which scripts get dserver tokens: create, list, revoke');
  keys
    .command('create <name>')
    .description('make a key for an account and print it once')
    .requiredOption('--label <text>', 'what it is for')
    .option('--days <days>', 'how long it is good', days, 90)
    .option(
      '--permission <name>',
      'what its tokens may do (may be repeated); otherwise all the account may',
      collect,
    )
    .action((name: string, options: CreateOptions) => create(cli, name, options));
  keys
    .command('list <name>')
    .description('the keys of an account; never the keys themselves')
    .action((name: string) => list(cli, name));
  keys
    .command('revoke <name> <id>')
    .description('end a key and the tokens got with it')
    .action((name: string, id: string) => revoke(cli, name, id));
}

async function create(cli: Cli, name: string, options: CreateOptions): Promise<void> {
  await cli.withContainer(async (container) => {
    const { dserver } = container;
    const { id, username } = await findPerson(container, name);
    const mayBe = await dserver.permissionsOf(id);
    const { apiKey, secret } = await dserver.apiKeys.create(
      id,
      {
        label: options.label,
        days: options.days,
        permissions: options.permission ?? mayBe,
        createdBy: BY_CLI.actorId,
      },
      mayBe,
    );
    cli.print(
      { id: apiKey.id, api_key: secret, expires_at: time(apiKey.expiresAt), permissions: apiKey.permissions },
      [`Key: ${secret}   (shown only now; for ${username}, good until ${time(apiKey.expiresAt)})`],
    );
  });
}

async function list(cli: Cli, name: string): Promise<void> {
  await cli.withContainer(async (container) => {
    const { id } = await findPerson(container, name);
    const found = await container.dserver.apiKeys.listOf(id);
    const used = (at: number | undefined): string => (at === undefined ? 'never' : time(at));
    const documents = found.map((key) => ({
      id: key.id,
      label: key.label,
      hint: key.hint,
      permissions: key.permissions,
      created_at: time(key.createdAt),
      expires_at: time(key.expiresAt),
      last_used_at: key.lastUsedAt === undefined ? null : time(key.lastUsedAt),
    }));
    const rows = found.map((key) => [
      key.id,
      key.label,
      `…${key.hint}`,
      key.permissions.join(','),
      time(key.expiresAt),
      used(key.lastUsedAt),
    ]);
    cli.print(
      documents,
      rows.length > 0
        ? table(['Id', 'For', 'Ends in', 'Permissions', 'Until', 'Last used'], rows)
        : ['The account has no keys.'],
    );
  });
}

async function revoke(cli: Cli, name: string, keyId: string): Promise<void> {
  await cli.withContainer(async (container) => {
    const { id } = await findPerson(container, name);
    if (!(await container.dserver.apiKeys.revoke(id, keyId, BY_CLI.actorId))) {
      throw new CliFault(`${name} has no key ${keyId}.`);
    }
    cli.print({ id: keyId, revoked: true }, ['The key and its tokens are revoked.']);
  });
}
