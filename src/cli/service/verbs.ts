import type { Command } from 'commander';
import type { Cli } from '../desk.js';
import { addServiceCreate } from './create.js';
import { addServiceDelete } from './delete.js';
import { addServiceGrants } from './grant.js';
import { addServiceList } from './list.js';

export function addServiceVerbs(program: Command, cli: Cli): void {
  const service = program
    .command('service')
    .description('services and what people may do in them: create, list, grant, revoke, delete');
  addServiceCreate(service, cli);
  addServiceList(service, cli);
  addServiceGrants(service, cli);
  addServiceDelete(service, cli);
}
