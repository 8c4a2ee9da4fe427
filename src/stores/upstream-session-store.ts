import type { Database } from '../platform/database/database.js';

/** That a browser session here was begun through an upstream, and by whom there. */
export interface StoredUpstreamSession {
  readonly sessionUid: string;
  readonly accountId: string;
  readonly identityId: string;
  readonly upstreamId: string;
  readonly issuer: string;
  readonly subject: string;
  /** The upstream's name of its own session. */
  readonly sid?: string | undefined;
  /** ID Token and claims. */
  readonly sealed: string;
  /** Milliseconds since the epoch, as all times here. */
  readonly createdAt: number;
  readonly expiresAt: number;
}

export interface UpstreamSessionStore {
  /** The session's later sign-in replaces its earlier one. */
  put(session: StoredUpstreamSession): Promise<void>;
  find(sessionUid: string): Promise<StoredUpstreamSession | undefined>;
  listOf(accountId: string): Promise<StoredUpstreamSession[]>;
  /** For back-channel logout: those of one session there, or all of a person. */
  listByUpstream(of: {
    readonly issuer: string;
    readonly sid?: string | undefined;
    readonly subject?: string | undefined;
  }): Promise<StoredUpstreamSession[]>;
  remove(sessionUid: string): Promise<void>;
  /** Those that ended before `before`; one whose browser still comes by has not ended. */
  prune(before: number, limit: number): Promise<number>;
}

interface SessionRow {
  session_uid: string;
  account_id: string;
  identity_id: string;
  upstream_id: string;
  issuer: string;
  subject: string;
  sid: string | null;
  sealed: string;
  created_at: number | string;
  expires_at: number | string;
}

export function createUpstreamSessionStore(database: Database): UpstreamSessionStore {
  const { sql } = database;
  const table = () => sql('upstream_sessions');

  return {
    async put(session) {
      await database.run(table().insert(toRow(session)).onConflict('session_uid').merge());
    },
    async find(sessionUid) {
      const row = await database.first<SessionRow>(table().where({ session_uid: sessionUid }));
      return row && toSession(row);
    },
    async listOf(accountId) {
      const query = table().where({ account_id: accountId }).orderBy('created_at');
      return (await database.all<SessionRow>(query)).map(toSession);
    },
    async listByUpstream({ issuer, sid, subject }) {
      if (sid === undefined && subject === undefined) return [];
      const query = table().where({ issuer });
      if (sid !== undefined) query.where({ sid });
      if (subject !== undefined) query.where({ subject });
      return (await database.all<SessionRow>(query)).map(toSession);
    },
    async remove(sessionUid) {
      await database.run(table().where({ session_uid: sessionUid }).delete());
    },
    prune(before, limit) {
      // A session is prolonged by use, and `session_facts` knows until when.
      const alive = sql('session_facts')
        .select(sql.raw('1'))
        .whereRaw('session_facts.session_uid = upstream_sessions.session_uid');
      const ended = table()
        .select('session_uid')
        .where('expires_at', '<', before)
        .whereNotExists(alive)
        .limit(limit);
      return database.run(table().whereIn('session_uid', ended).delete());
    },
  };
}

const toRow = (session: StoredUpstreamSession) => ({
  session_uid: session.sessionUid,
  account_id: session.accountId,
  identity_id: session.identityId,
  upstream_id: session.upstreamId,
  issuer: session.issuer,
  subject: session.subject,
  sid: session.sid ?? null,
  sealed: session.sealed,
  created_at: session.createdAt,
  expires_at: session.expiresAt,
});

const toSession = (row: SessionRow): StoredUpstreamSession => ({
  sessionUid: row.session_uid,
  accountId: row.account_id,
  identityId: row.identity_id,
  upstreamId: row.upstream_id,
  issuer: row.issuer,
  subject: row.subject,
  sid: row.sid ?? undefined,
  sealed: row.sealed,
  createdAt: Number(row.created_at),
  expiresAt: Number(row.expires_at),
});
