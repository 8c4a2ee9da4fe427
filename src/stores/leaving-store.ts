import type { Database, Step } from '../platform/database/database.js';

/** An account whose time to change its mind is over. */
export interface Leaver {
  readonly accountId: string;
  readonly username: string;
}

/**
 * The end of an account. One unit over several tables: a client must not be left behind whose owner is gone,
 * and somebody who takes the deletion back at the last moment must find everything.
 */
export interface LeavingStore {
  /**
   * Notes or (`undefined`) takes back when the account is to be deleted; `false`: it was so already, or nobody
   * else holds the role that must not be left without a holder.
   */
  setDeleteAt(accountId: string, at: number | undefined, also: readonly Step[]): Promise<boolean>;
  /** Whether the account holds that role, and nobody else does who is enabled and not leaving. */
  isLastHolder(accountId: string): Promise<boolean>;
  /** Those to be deleted at `now`. */
  listDue(now: number, limit: number): Promise<Leaver[]>;
  /**
   * Removes the account, its roles, consents, clients and links to upstreams if it is still due, and not the last
   * holder by now; `false`: it is not.
   * Its audit events stay: the trail is append-only.
   */
  remove(accountId: string, now: number, also: readonly Step[]): Promise<boolean>;
}

/** Tables whose rows go with the account they name. */
const OF_THE_ACCOUNT = [
  ...['account_roles', 'consents', 'links', 'session_facts'],
  ...['federated_identities', 'upstream_tokens', 'upstream_sessions'],
  ...['dserver_rights', 'api_keys', 'permission_profiles', 'permission_tokens'],
];

/** @param role must always have a holder */
export function createLeavingStore(database: Database, role: string): LeavingStore {
  const { sql } = database;
  const account = (id: string) => sql('accounts').where({ id });
  const own = (id: string) => sql('account_roles').select('role').where({ account_id: id, role });
  const others = (id: string) =>
    sql('account_roles')
      .select('account_roles.account_id')
      .join('accounts', 'accounts.id', 'account_roles.account_id')
      .where('account_roles.role', role)
      .whereNot('accounts.id', id)
      .whereNull('accounts.disabled_at')
      .whereNull('accounts.delete_at');
  const dispensable = (id: string) =>
    account(id).where((one) => one.whereNotExists(own(id)).orWhereExists(others(id)));
  // Two holders who leave at once would each see the other stay: the role's row lets one after the other in.
  const inTurn = (): Step => ({ query: sql('roles').where({ name: role }).update({ name: role }) });

  return {
    setDeleteAt(accountId, at, also) {
      const change = { delete_at: at ?? null };
      const steps: Step[] =
        at === undefined
          ? [{ query: account(accountId).whereNotNull('delete_at').update(change), guard: true }]
          : [inTurn(), { query: dispensable(accountId).whereNull('delete_at').update(change), guard: true }];
      return database.write([...steps, ...also]);
    },
    async isLastHolder(accountId) {
      const held = await database.first(own(accountId));
      return held !== undefined && (await database.first(others(accountId).limit(1))) === undefined;
    },
    async listDue(now, limit) {
      const query = sql('accounts').where('delete_at', '<=', now).orderBy('delete_at').limit(limit);
      const rows = await database.all<{ id: string; username: string }>(query.select('id', 'username'));
      return rows.map(({ id, username }) => ({ accountId: id, username }));
    },
    remove(accountId, now, also) {
      const owned = () => sql('clients').select('client_id').where('owner_id', accountId);
      const steps: Step[] = [
        inTurn(),
        { query: dispensable(accountId).where('delete_at', '<=', now).delete(), guard: true },
        { query: sql('consents').whereIn('client_id', owned()).delete() },
        { query: sql('client_secrets').whereIn('client_id', owned()).delete() },
        { query: sql('redirect_leases').whereIn('client_id', owned()).delete() },
        { query: sql('clients').where('owner_id', accountId).delete() },
        // The name stays taken: dserver still has what that person put there.
        { query: sql('dserver_names').where('account_id', accountId).update({ account_id: null }) },
        { query: sql('service_permissions').where({ grantee_kind: 'account', grantee: accountId }).delete() },
        // Whoever comes back through an upstream is somebody new then.
        ...OF_THE_ACCOUNT.map((table) => ({ query: sql(table).where('account_id', accountId).delete() })),
      ];
      return database.write([...steps, ...also]);
    },
  };
}
