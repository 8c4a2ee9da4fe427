import type { RedirectLease } from '../clients/client.js';
import type { Database, Step } from '../platform/database/database.js';

/**
 * Redirect URIs that end by themselves. Adding or taking one away counts the client's `version` up in the same
 * unit, so that a cached client is read again.
 */
export interface RedirectLeaseStore {
  /** Those that live at `now`, oldest first. */
  listOf(clientId: string, now: number): Promise<RedirectLease[]>;
  /** Those of clients that authenticate with `none`: their pages may call us. */
  listOfPublic(now: number): Promise<RedirectLease[]>;
  /** Takes away what has ended as well. `false`: there is no such client. */
  add(lease: RedirectLease, also: readonly Step[]): Promise<boolean>;
  /** `false`: the client has no such lease. */
  remove(clientId: string, id: string, also: readonly Step[]): Promise<boolean>;
  /** Deletes at most `limit` leases that ended before `before` (ms); resolves to how many. */
  prune(before: number, limit: number): Promise<number>;
}

interface LeaseRow {
  id: string;
  client_id: string;
  redirect_uri: string;
  created_at: number | string;
  expires_at: number | string;
  created_by: string | null;
}

export function createRedirectLeaseStore(database: Database): RedirectLeaseStore {
  const { sql } = database;
  const live = (now: number) =>
    sql('redirect_leases').where('expires_at', '>', now).select('*').orderBy(['created_at', 'id']);
  const touch = (clientId: string) => sql('clients').where('client_id', clientId).increment('version', 1);

  return {
    async listOf(clientId, now) {
      return (await database.all<LeaseRow>(live(now).where('client_id', clientId))).map(toLease);
    },
    async listOfPublic(now) {
      // The text is the client store's own, so the database can sift it.
      const query = live(now).whereIn(
        'client_id',
        sql('clients').select('client_id').where('metadata', 'like', '%"token_endpoint_auth_method":"none"%'),
      );
      return (await database.all<LeaseRow>(query)).map(toLease);
    },
    add: ({ clientId, ...lease }, also) =>
      database.write([
        { query: touch(clientId), guard: true },
        {
          query: sql('redirect_leases')
            .where('client_id', clientId)
            .where('expires_at', '<=', lease.createdAt)
            .delete(),
        },
        {
          query: sql('redirect_leases').insert({
            id: lease.id,
            client_id: clientId,
            redirect_uri: lease.redirectUri,
            created_at: lease.createdAt,
            expires_at: lease.expiresAt,
            created_by: lease.createdBy,
          }),
        },
        ...also,
      ]),
    remove: (clientId, id, also) =>
      database.write([
        { query: sql('redirect_leases').where({ id, client_id: clientId }).delete(), guard: true },
        { query: touch(clientId) },
        ...also,
      ]),
    prune(before, limit) {
      const ended = sql('redirect_leases').select('id').where('expires_at', '<', before).limit(limit);
      return database.run(sql('redirect_leases').whereIn('id', ended).delete());
    },
  };
}

const toLease = (row: LeaseRow): RedirectLease => ({
  id: row.id,
  clientId: row.client_id,
  redirectUri: row.redirect_uri,
  createdAt: Number(row.created_at),
  expiresAt: Number(row.expires_at),
  createdBy: row.created_by ?? 'system',
});
