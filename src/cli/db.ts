import type { Command } from 'commander';
import { copyBetween, prepareTarget, restoreBackup, takeBackup } from '../platform/database/backup.js';
import { type Copied, isOnePlace } from '../platform/database/copy.js';
import type { DatabaseSettings } from '../platform/database/database.js';
import { requireCurrentSchema } from '../platform/database/migrate.js';
import { placeName } from '../platform/database/place-name.js';
import { readDatabaseUrl } from '../platform/config/database-url.js';
import { UsageFault } from './faults.js';
import type { Cli } from './desk.js';
import { table } from './table.js';
import { confirm } from './terminal.js';

interface CopyOptions {
  readonly to: string;
  readonly replace?: boolean;
  readonly yes?: boolean;
}

export function addDbVerbs(program: Command, cli: Cli): void {
  program
    .command('db')
    .description('the data: copy')
    .command('copy')
    .description('copy everything from DATABASE_URL to another database, and compare the two')
    .requiredOption('--to <url>', 'sqlite:./file or postgres://user@host/database (PGPASSWORD is heeded)')
    .option('--replace', 'in place of what is in the target, which is lost once the copy is whole')
    .option('--yes', 'do not ask')
    .action((options: CopyOptions) => copy(cli, options));
  program
    .command('backup')
    .description('write a backup of the database to a file, while servers go on')
    .argument('<file>', 'a new file')
    .action((file: string) => backup(cli, file));
  program
    .command('restore')
    .description('put a backup into the database of DATABASE_URL, which must be empty')
    .argument('<file>', 'what backup wrote')
    .action((file: string) => restore(cli, file));
}

function targetOf(url: string, { poolMax, timeoutMs }: DatabaseSettings): DatabaseSettings {
  const address = readDatabaseUrl(url);
  if ('problem' in address) throw new UsageFault(`--to ${address.problem}.`);
  if (address.file === ':memory:') throw new UsageFault('--to memory would be gone at once; name a file.');
  return { ...address, name: '--to', prepared: 'off', poolMax, timeoutMs };
}

async function copy(cli: Cli, { to, replace, yes }: CopyOptions): Promise<void> {
  const source = databaseOf(cli);
  const target = targetOf(to, source);
  await requireCurrentSchema(source);
  if (await isOnePlace(source, target)) throw new UsageFault('--to is DATABASE_URL itself.');
  if (replace) await confirm(cli.terminal, `Replace all that is in ${placeName(target)}?`, yes);
  const options = { replace: replace === true };
  await prepareTarget(target, cli.progress, options);
  tell(cli, 'Copied', await copyBetween(source, target, cli.progress, options));
}

async function backup(cli: Cli, file: string): Promise<void> {
  tell(cli, `Wrote ${file}:`, await takeBackup(databaseOf(cli), file, { report: cli.progress }));
}

async function restore(cli: Cli, file: string): Promise<void> {
  tell(cli, 'Restored', await restoreBackup(file, databaseOf(cli), { report: cli.progress }));
}

function databaseOf(cli: Cli): DatabaseSettings {
  const { database } = cli.settings().config;
  if (database.file === ':memory:') throw new UsageFault('DATABASE_URL: memory is shared with no server.');
  return database;
}

function tell(cli: Cli, did: string, { tables, notCopied }: Copied): void {
  const rows = tables.reduce((sum, one) => sum + one.rows, 0);
  cli.print({ tables, rows, not_copied: notCopied }, [
    ...table(
      ['Table', 'Rows', 'Hash'],
      tables.map(({ table: name, rows: count, hash }) => [name, String(count), hash.slice(0, 16)]),
    ),
    '',
    `${did} ${tables.length} tables, ${rows} rows; counts and hashes agree. SECRET_KEY and KEYS_DIR are not among them.`,
    ...(notCopied.length > 0 ? [`Not copied, for it is not Postern's: ${notCopied.join(', ')}`] : []),
  ]);
}
