import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { UniqueViolation } from '../platform/database/database.js';
import { InvalidInput } from '../platform/errors/errors.js';
import type { ServiceStore } from '../stores/service-store.js';
import { type Grantee, type NamedGrant, permissionFault, type Service, serviceFault } from './service.js';

interface By {
  /** An account id, or `cli`. */
  readonly actorId: string;
}

export interface Services {
  list(): Promise<Service[]>;
  find(name: string): Promise<Service | undefined>;
  listGrants(service?: string): Promise<NamedGrant[]>;
  /** @throws {InvalidInput} */
  create(service: { name: string; title?: string | undefined }, by: By, info?: RequestInfo): Promise<void>;
  /** With everything granted in it. `false`: there is no such service. */
  remove(name: string, by: By, info?: RequestInfo): Promise<boolean>;
  /** `false`: it is granted already, or there is no such service. @throws {InvalidInput} */
  grant(of: GrantOf, by: By, info?: RequestInfo): Promise<boolean>;
  /** `false`: it was not granted. */
  revoke(of: GrantOf, by: By, info?: RequestInfo): Promise<boolean>;
  /** What an account may do by itself and by its roles; `undefined`: there is no such service. */
  permissionsOf(service: string, accountId: string): Promise<string[] | undefined>;
}

export interface GrantOf {
  readonly service: string;
  readonly permission: string;
  readonly grantee: Grantee;
}

const MAX_TITLE = 100;

/** The built-in permission provider. The caller knows that `actorId` may do this, and that grantees exist. */
export function createServices({
  store,
  audit,
  clock,
}: {
  readonly store: ServiceStore;
  readonly audit: Audit;
  readonly clock: Clock;
}): Services {
  const stepOf = (
    event: string,
    { service, permission, grantee }: GrantOf,
    { actorId }: By,
    info?: RequestInfo,
  ) =>
    audit.step({
      event,
      ...info,
      actorId,
      ...(grantee.kind === 'account' ? { accountId: grantee.accountId } : {}),
      detail: { service, permission, ...(grantee.kind === 'role' ? { role: grantee.role } : {}) },
    });

  return {
    list: () => store.list(),
    find: (name) => store.find(name),
    listGrants: (service) => store.listGrants(service),
    async create({ name, title }, { actorId }, info) {
      const refuse = (field: string, message: string) => new InvalidInput([{ field, message }]);
      const fault = serviceFault(name);
      if (fault !== undefined) throw refuse('name', fault);
      if ((title?.length ?? 0) > MAX_TITLE) throw refuse('title', `Use at most ${MAX_TITLE} characters.`);
      const step = audit.step({ event: 'service.created', ...info, actorId, detail: { service: name } });
      try {
        await store.insert({ name, title, createdAt: clock.now(), createdBy: actorId }, [step]);
      } catch (error) {
        if (error instanceof UniqueViolation) throw refuse('name', `There is a service ${name} already.`);
        throw error;
      }
    },
    remove(name, { actorId }, info) {
      const step = audit.step({ event: 'service.deleted', ...info, actorId, detail: { service: name } });
      return store.remove(name, [step]);
    },
    async grant(of, by, info) {
      const message = permissionFault(of.permission);
      if (message !== undefined) throw new InvalidInput([{ field: 'permission', message }]);
      const step = stepOf('service.permission_granted', of, by, info);
      return store.grant({ ...of, createdAt: clock.now(), createdBy: by.actorId }, [step]);
    },
    revoke: (of, by, info) => store.revoke(of, [stepOf('service.permission_revoked', of, by, info)]),
    async permissionsOf(service, accountId) {
      const [found, permissions] = await Promise.all([
        store.find(service),
        store.permissionsOf(service, accountId),
      ]);
      return found && permissions;
    },
  };
}
