import type { Command } from 'commander';
import type { Cli } from '../desk.js';
import { addRoleChanges } from './change.js';
import { addRoleList } from './list.js';

export function addRoleVerbs(program: Command, cli: Cli): void {
  const role = program
    .command('role')
    .description('roles: list, create, delete; user role gives them to people');
  addRoleList(role, cli);
  addRoleChanges(role, cli);
}
