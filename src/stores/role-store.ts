import type { Database, Step } from '../platform/database/database.js';

/**
 * Who made a role grant (`source`). Those of an upstream (`upstream:<id>`, see `upstream-role-store.ts`) come and
 * go with its logins; the others stay until somebody takes them back.
 */
export interface RoleGrant {
  readonly accountId: string;
  readonly role: string;
  readonly source: string;
  readonly managed?: boolean;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface RoleFacts {
  readonly name: string;
  readonly description?: string | undefined;
  /** How many accounts have it. */
  readonly holders: number;
}

export interface RoleStore {
  /** Names, in order. */
  list(): Promise<string[]>;
  listFacts(): Promise<RoleFacts[]>;
  /** `false`: there is such a role. */
  create(
    role: { name: string; description?: string | undefined; at: number },
    also: readonly Step[],
  ): Promise<boolean>;
  /** Takes it from everybody, with what services grant to it. `false`: there is no such role. */
  remove(role: string, also: readonly Step[]): Promise<boolean>;
  /** Makes the role where it is missing. `false`: the account has it already; nothing is written. */
  grant(grant: RoleGrant, also: readonly Step[]): Promise<boolean>;
  /** `false`: the account does not have it; nothing is written. */
  revoke(accountId: string, role: string, also: readonly Step[]): Promise<boolean>;
}

export function createRoleStore(database: Database): RoleStore {
  const { sql } = database;
  return {
    async list() {
      const rows = await database.all<{ name: string }>(sql('roles').select('name').orderBy('name'));
      return rows.map((row) => row.name);
    },
    async listFacts() {
      const query = sql('roles as r')
        .leftJoin('account_roles as a', 'a.role', 'r.name')
        .select('r.name', 'r.description')
        .count({ holders: 'a.account_id' })
        .groupBy('r.name', 'r.description')
        .orderBy('r.name');
      const rows = await database.all<{ name: string; description: string | null; holders: number | string }>(
        query,
      );
      return rows.map(({ name, description, holders }) => ({
        name,
        description: description ?? undefined,
        holders: Number(holders),
      }));
    },
    create({ name, description, at }, also) {
      const row = { name, description: description ?? null, created_at: at };
      const query = sql('roles').insert(row).onConflict('name').ignore();
      return database.write([{ query, guard: true }, ...also]);
    },
    remove: (role, also) =>
      database.write([
        { query: sql('roles').where({ name: role }).delete(), guard: true },
        { query: sql('account_roles').where({ role }).delete() },
        { query: sql('service_permissions').where({ grantee_kind: 'role', grantee: role }).delete() },
        ...also,
      ]),
    grant(grant, also) {
      const [insert, make] = grantSteps(sql, grant);
      return database.write([{ ...insert, guard: true }, make, ...also]);
    },
    revoke: (accountId, role, also) =>
      database.write([
        { query: sql('account_roles').where({ account_id: accountId, role }).delete(), guard: true },
        ...also,
      ]),
  };
}

/** The row that says so, and the role itself where it is new. */
export function grantSteps(sql: Database['sql'], grant: RoleGrant): [Step, Step] {
  const row = {
    account_id: grant.accountId,
    role: grant.role,
    managed: grant.managed === true ? 1 : 0,
    source: grant.source,
    created_at: grant.at,
  };
  return [
    {
      // What an upstream gave becomes theirs who give it now: it no longer goes with a logout.
      query: sql('account_roles')
        .insert(row)
        .onConflict(['account_id', 'role'])
        .merge({ managed: row.managed, source: row.source, created_at: row.created_at })
        .where('account_roles.source', 'like', 'upstream:%'),
    },
    { query: sql('roles').insert({ name: grant.role, created_at: grant.at }).onConflict('name').ignore() },
  ];
}
