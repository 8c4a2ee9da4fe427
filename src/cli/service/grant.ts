import type { Command } from 'commander';
import { permissionFault } from '../../permission-service/service.js';
import { BY_CLI, type Cli } from '../desk.js';
import { CliFault } from '../faults.js';
import { type GranteeOptions, requireGrantee, requireService } from './service.js';

export function addServiceGrants(service: Command, cli: Cli): void {
  for (const [verb, text] of [
    ['grant', 'grant permissions in a service to a user or to everybody who has a role'],
    ['revoke', 'take permissions in a service back'],
  ] as const) {
    service
      .command(verb)
      .description(text)
      .argument('<service>')
      .argument('<permissions...>')
      .option('--user <name>')
      .option('--role <name>')
      .action((name: string, permissions: string[], options: GranteeOptions) =>
        change(cli, verb, name, permissions, options),
      );
  }
}

async function change(
  cli: Cli,
  verb: 'grant' | 'revoke',
  name: string,
  permissions: readonly string[],
  options: GranteeOptions,
): Promise<void> {
  // All of them first: what is refused shall not have been done in part.
  const fault = permissions.map(permissionFault).find((one) => one !== undefined);
  if (fault !== undefined) throw new CliFault(fault);
  await cli.withContainer(async (container) => {
    await requireService(container, name);
    const { grantee, words } = await requireGrantee(container, options);
    const done: string[] = [];
    for (const permission of permissions) {
      const of = { service: name, permission, grantee };
      if (await container.permissionService.services[verb](of, BY_CLI)) done.push(permission);
    }
    const rest = permissions.filter((permission) => !done.includes(permission));
    const [past, before] =
      verb === 'grant' ? ['granted to', 'granted already'] : ['taken from', 'not granted'];
    cli.print({ service: name, to: options, changed: done, unchanged: rest }, [
      ...(done.length > 0 ? [`In ${name}: ${done.join(', ')} ${past} ${words}.`] : []),
      ...(rest.length > 0 ? [`As before (${before}): ${rest.join(', ')}.`] : []),
    ]);
  });
}
