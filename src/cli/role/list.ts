import type { Command } from 'commander';
import type { Cli } from '../desk.js';
import { table } from '../table.js';

export function addRoleList(role: Command, cli: Cli): void {
  role
    .command('list')
    .description('the roles, how many people have each, and what services grant to it')
    .action(() => listRoles(cli));
}

async function listRoles(cli: Cli): Promise<void> {
  await cli.withContainer(async ({ roles, permissionService }) => {
    const [facts, grants] = await Promise.all([roles.listFacts(), permissionService.services.listGrants()]);
    const all = facts.map(({ name, description, holders }) => ({
      name,
      description,
      holders,
      permissions: grants
        .filter(({ grantee }) => grantee.kind === 'role' && grantee.role === name)
        .map(({ service, permission }) => `${service}:${permission}`),
    }));
    const rows = all.map(({ name, description = '', holders, permissions }) => [
      name,
      String(holders),
      permissions.join(' '),
      description,
    ]);
    cli.print({ roles: all }, table(['Role', 'Users', 'Permissions', 'Description'], rows));
  });
}
