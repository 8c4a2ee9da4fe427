import type { Command } from 'commander';
import {
  doomed,
  type MigrationResult,
  migrateDown,
  migrateUp,
  migrationStatus,
} from '../platform/database/migrate.js';
import { placeName } from '../platform/database/place-name.js';
import type { Cli } from './desk.js';
import { confirm } from './terminal.js';

export function addMigrateVerbs(program: Command, cli: Cli): void {
  const migrate = program.command('migrate').description('the database schema: up, down, status');
  migrate
    .command('up')
    .description('bring the schema up to this program')
    .action(() => up(cli));
  migrate
    .command('down')
    .description('undo the newest migration; its data are lost')
    .option('--all', 'undo every migration: nothing is left')
    .option('--yes', 'do not ask')
    .action((options: { all?: boolean; yes?: boolean }) => down(cli, options));
  migrate
    .command('status')
    .description('which migrations were applied and which wait')
    .action(() => status(cli));
  program
    .command('initdb')
    .description('the same as migrate up')
    .action(() => {
      cli.progress('[*] Initializing database');
      return up(cli);
    });
}

async function up(cli: Cli): Promise<void> {
  const { database } = cli.settings().config;
  report(cli, await migrateUp(database, cli.progress), 'Applied');
}

async function down(cli: Cli, { all = false, yes }: { all?: boolean; yes?: boolean }): Promise<void> {
  const { database } = cli.settings().config;
  const confirmed = doomed(await migrationStatus(database), all);
  if (confirmed.length > 0) {
    const what = all ? `all ${confirmed.length} migrations` : `the migration ${confirmed[0]}`;
    await confirm(
      cli.terminal,
      `Undo ${what} of ${placeName(database)}, with the data in those tables?`,
      yes,
    );
  }
  report(cli, await migrateDown(database, cli.progress, { all, confirmed }), 'Undid');
}

function report(cli: Cli, { ran, copy }: MigrationResult, did: 'Applied' | 'Undid'): void {
  const many = `${ran.length} ${ran.length === 1 ? 'migration' : 'migrations'}`;
  const nothing = did === 'Applied' ? 'The database is up to date.' : 'There is nothing to undo.';
  cli.print({ ran, backup: copy }, [
    ran.length === 0 ? nothing : `${did} ${many}: ${ran.join(', ')}`,
    ...(copy === undefined ? [] : [`Backup: ${copy}`]),
  ]);
}

async function status(cli: Cli): Promise<void> {
  const found = await migrationStatus(cli.settings().config.database);
  const { applied, pending, unknown } = found;
  cli.print(found, [
    ...applied.map((name) => `${unknown.includes(name) ? 'unknown' : 'applied'}  ${name}`),
    ...pending.map((name) => `pending  ${name}`),
    ...(unknown.length > 0 ? ['The database was migrated by a newer Postern.'] : []),
  ]);
}
