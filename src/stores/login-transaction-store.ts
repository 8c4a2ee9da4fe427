import type { Database, Query, Step } from '../platform/database/database.js';

/**
 * One-time things of logins under way: the remembered half while a person is at an upstream, and what is
 * kept while a question is open. Found by the SHA-256 of `state` or ticket, and only by the browser that
 * has the cookie: a guess from elsewhere neither opens nor uses up anything.
 */
export interface StoredLogin {
  /** `sha256(state or ticket)`. */
  readonly key: string;
  /** What the row is good for; a key of one stage opens nothing of another. */
  readonly stage: string;
  /** `sha256(cookie)`. */
  readonly browser: string;
  readonly upstreamId: string;
  readonly door: string;
  readonly sealed: string;
  /** Milliseconds since the epoch, as all times here. */
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** Everything that must fit for a row to be found. */
export interface LoginKey {
  readonly key: string;
  readonly stage: string;
  /** `sha256` of each cookie that the browser has. */
  readonly browsers: readonly string[];
  readonly now: number;
}

export interface LoginTransactionStore {
  insert(login: StoredLogin): Promise<void>;
  find(wanted: LoginKey): Promise<StoredLogin | undefined>;
  /** Reads and removes; of many at once one gets it. */
  take(wanted: LoginKey): Promise<StoredLogin | undefined>;
  /** A guard, for the unit that makes the change: it holds for one of all who try. */
  takeStep(wanted: LoginKey): Step;
  prune(before: number, limit: number): Promise<number>;
}

interface LoginRow {
  key: string;
  stage: string;
  browser: string;
  upstream_id: string;
  door: string;
  sealed: string;
  created_at: number | string;
  expires_at: number | string;
}

export function createLoginTransactionStore(database: Database): LoginTransactionStore {
  const table = () => database.sql('login_transactions');
  const live = ({ key, stage, browsers, now }: LoginKey) =>
    table()
      .where({ key, stage })
      .whereIn('browser', [...browsers])
      .where('expires_at', '>', now);
  const removed = (wanted: LoginKey): Query => live(wanted).delete();

  async function find(wanted: LoginKey): Promise<StoredLogin | undefined> {
    const row = await database.first<LoginRow>(live(wanted));
    return row && toLogin(row);
  }

  return {
    async insert(login) {
      await database.run(table().insert(toRow(login)));
    },
    find,
    async take(wanted) {
      // A row never changes, so it is as good to read before as with the statement that decides who has it.
      const found = await find(wanted);
      return found && (await database.run(removed(wanted))) === 1 ? found : undefined;
    },
    takeStep: (wanted) => ({ query: removed(wanted), guard: true }),
    prune(before, limit) {
      const ended = table().select('key').where('expires_at', '<', before).limit(limit);
      return database.run(table().whereIn('key', ended).delete());
    },
  };
}

const toRow = (login: StoredLogin) => ({
  key: login.key,
  stage: login.stage,
  browser: login.browser,
  upstream_id: login.upstreamId,
  door: login.door,
  sealed: login.sealed,
  created_at: login.createdAt,
  expires_at: login.expiresAt,
});

const toLogin = (row: LoginRow): StoredLogin => ({
  key: row.key,
  stage: row.stage,
  browser: row.browser,
  upstreamId: row.upstream_id,
  door: row.door,
  sealed: row.sealed,
  createdAt: Number(row.created_at),
  expiresAt: Number(row.expires_at),
});
