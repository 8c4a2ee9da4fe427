import type { Grantee, NamedGrant, Service, ServiceGrant } from '../permission-service/service.js';
import type { Database, Step } from '../platform/database/database.js';

/** Services and what is granted in them. `also` are steps of the same unit, such as the audit row. */
export interface ServiceStore {
  /** In order of their names. */
  list(): Promise<Service[]>;
  find(name: string): Promise<Service | undefined>;
  /** @throws {UniqueViolation} when the name is taken */
  insert(service: Service, also: readonly Step[]): Promise<void>;
  /** With everything granted in it. `false`: there is no such service. */
  remove(name: string, also: readonly Step[]): Promise<boolean>;
  /** `false`: it is granted already, or there is no such service. */
  grant(grant: ServiceGrant, also: readonly Step[]): Promise<boolean>;
  /** `false`: it was not granted. */
  revoke(of: Omit<ServiceGrant, 'createdAt' | 'createdBy'>, also: readonly Step[]): Promise<boolean>;
  /** By service, permission and grantee. */
  listGrants(service?: string): Promise<NamedGrant[]>;
  /** What an account may do in a service, by itself and by its roles; each once, in order. */
  permissionsOf(service: string, accountId: string): Promise<string[]>;
}

interface ServiceRow {
  name: string;
  title: string | null;
  created_at: number | string;
  created_by: string | null;
}

interface GrantRow {
  service: string;
  permission: string;
  grantee_kind: string;
  grantee: string;
  created_at: number | string;
  created_by: string | null;
  username: string | null;
}

export function createServiceStore(database: Database): ServiceStore {
  const { sql } = database;
  const services = () => sql('services');
  const grants = () => sql('service_permissions');

  return {
    async list() {
      return (await database.all<ServiceRow>(services().orderBy('name'))).map(toService);
    },
    async find(name) {
      const row = await database.first<ServiceRow>(services().where({ name }));
      return row && toService(row);
    },
    async insert({ name, title, createdAt, createdBy }, also) {
      const row = { name, title: title ?? null, created_at: createdAt, created_by: createdBy };
      await database.write([{ query: services().insert(row) }, ...also]);
    },
    remove: (name, also) =>
      database.write([
        { query: services().where({ name }).delete(), guard: true },
        { query: grants().where({ service: name }).delete() },
        ...also,
      ]),
    grant({ createdAt, createdBy, ...of }, also) {
      const row = { ...keyOf(of), created_at: createdAt, created_by: createdBy };
      return database.write([
        // Holds the service: nothing is granted in one that is being deleted.
        { query: services().where({ name: of.service }).update({ name: of.service }), guard: true },
        {
          query: grants()
            .insert(row)
            .onConflict(['service', 'permission', 'grantee_kind', 'grantee'])
            .ignore(),
          guard: true,
        },
        ...also,
      ]);
    },
    revoke: (of, also) =>
      database.write([{ query: grants().where(keyOf(of)).delete(), guard: true }, ...also]),
    async listGrants(service) {
      const query = sql('service_permissions as g')
        .leftJoin('accounts as a', (join) =>
          join.on('a.id', 'g.grantee').andOnVal('g.grantee_kind', 'account'),
        )
        .select('g.*', 'a.username')
        .orderBy(['g.service', 'g.permission', 'g.grantee_kind', 'g.grantee']);
      if (service !== undefined) query.where('g.service', service);
      return (await database.all<GrantRow>(query)).map(toGrant);
    },
    async permissionsOf(service, accountId) {
      const roles = sql('account_roles').select('role').where({ account_id: accountId });
      const query = grants()
        .distinct('permission')
        .where({ service })
        .andWhere((held) =>
          held
            .where({ grantee_kind: 'account', grantee: accountId })
            .orWhere((byRole) => byRole.where({ grantee_kind: 'role' }).whereIn('grantee', roles)),
        )
        .orderBy('permission');
      return (await database.all<{ permission: string }>(query)).map(({ permission }) => permission);
    },
  };
}

const keyOf = ({ service, permission, grantee }: Omit<ServiceGrant, 'createdAt' | 'createdBy'>) => ({
  service,
  permission,
  grantee_kind: grantee.kind,
  grantee: grantee.kind === 'account' ? grantee.accountId : grantee.role,
});

const toService = (row: ServiceRow): Service => ({
  name: row.name,
  title: row.title ?? undefined,
  createdAt: Number(row.created_at),
  createdBy: row.created_by ?? 'system',
});

const toGrant = (row: GrantRow): NamedGrant => {
  const grantee: Grantee =
    row.grantee_kind === 'account'
      ? { kind: 'account', accountId: row.grantee }
      : { kind: 'role', role: row.grantee };
  return {
    service: row.service,
    permission: row.permission,
    grantee,
    granteeName: row.username ?? row.grantee,
    createdAt: Number(row.created_at),
    createdBy: row.created_by ?? 'system',
  };
};
