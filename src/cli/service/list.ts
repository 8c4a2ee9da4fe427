import type { Command } from 'commander';
import type { Cli } from '../desk.js';
import { table } from '../table.js';
import { serviceDocument } from './service.js';

export function addServiceList(service: Command, cli: Cli): void {
  service
    .command('list')
    .description('the services, what is granted in them, and which are answered by modules')
    .action(() => listServices(cli));
}

async function listServices(cli: Cli): Promise<void> {
  await cli.withContainer(async ({ permissionService, config }) => {
    const { services, modules } = permissionService;
    const [own, grants] = await Promise.all([services.list(), services.listGrants()]);
    const byModule = await Promise.all(
      config.permissions.services.map(async ({ name, module }) => {
        const found = (await modules.load(module))?.find('getPermissions', 'get_permissions');
        return { name, module, usable: found !== undefined };
      }),
    );
    const rows = [
      ...own.map(({ name }) => [
        name,
        'tables',
        grantText(grants.filter(({ service }) => service === name).length),
      ]),
      ...byModule.map(({ name, module, usable }) => [
        name,
        `module ${module}`,
        usable ? 'decides by itself' : 'cannot be used: missing, broken or without getPermissions',
      ]),
    ];
    const lines =
      rows.length > 0 ? table(['Service', 'Answered by', 'Permissions'], rows) : ['No services yet.'];
    const named = grants.map(({ service, permission, grantee, granteeName }) => [
      service,
      permission,
      grantee.kind === 'account' ? `user ${granteeName}` : `role ${granteeName}`,
    ]);
    cli.print({ services: own.map((one) => serviceDocument(one, grants)), modules: byModule }, [
      ...lines,
      ...(named.length > 0 ? ['', ...table(['Service', 'Permission', 'Granted to'], named)] : []),
    ]);
  });
}

const grantText = (count: number): string => (count === 1 ? '1 grant' : `${count} grants`);
