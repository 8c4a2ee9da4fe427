import type { Database, Step } from '../platform/database/database.js';

/** One account's tokens at one upstream. What they are is sealed. Times are milliseconds since the epoch. */
export interface StoredUpstreamToken {
  readonly accountId: string;
  readonly upstreamId: string;
  readonly sealed: string;
  /** Of the access token; `undefined`: never. */
  readonly expiresAt: number | undefined;
  /** The upstream refused to renew them. */
  readonly deadAt: number | undefined;
  /** Another one with every pair. */
  readonly revision: string;
  /** Until then somebody refreshes it. */
  readonly leasedUntil: number | undefined;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export type UpstreamTokenKey = Pick<StoredUpstreamToken, 'accountId' | 'upstreamId'>;

/** A pair as it is to be kept. */
export type FreshUpstreamToken = UpstreamTokenKey &
  Pick<StoredUpstreamToken, 'sealed' | 'expiresAt' | 'revision'> & { readonly at: number };

/** For pages of administrators. */
export interface ListedUpstreamToken extends StoredUpstreamToken {
  readonly username: string | undefined;
}

/**
 * Whoever refreshes a pair holds a lease on its row: one UPDATE takes it, so there is one holder among all
 * processes, and it ends by itself where the holder died. The lease keeps others from asking; that a pair is
 * never overwritten by an older one is held by `revision`.
 */
export interface UpstreamTokenStore {
  find(key: UpstreamTokenKey): Promise<StoredUpstreamToken | undefined>;
  /** In place of whatever was there; a lease on it ends. */
  putStep(token: FreshUpstreamToken): Step;
  removeStep(key: UpstreamTokenKey): Step;
  /** `false`: somebody else holds it at `now`, or the pair is not `revision` any more. */
  takeLease(
    key: UpstreamTokenKey & Pick<StoredUpstreamToken, 'revision'>,
    lease: { readonly holder: string; readonly until: number; readonly now: number },
  ): Promise<boolean>;
  endLease(key: UpstreamTokenKey, holder: string): Promise<void>;
  /**
   * The refreshed pair in place of `former`, whose lease ends; `false`: that pair is gone. A refusal that another
   * met with `former` meanwhile, having taken the holder for dead, says nothing of the new pair.
   */
  replace(former: string, token: FreshUpstreamToken, also: readonly Step[]): Promise<boolean>;
  /** The same for one who refreshed nothing, behind these: nor may anybody hold a lease on it. */
  replaceIdle(former: string, token: FreshUpstreamToken, guards: readonly Step[]): Promise<boolean>;
  /** Marks the pair as refused; `false`: it is not `revision` any more. */
  bury(
    key: UpstreamTokenKey & Pick<StoredUpstreamToken, 'revision'>,
    at: number,
    also: readonly Step[],
  ): Promise<boolean>;
  /** In order of account and upstream, beginning after `after`. */
  list(page: {
    readonly accountId?: string | undefined;
    readonly after?: UpstreamTokenKey | undefined;
    readonly limit: number;
  }): Promise<ListedUpstreamToken[]>;
}

interface TokenRow {
  account_id: string;
  upstream_id: string;
  sealed: string;
  expires_at: number | string | null;
  dead_at: number | string | null;
  revision: string;
  lock_until: number | string | null;
  created_at: number | string;
  updated_at: number | string;
  username?: string | null;
}

export function createUpstreamTokenStore(database: Database): UpstreamTokenStore {
  const { sql } = database;
  const table = () => sql('upstream_tokens');
  const one = ({ accountId, upstreamId }: UpstreamTokenKey) =>
    table().where({ account_id: accountId, upstream_id: upstreamId });
  /** Of the pair `revision` that is good, and that nobody is at. */
  const idle = (key: UpstreamTokenKey, revision: string, now: number) =>
    one(key)
      .where({ revision })
      .whereNull('dead_at')
      .where((row) => row.whereNull('lock_until').orWhere('lock_until', '<=', now));

  return {
    async find(key) {
      const row = await database.first<TokenRow>(one(key).select('*'));
      return row && toToken(row);
    },
    putStep(token) {
      const row = { ...pairOf(token), dead_at: null, ...UNLOCKED };
      const { accountId: account_id, upstreamId: upstream_id, at } = token;
      return {
        query: table()
          .insert({ account_id, upstream_id, ...row, created_at: at })
          .onConflict(['account_id', 'upstream_id'])
          .merge(row),
      };
    },
    removeStep: (key) => ({ query: one(key).delete() }),
    async takeLease(key, { holder, until, now }) {
      const free = idle(key, key.revision, now);
      return (await database.run(free.update({ lock_holder: holder, lock_until: until }))) === 1;
    },
    async endLease(key, holder) {
      await database.run(one(key).where({ lock_holder: holder }).update(UNLOCKED));
    },
    replace(former, token, also) {
      const query = one(token).where({ revision: former });
      return database.write([
        { query: query.update({ ...pairOf(token), dead_at: null, ...UNLOCKED }), guard: true },
        ...also,
      ]);
    },
    replaceIdle(former, token, guards) {
      const query = idle(token, former, token.at).update({ ...pairOf(token), ...UNLOCKED });
      return database.write([...guards, { query, guard: true }]);
    },
    bury(key, at, also) {
      const query = one(key).where({ revision: key.revision });
      const row = { dead_at: at, updated_at: at, ...UNLOCKED };
      return database.write([{ query: query.update(row), guard: true }, ...also]);
    },
    async list({ accountId, after, limit }) {
      const query = sql('upstream_tokens as t')
        .leftJoin('accounts as a', 'a.id', 't.account_id')
        .select('t.*', 'a.username')
        .orderBy(['t.account_id', 't.upstream_id'])
        .limit(limit);
      if (accountId !== undefined) query.where('t.account_id', accountId);
      if (after !== undefined) {
        query.where((row) =>
          row
            .where('t.account_id', '>', after.accountId)
            .orWhere((same) =>
              same.where('t.account_id', after.accountId).where('t.upstream_id', '>', after.upstreamId),
            ),
        );
      }
      const rows = await database.all<TokenRow>(query);
      return rows.map((row) => ({ ...toToken(row), username: row.username ?? undefined }));
    },
  };
}

const UNLOCKED = { lock_holder: null, lock_until: null };

const pairOf = ({ sealed, expiresAt, revision, at }: FreshUpstreamToken) => ({
  sealed,
  expires_at: expiresAt ?? null,
  revision,
  updated_at: at,
});

const maybe = (value: number | string | null): number | undefined =>
  value === null ? undefined : Number(value);

const toToken = (row: TokenRow): StoredUpstreamToken => ({
  accountId: row.account_id,
  upstreamId: row.upstream_id,
  sealed: row.sealed,
  expiresAt: maybe(row.expires_at),
  deadAt: maybe(row.dead_at),
  revision: row.revision,
  leasedUntil: maybe(row.lock_until),
  createdAt: Number(row.created_at),
  updatedAt: Number(row.updated_at),
});
