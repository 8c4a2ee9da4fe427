import type { Database, Step } from '../platform/database/database.js';

/** How an identity came to its account. */
export type LinkedBy = 'sign_up' | 'link' | 'link_desk' | 'cli';

/** That somebody known to an upstream as (issuer, subject) is an account here. */
export interface FederatedIdentity {
  readonly id: string;
  readonly accountId: string;
  readonly issuer: string;
  readonly subject: string;
  /** The entry of the settings it last came through; not part of the identity. */
  readonly upstreamId: string;
  /** What the upstream last said, by the mapping. No tokens. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** The original's `extra_data`. */
  readonly extra: Readonly<Record<string, unknown>>;
  readonly linkedBy: LinkedBy;
  /** Until then the link can be undone from the mail that told of it. Milliseconds, as all times here. */
  readonly undoUntil?: number | undefined;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly lastUsedAt?: number | undefined;
}

export interface FederatedIdentityStore {
  find(issuer: string, subject: string): Promise<FederatedIdentity | undefined>;
  findById(id: string): Promise<FederatedIdentity | undefined>;
  /** Oldest first. */
  listOf(accountId: string): Promise<FederatedIdentity[]>;
  /** Of all accounts, in order of id, beginning after `after`. */
  list(page: { readonly after?: string | undefined; readonly limit: number }): Promise<FederatedIdentity[]>;
  /** The unit ends in `UniqueViolation` of `federated_identities_issuer_subject_unique` where it is known. */
  insertStep(identity: FederatedIdentity): Step;
  /** A guard: the account has it. Notes a sign-in and what the upstream said at it. */
  touchStep(
    id: string,
    accountId: string,
    seen: {
      readonly upstreamId: string;
      readonly attributes: FederatedIdentity['attributes'];
      readonly at: number;
    },
  ): Step;
  /** A guard: the account has it. */
  removeStep(id: string, accountId: string): Step;
  /**
   * Guards: the account has it, and another way in stays: a password that does not end, or another identity
   * through one of `upstreamIds`. The account's row is held meanwhile, so that two cannot each count on the
   * other.
   */
  removeSpareSteps(id: string, accountId: string, upstreamIds: readonly string[], at: number): Step[];
  write(steps: readonly Step[]): Promise<boolean>;
}

interface IdentityRow {
  id: string;
  account_id: string;
  issuer: string;
  subject: string;
  upstream_id: string;
  attributes: string;
  extra: string;
  linked_by: string;
  undo_until: number | string | null;
  created_at: number | string;
  updated_at: number | string;
  last_used_at: number | string | null;
}

export function createFederatedIdentityStore(database: Database): FederatedIdentityStore {
  const { sql } = database;
  const table = () => sql('federated_identities');
  const one = async (where: Record<string, string>): Promise<FederatedIdentity | undefined> => {
    const row = await database.first<IdentityRow>(table().where(where));
    return row && toIdentity(row);
  };

  return {
    find: (issuer, subject) => one({ issuer, subject }),
    findById: (id) => one({ id }),
    async listOf(accountId) {
      const query = table().where({ account_id: accountId }).orderBy(['created_at', 'id']);
      return (await database.all<IdentityRow>(query)).map(toIdentity);
    },
    async list({ after, limit }) {
      const page = table().orderBy('id').limit(limit);
      if (after !== undefined) page.where('id', '>', after);
      return (await database.all<IdentityRow>(page)).map(toIdentity);
    },
    insertStep: (identity) => ({ query: table().insert(toRow(identity)) }),
    touchStep(id, accountId, { upstreamId, attributes, at }) {
      const row = {
        upstream_id: upstreamId,
        attributes: JSON.stringify(attributes),
        updated_at: at,
        last_used_at: at,
      };
      return { query: table().where({ id, account_id: accountId }).update(row), guard: true };
    },
    removeStep: (id, accountId) => ({
      query: table().where({ id, account_id: accountId }).delete(),
      guard: true,
    }),
    removeSpareSteps(id, accountId, upstreamIds, at) {
      const lasting = sql('accounts')
        .select('id')
        .where({ id: accountId })
        .whereNotNull('password_hash')
        .whereNull('password_expires_at');
      const others = table()
        .select('account_id')
        .where({ account_id: accountId })
        .whereNot({ id })
        .whereIn('upstream_id', [...upstreamIds]);
      const spare = table()
        .where({ id, account_id: accountId })
        .where((way) => way.whereIn('account_id', lasting).orWhereIn('account_id', others));
      return [
        { query: sql('accounts').where({ id: accountId }).update({ updated_at: at }), guard: true },
        { query: spare.delete(), guard: true },
      ];
    },
    write: (steps) => database.write(steps),
  };
}

const toRow = (identity: FederatedIdentity) => ({
  id: identity.id,
  account_id: identity.accountId,
  issuer: identity.issuer,
  subject: identity.subject,
  upstream_id: identity.upstreamId,
  attributes: JSON.stringify(identity.attributes),
  extra: JSON.stringify(identity.extra),
  linked_by: identity.linkedBy,
  undo_until: identity.undoUntil ?? null,
  created_at: identity.createdAt,
  updated_at: identity.updatedAt,
  last_used_at: identity.lastUsedAt ?? null,
});

const optional = (value: number | string | null): number | undefined =>
  value === null ? undefined : Number(value);

const toIdentity = (row: IdentityRow): FederatedIdentity => ({
  id: row.id,
  accountId: row.account_id,
  issuer: row.issuer,
  subject: row.subject,
  upstreamId: row.upstream_id,
  attributes: JSON.parse(row.attributes) as Record<string, unknown>,
  extra: JSON.parse(row.extra) as Record<string, unknown>,
  linkedBy: row.linked_by as LinkedBy,
  undoUntil: optional(row.undo_until),
  createdAt: Number(row.created_at),
  updatedAt: Number(row.updated_at),
  lastUsedAt: optional(row.last_used_at),
});
