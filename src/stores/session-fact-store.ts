import type { Database, Step } from '../platform/database/database.js';

/** What a person is told of one of their browser sessions; the session itself is the library's. */
export interface SessionFacts {
  /** Names it on pages: the session's own uid stays inside. */
  readonly id: string;
  readonly sessionUid: string;
  readonly accountId: string;
  readonly userAgent: string | undefined;
  readonly ip: string | undefined;
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
  readonly expiresAt: number;
}

export interface SessionFactStore {
  /** The first sighting makes the row, later ones bring it up to date. */
  see(facts: SessionFacts): Promise<void>;
  /** Of the sessions that are alive at `now`, the last seen first. */
  listLive(accountId: string, now: number): Promise<SessionFacts[]>;
  find(accountId: string, id: string): Promise<SessionFacts | undefined>;
  /** All of the account, or the one, or all but the one. */
  remove(accountId: string, which?: SessionChoice, also?: readonly Step[]): Promise<void>;
  prune(before: number, limit: number): Promise<number>;
}

/** Sessions of an account by their uid; without a choice, all of them. */
export interface SessionChoice {
  readonly only?: string;
  readonly except?: string;
}

interface FactRow {
  id: string;
  session_uid: string;
  account_id: string;
  user_agent: string | null;
  ip: string | null;
  first_seen_at: number | string;
  last_seen_at: number | string;
  expires_at: number | string;
}

export function createSessionFactStore(database: Database): SessionFactStore {
  const { sql } = database;
  const table = () => sql('session_facts');

  return {
    async see(facts) {
      const { account_id, user_agent, ip, last_seen_at, expires_at } = toRow(facts);
      const insert = table()
        .insert(toRow(facts))
        .onConflict('session_uid')
        // A session may change hands: the library keeps its uid when another account signs in.
        .merge({ account_id, user_agent, ip, last_seen_at, expires_at });
      await database.run(insert);
    },
    async listLive(accountId, now) {
      const living = sql('oidc_payloads')
        .select(sql.raw('1'))
        .where({ kind: 'Session', account_id: accountId })
        .whereRaw('oidc_payloads.session_uid = session_facts.session_uid')
        .whereNull('revoked_at')
        .where('oidc_payloads.expires_at', '>', now);
      const query = table()
        .where('session_facts.account_id', accountId)
        .whereExists(living)
        .orderBy('last_seen_at', 'desc');
      return (await database.all<FactRow>(query)).map(toFacts);
    },
    async find(accountId, id) {
      const row = await database.first<FactRow>(table().where({ id, account_id: accountId }));
      return row && toFacts(row);
    },
    async remove(accountId, { only, except } = {}, also = []) {
      const query = table().where('account_id', accountId);
      if (only !== undefined) query.where('session_uid', only);
      if (except !== undefined) query.whereNot('session_uid', except);
      await database.write([{ query: query.delete() }, ...also]);
    },
    prune(before, limit) {
      const old = table().select('id').where('expires_at', '<', before).orderBy('expires_at').limit(limit);
      return database.run(table().whereIn('id', old).delete());
    },
  };
}

const toRow = (facts: SessionFacts) => ({
  id: facts.id,
  session_uid: facts.sessionUid,
  account_id: facts.accountId,
  user_agent: facts.userAgent ?? null,
  ip: facts.ip ?? null,
  first_seen_at: facts.firstSeenAt,
  last_seen_at: facts.lastSeenAt,
  expires_at: facts.expiresAt,
});

const toFacts = (row: FactRow): SessionFacts => ({
  id: row.id,
  sessionUid: row.session_uid,
  accountId: row.account_id,
  userAgent: row.user_agent ?? undefined,
  ip: row.ip ?? undefined,
  firstSeenAt: Number(row.first_seen_at),
  lastSeenAt: Number(row.last_seen_at),
  expiresAt: Number(row.expires_at),
});
