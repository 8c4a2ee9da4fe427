import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { InvalidInput } from '../platform/errors/errors.js';
import type { RoleFacts, RoleStore } from '../stores/role-store.js';
import { ADMIN, roleFault } from './role-names.js';

interface By {
  /** An account id, or `cli`. */
  readonly actorId: string;
}

export interface Roles {
  list(): Promise<string[]>;
  listFacts(): Promise<RoleFacts[]>;
  /** `false`: there is such a role. @throws {InvalidInput} */
  createRole(role: { name: string; description?: string | undefined }, by: By): Promise<boolean>;
  /** Takes it from everybody, with what services grant to it. `false`: there is none. @throws {InvalidInput} */
  removeRole(role: string, by: By): Promise<boolean>;
  /** Makes the role where it is new. `false`: the account has it already. @throws {InvalidInput} */
  grantRole(accountId: string, role: string, by: By, info?: RequestInfo): Promise<boolean>;
  /** `false`: the account does not have it. */
  revokeRole(accountId: string, role: string, by: By, info?: RequestInfo): Promise<boolean>;
}

interface RolesDeps {
  readonly store: RoleStore;
  readonly audit: Audit;
  readonly clock: Clock;
}

/** Who may what. The caller has found the account and knows that `actorId` may do this. */
export function createRoles({ store, audit, clock }: RolesDeps): Roles {
  return {
    list: () => store.list(),
    listFacts: () => store.listFacts(),
    async createRole({ name, description }, { actorId }) {
      const message = roleFault(name);
      if (message !== undefined) throw new InvalidInput([{ field: 'role', message }]);
      const step = audit.step({ event: 'role.created', actorId, detail: { role: name } });
      return store.create({ name, description, at: clock.now() }, [step]);
    },
    async removeRole(role, { actorId }) {
      if (role === ADMIN) {
        const message = `Without the role ${ADMIN} nobody could administer the server.`;
        throw new InvalidInput([{ field: 'role', message }]);
      }
      const step = audit.step({ event: 'role.deleted', actorId, detail: { role } });
      return store.remove(role, [step]);
    },
    async grantRole(accountId, role, { actorId }, info) {
      const message = roleFault(role);
      if (message !== undefined) throw new InvalidInput([{ field: 'role', message }]);
      const step = audit.step({
        event: 'account.role_granted',
        ...info,
        actorId,
        accountId,
        detail: { role },
      });
      return store.grant({ accountId, role, source: actorId, at: clock.now() }, [step]);
    },
    revokeRole(accountId, role, { actorId }, info) {
      const step = audit.step({
        event: 'account.role_revoked',
        ...info,
        actorId,
        accountId,
        detail: { role },
      });
      return store.revoke(accountId, role, [step]);
    },
  };
}
