import type { Database, Step } from '../platform/database/database.js';
import { livingAccountStep } from './hold-account.js';

/** A user token of the permission service; the token itself is nowhere. */
export interface PermissionTokenRow {
  readonly jti: string;
  readonly accountId: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

export interface PermissionTokenStore {
  /** `false`: the account has been shut, or all access to it ended since this epoch. */
  insert(row: PermissionTokenRow, accessEpoch: number, also: readonly Step[]): Promise<boolean>;
  /** The account whose live token this is. */
  findOwner(jti: string, now: number): Promise<string | undefined>;
  /** `false`: it had ended already. */
  revoke(jti: string, now: number, also: readonly Step[]): Promise<boolean>;
  revokeAll(accountId: string, now: number): Promise<void>;
  /** Removes at most `limit` that ended before `before` (ms); resolves to how many. */
  prune(before: number, limit: number): Promise<number>;
}

export function createPermissionTokenStore(database: Database): PermissionTokenStore {
  const table = () => database.sql('permission_tokens');
  return {
    insert({ jti, accountId, createdAt, expiresAt }, accessEpoch, also) {
      const row = { jti, account_id: accountId, created_at: createdAt, expires_at: expiresAt };
      return database.write([
        livingAccountStep(database.sql, accountId, accessEpoch),
        { query: table().insert(row) },
        ...also,
      ]);
    },
    async findOwner(jti, now) {
      const live = table().select('account_id').where({ jti }).whereNull('revoked_at');
      const row = await database.first<{ account_id: string }>(live.where('expires_at', '>', now));
      return row?.account_id;
    },
    revoke(jti, now, also) {
      const query = table().where({ jti }).whereNull('revoked_at').update({ revoked_at: now });
      return database.write([{ query, guard: true }, ...also]);
    },
    async revokeAll(accountId, now) {
      await database.run(
        table().where({ account_id: accountId }).whereNull('revoked_at').update({ revoked_at: now }),
      );
    },
    prune(before, limit) {
      const ended = table().select('jti').where('expires_at', '<', before).limit(limit);
      return database.run(table().whereIn('jti', ended).delete());
    },
  };
}
