import type { Command } from 'commander';
import type { Cli } from '../desk.js';
import { addMintedList } from './list.js';
import { addMintedRevoke } from './revoke.js';

export function addMintedVerbs(program: Command, cli: Cli): void {
  const minted = program.command('minted').description('dserver tokens that were given out: list, revoke');
  addMintedList(minted, cli);
  addMintedRevoke(minted, cli);
}
