import type { Command } from 'commander';
import type { Cli } from '../desk.js';
import { addClientCreate } from './create.js';
import { addClientDelete } from './delete.js';
import { addClientLease } from './lease.js';
import { addClientList } from './list.js';
import { addClientRotateSecret } from './rotate-secret.js';
import { addClientShow } from './show.js';

export function addClientVerbs(program: Command, cli: Cli): void {
  const client = program
    .command('client')
    .description('clients: create, list, show, lease, rotate-secret, delete');
  addClientCreate(client, cli);
  addClientList(client, cli);
  addClientShow(client, cli);
  addClientLease(client, cli);
  addClientRotateSecret(client, cli);
  addClientDelete(client, cli);
}
