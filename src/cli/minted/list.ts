import { type Command, InvalidArgumentError } from 'commander';
import type { MintedToken } from '../../dserver/ledger.js';
import type { Cli } from '../desk.js';
import { table, time } from '../table.js';
import { findPerson } from '../user/token.js';

interface Options {
  readonly user?: string;
  readonly all?: boolean;
  readonly limit: number;
}

const MAX = 10_000;

function limit(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= MAX) return Number(text);
  throw new InvalidArgumentError(`Write a number from 1 to ${MAX}.`);
}

export function addMintedList(minted: Command, cli: Cli): void {
  minted
    .command('list')
    .description('who was given tokens, why and until when, newest first; never the tokens themselves')
    .option('--user <name>', 'of this account only')
    .option('--all', 'ended and revoked ones too')
    .option('--limit <count>', 'at most so many', limit, 100)
    .action((options: Options) => list(cli, options));
}

const document = ({
  jti,
  family,
  subject,
  kind,
  reason,
  audience,
  clientIp,
  createdAt,
  expiresAt,
}: MintedToken) => ({
  jti,
  family: family.id,
  sub: subject,
  account_id: family.accountId,
  kind,
  reason,
  audience,
  ip: clientIp,
  created_at: time(createdAt),
  expires_at: expiresAt === undefined ? null : time(expiresAt),
  revoked_at: family.revokedAt === undefined ? null : time(family.revokedAt),
});

async function list(cli: Cli, { user, all, limit: most }: Options): Promise<void> {
  await cli.withContainer(async (container) => {
    const person = user === undefined ? undefined : await findPerson(container, user);
    const found = await container.dserver.ledger.list({
      ...(person ? { accountId: person.id } : {}),
      liveOnly: !all,
      limit: most,
    });
    const rows = found.map((one) => [
      one.jti,
      one.subject,
      one.reason,
      one.audience,
      time(one.createdAt),
      one.expiresAt === undefined ? 'never' : time(one.expiresAt),
      one.family.revokedAt === undefined ? '' : 'revoked',
    ]);
    const titles = ['Token', 'Name', 'Why', 'Audience', 'Made', 'Ends', ''];
    cli.print(found.map(document), rows.length > 0 ? table(titles, rows) : ['There are none.']);
  });
}
