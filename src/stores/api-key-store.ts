import type { ApiKey } from '../dserver/api-keys.js';
import type { Database, Step } from '../platform/database/database.js';
import { holdAccount } from './hold-account.js';

/** API keys of accounts, by their SHA-256; the key itself is nowhere. */
export interface ApiKeyStore {
  /** `false`: the account has as many as `most` that are good. */
  insert(key: ApiKey, hash: string, most: number, also: readonly Step[]): Promise<boolean>;
  /** Revoked and ended ones too. */
  findByHash(hash: string): Promise<ApiKey | undefined>;
  find(id: string): Promise<ApiKey | undefined>;
  /** Not revoked, newest first. */
  listOf(accountId: string): Promise<ApiKey[]>;
  noteUse(id: string, at: number): Promise<void>;
  /** A guard: the key is neither revoked nor ended. */
  livingStep(id: string, now: number): Step;
  /** Ends the key and revokes the tokens got with it; `false`: the account has no such key. */
  revoke(accountId: string, id: string, at: number, also: readonly Step[]): Promise<boolean>;
}

interface KeyRow {
  id: string;
  account_id: string;
  label: string;
  hint: string;
  permissions: string;
  created_at: number | string;
  expires_at: number | string;
  last_used_at: number | string | null;
  revoked_at: number | string | null;
  created_by: string;
}

export function createApiKeyStore(database: Database): ApiKeyStore {
  const { sql } = database;
  const table = () => sql('api_keys');
  const one = async (where: Record<string, string>) => {
    const row = await database.first<KeyRow>(table().where(where));
    return row && toKey(row);
  };

  return {
    insert(key, hash, most, also) {
      const { accountId, createdAt } = key;
      const good = table()
        .count('*')
        .where({ account_id: accountId })
        .whereNull('revoked_at')
        .where('expires_at', '>', createdAt);
      return database.write([
        // By itself, or two at once would count the same keys.
        { query: holdAccount(sql, accountId), guard: true },
        { query: holdAccount(sql, accountId).whereRaw('(?) < ?', [good, most]), guard: true },
        { query: table().insert({ ...toRow(key), hash }) },
        ...also,
      ]);
    },
    findByHash: (hash) => one({ hash }),
    find: (id) => one({ id }),
    async listOf(accountId) {
      const query = table().where({ account_id: accountId }).whereNull('revoked_at').orderBy('id', 'desc');
      return (await database.all<KeyRow>(query)).map(toKey);
    },
    async noteUse(id, at) {
      await database.run(table().where({ id }).update({ last_used_at: at }));
    },
    livingStep: (id, now) => ({
      // A write that changes nothing: on PostgreSQL it also waits for whoever revokes the key just now.
      query: table().where({ id }).whereNull('revoked_at').where('expires_at', '>', now).update({ id }),
      guard: true,
    }),
    revoke: (accountId, id, at, also) =>
      database.write([
        {
          query: table()
            .where({ id, account_id: accountId })
            .whereNull('revoked_at')
            .update({ revoked_at: at }),
          guard: true,
        },
        {
          query: sql('token_families')
            .where('api_key_id', id)
            .whereNull('revoked_at')
            .update({ revoked_at: at }),
        },
        ...also,
      ]),
  };
}

const toRow = (key: ApiKey) => ({
  id: key.id,
  account_id: key.accountId,
  label: key.label,
  hint: key.hint,
  permissions: JSON.stringify(key.permissions),
  created_at: key.createdAt,
  expires_at: key.expiresAt,
  last_used_at: key.lastUsedAt ?? null,
  revoked_at: key.revokedAt ?? null,
  created_by: key.createdBy,
});

const toKey = (row: KeyRow): ApiKey => ({
  id: row.id,
  accountId: row.account_id,
  label: row.label,
  hint: row.hint,
  permissions: JSON.parse(row.permissions) as string[],
  createdAt: Number(row.created_at),
  expiresAt: Number(row.expires_at),
  lastUsedAt: row.last_used_at === null ? undefined : Number(row.last_used_at),
  revokedAt: row.revoked_at === null ? undefined : Number(row.revoked_at),
  createdBy: row.created_by,
});
