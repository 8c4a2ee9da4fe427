import type { Link, LinkDetail, LinkPurpose } from '../accounts/links.js';
import type { Database, Query, Step } from '../platform/database/database.js';

export interface StoredLink extends Link {
  /** SHA-256 of the value in the mail; the value itself is nowhere. */
  readonly key: string;
}

/** One-time links. Using one is a single guarded step of the unit that makes the change it stands for. */
export interface LinkStore {
  insertStep(link: StoredLink): Step;
  findLive(key: string, purpose: LinkPurpose, now: number): Promise<Link | undefined>;
  /** A guard: it holds for one of all who use the link, until it ends. */
  consumeStep(key: string, purpose: LinkPurpose, now: number): Step;
  /** Ends what an account has of these purposes: all, or what was made at `since` and later. */
  endStep(accountId: string, purposes: readonly LinkPurpose[], since?: number): Step;
  /** Unused ones that have not ended, oldest first. */
  listLive(purpose: LinkPurpose, now: number): Promise<Link[]>;
  write(steps: readonly Step[]): Promise<boolean>;
  /** A guard: the link was there and unused. */
  removeStep(id: string, purpose: LinkPurpose): Step;
  /** Removes at most `limit` that ended before `before` (ms); resolves to how many. */
  prune(before: number, limit: number): Promise<number>;
}

interface LinkRow {
  id: string;
  purpose: string;
  account_id: string | null;
  email: string | null;
  detail: string;
  created_at: number | string;
  expires_at: number | string;
  created_by: string | null;
}

export function createLinkStore(database: Database): LinkStore {
  const table = () => database.sql('links');
  const live = (purpose: LinkPurpose, now: number) =>
    table().where({ purpose }).whereNull('consumed_at').where('expires_at', '>', now);
  const guard = (query: Query): Step => ({ query, guard: true });

  return {
    insertStep: (link) => ({ query: table().insert(toRow(link)) }),
    async findLive(key, purpose, now) {
      const row = await database.first<LinkRow>(live(purpose, now).where({ key }));
      return row && toLink(row);
    },
    consumeStep: (key, purpose, now) => guard(live(purpose, now).where({ key }).update({ consumed_at: now })),
    endStep(accountId, purposes, since = 0) {
      const ended = table().where({ account_id: accountId }).whereIn('purpose', purposes);
      return { query: ended.where('created_at', '>=', since).delete() };
    },
    async listLive(purpose, now) {
      return (await database.all<LinkRow>(live(purpose, now).orderBy('id'))).map(toLink);
    },
    write: (steps) => database.write(steps),
    removeStep: (id, purpose) => guard(table().where({ id, purpose }).whereNull('consumed_at').delete()),
    prune(before, limit) {
      const ended = table().select('id').where('expires_at', '<', before).limit(limit);
      return database.run(table().whereIn('id', ended).delete());
    },
  };
}

const toRow = (link: StoredLink) => ({
  id: link.id,
  key: link.key,
  purpose: link.purpose,
  account_id: link.accountId ?? null,
  email: link.email ?? null,
  detail: JSON.stringify(link.detail),
  created_at: link.createdAt,
  expires_at: link.expiresAt,
  created_by: link.createdBy ?? null,
});

const toLink = (row: LinkRow): Link => ({
  id: row.id,
  purpose: row.purpose as LinkPurpose,
  accountId: row.account_id ?? undefined,
  email: row.email ?? undefined,
  detail: JSON.parse(row.detail) as LinkDetail,
  createdAt: Number(row.created_at),
  expiresAt: Number(row.expires_at),
  createdBy: row.created_by ?? undefined,
});
