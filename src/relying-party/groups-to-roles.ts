import { ADMIN, roleFault } from '../accounts/role-names.js';
import type { Group } from './handlers.js';
import type { Upstream } from './upstream.js';

/** A role that a group gives. */
export interface GivenRole {
  readonly role: string;
  /**
   * The operator said so (`groupRoles`): then it may be any role. Otherwise the role is the group's own: it
   * counts only where it is not a role of this server's, and never as `admin`.
   */
  readonly mapped: boolean;
  readonly description?: string | undefined;
}

/** Which roles somebody with these groups has. `spoken`: by a handler, not only a claim. */
export function givenRoles(
  { groupRoles }: Pick<Upstream, 'groupRoles'>,
  groups: readonly Group[],
  spoken: boolean,
): GivenRole[] {
  const given = new Map<string, GivenRole>();
  for (const { id, name, description } of groups) {
    const mapped = roleOf(groupRoles, id) ?? (name === undefined ? undefined : roleOf(groupRoles, name));
    if (mapped !== undefined) given.set(mapped, { role: mapped, mapped: true, description });
    else if (spoken && isOwn(id) && !given.has(id)) given.set(id, { role: id, mapped: false, description });
  }
  return [...given.values()];
}

const roleOf = (groupRoles: Upstream['groupRoles'], group: string): string | undefined =>
  Object.hasOwn(groupRoles, group) ? groupRoles[group] : undefined;

const isOwn = (role: string): boolean => role.toLowerCase() !== ADMIN && roleFault(role) === undefined;
