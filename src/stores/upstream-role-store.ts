import type { Database, Step } from '../platform/database/database.js';

/** `source` of roles and grants that an upstream brought. People here and the command line have other names. */
const PREFIX = 'upstream:';

export interface UpstreamRoleGrant {
  readonly role: string;
  readonly mapped: boolean;
  readonly description?: string | undefined;
}

/**
 * Roles that accounts have because of their groups at an upstream. Only grants that an upstream made are
 * ever written or removed here; grants of people here are theirs.
 */
export interface UpstreamRoleStore {
  /** Of the account, by the upstream. */
  held(accountId: string, upstreamId: string): Promise<string[]>;
  /** Of `names`, those that were not made by this upstream. */
  foreign(names: readonly string[], upstreamId: string): Promise<Set<string>>;
  /** Grants `given`, and takes away what else the upstream had granted. */
  replace(
    to: { readonly accountId: string; readonly upstreamId: string; readonly at: number },
    given: readonly UpstreamRoleGrant[],
    also: readonly Step[],
  ): Promise<void>;
  removeStep(accountId: string, upstreamId: string): Step;
  /**
   * Takes away what was granted before `grantedBefore` and of whose upstream no session is alive at `now`.
   * Resolves to how many.
   */
  sweep(by: {
    readonly accountId?: string | undefined;
    readonly now: number;
    readonly grantedBefore: number;
  }): Promise<number>;
}

export function createUpstreamRoleStore(database: Database): UpstreamRoleStore {
  const { sql } = database;
  const sourceOf = (upstreamId: string): string => PREFIX + upstreamId;
  const grants = (accountId: string, upstreamId: string) =>
    sql('account_roles').where({ account_id: accountId, source: sourceOf(upstreamId) });

  function grantSteps(
    { accountId, upstreamId, at }: Parameters<UpstreamRoleStore['replace']>[0],
    { role, mapped, description }: UpstreamRoleGrant,
  ): Step[] {
    const source = sourceOf(upstreamId);
    const grant = { account_id: accountId, role, managed: 0, source, created_at: at };
    // A role of this server's that the operator mapped a group to stays this server's.
    const made = {
      name: role,
      description: description ?? null,
      source: mapped ? null : source,
      created_at: at,
    };
    return [
      {
        query: sql('account_roles')
          .insert(grant)
          .onConflict(['account_id', 'role'])
          .merge({ created_at: at })
          .where('account_roles.source', source),
      },
      {
        query: sql('roles')
          .insert(made)
          .onConflict('name')
          .merge({ description: made.description })
          .where('roles.source', source),
      },
    ];
  }

  return {
    async held(accountId, upstreamId) {
      const rows = await database.all<{ role: string }>(
        grants(accountId, upstreamId).select('role').orderBy('role'),
      );
      return rows.map(({ role }) => role);
    },
    async foreign(names, upstreamId) {
      if (names.length === 0) return new Set();
      const query = sql('roles')
        .select('name')
        .whereIn('name', [...names])
        .where((role) => role.whereNull('source').orWhereNot('source', sourceOf(upstreamId)));
      return new Set((await database.all<{ name: string }>(query)).map(({ name }) => name));
    },
    async replace(to, given, also) {
      const others = grants(to.accountId, to.upstreamId).whereNotIn(
        'role',
        given.map(({ role }) => role),
      );
      await database.write([
        { query: others.delete() },
        ...given.flatMap((one) => grantSteps(to, one)),
        ...also,
      ]);
    },
    removeStep: (accountId, upstreamId) => ({ query: grants(accountId, upstreamId).delete() }),
    sweep({ accountId, now, grantedBefore }) {
      const alive = sql('upstream_sessions as s')
        .join('oidc_payloads as p', 'p.session_uid', 's.session_uid')
        .select(sql.raw('1'))
        .where('p.kind', 'Session')
        .whereNull('p.revoked_at')
        .where('p.expires_at', '>', now)
        .whereRaw('s.account_id = account_roles.account_id')
        .whereRaw('account_roles.source = ? || s.upstream_id', [PREFIX]);
      const lost = sql('account_roles')
        .where('source', 'like', `${PREFIX}%`)
        .where('created_at', '<=', grantedBefore)
        .whereNotExists(alive);
      if (accountId !== undefined) lost.where('account_id', accountId);
      return database.run(lost.delete());
    },
  };
}
