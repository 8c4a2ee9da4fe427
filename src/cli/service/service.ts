import type { Container } from '../../container.js';
import type { Grantee, NamedGrant, Service } from '../../permission-service/service.js';
import { CliFault, UsageFault } from '../faults.js';
import { time } from '../table.js';
import { requireAccount } from '../user/user.js';

export async function requireService({ permissionService }: Container, name: string): Promise<Service> {
  const service = await permissionService.services.find(name);
  if (service === undefined) throw new CliFault(`There is no service named ${name}; see service list.`);
  return service;
}

export interface GranteeOptions {
  readonly user?: string;
  readonly role?: string;
}

/** Whom a permission is granted to, with the words for it. */
export async function requireGrantee(
  container: Container,
  { user, role }: GranteeOptions,
): Promise<{ grantee: Grantee; words: string }> {
  if ((user === undefined) === (role === undefined)) throw new UsageFault('Say one of --user and --role.');
  if (user !== undefined) {
    const { id, username } = await requireAccount(container, user);
    return { grantee: { kind: 'account', accountId: id }, words: `the user ${username}` };
  }
  const name = role as string;
  if (!(await container.roles.list()).includes(name)) {
    throw new CliFault(`There is no role named ${name}; make it with role create.`);
  }
  return { grantee: { kind: 'role', role: name }, words: `the role ${name}` };
}

export const serviceDocument = (service: Service, grants: readonly NamedGrant[]) => ({
  name: service.name,
  title: service.title,
  created_at: time(service.createdAt),
  created_by: service.createdBy,
  grants: grants.filter((grant) => grant.service === service.name).map(grantDocument),
});

const grantDocument = ({ permission, grantee, granteeName, createdAt }: NamedGrant) => ({
  permission,
  to: grantee.kind === 'account' ? 'user' : 'role',
  name: granteeName,
  created_at: time(createdAt),
});
