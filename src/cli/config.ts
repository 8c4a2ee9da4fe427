import type { Command } from 'commander';
import { effectiveSettings } from '../platform/config/show.js';
import type { Cli } from './desk.js';
import { table } from './table.js';

export function addConfigVerb(program: Command, cli: Cli): void {
  program
    .command('config')
    .description('every setting as it is in effect, and where it comes from; secrets are masked')
    .action(() => {
      const parsed = cli.settings();
      const settings = effectiveSettings(parsed);
      const rows = settings.map(({ name, value, source }) => [name, value ?? '', source]);
      for (const warning of parsed.warnings) cli.progress(warning);
      cli.print({ settings, warnings: parsed.warnings }, table(['Setting', 'Value', 'Source'], rows));
    });
}
