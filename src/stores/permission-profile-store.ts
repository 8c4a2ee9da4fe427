import type { PermissionProfile } from '../permission-service/profile.js';
import type { Database, Step } from '../platform/database/database.js';

/** What an extension changes of somebody new. */
export interface ProfileChange {
  readonly userId?: string | undefined;
  readonly username?: string | undefined;
  readonly name?: string | undefined;
  readonly avatarUrl?: string | undefined;
}

/** Names are stored as they are compared: `username_key` is the lower case form of what was asked for. */
export interface PermissionProfileStore {
  findByAccount(accountId: string): Promise<PermissionProfile | undefined>;
  findByUsernameKey(usernameKey: string): Promise<PermissionProfile | undefined>;
  /** By another person, here or as the user name of an account. */
  isTaken(usernameKey: string, accountId: string): Promise<boolean>;
  /** @throws {UniqueViolation} when the person has a profile, or the name or id is taken */
  insert(profile: PermissionProfile, usernameKey: string, also: readonly Step[]): Promise<void>;
  setProviderId(accountId: string, providerId: string, at: number): Promise<void>;
  /** @throws {UniqueViolation} when the name or the id is taken; nothing is changed */
  change(accountId: string, change: ProfileChange, at: number): Promise<void>;
  /**
   * One statement decides: of any number of attempts the first one chooses. `false`: chosen already, no profile,
   * or the name is another account's.
   * @throws {UniqueViolation} when the name is taken
   */
  choose(
    accountId: string,
    name: { readonly username: string; readonly usernameKey: string },
    at: number,
    also: readonly Step[],
  ): Promise<boolean>;
}

interface ProfileRow {
  account_id: string;
  user_id: string;
  username: string;
  chosen: number;
  name: string | null;
  avatar_url: string | null;
  provider_id: string | null;
  created_at: number | string;
  updated_at: number | string;
}

export function createPermissionProfileStore(database: Database): PermissionProfileStore {
  const { sql } = database;
  const table = () => sql('permission_profiles');
  const one = async (where: Record<string, string>) => {
    const row = await database.first<ProfileRow>(table().where(where));
    return row && toProfile(row);
  };
  const accountsNamed = (usernameKey: string, accountId: string) =>
    sql('accounts').select('id').where({ username_key: usernameKey }).whereNot({ id: accountId });

  return {
    findByAccount: (accountId) => one({ account_id: accountId }),
    findByUsernameKey: (usernameKey) => one({ username_key: usernameKey }),
    async isTaken(usernameKey, accountId) {
      const profiles = table()
        .select('account_id as id')
        .where({ username_key: usernameKey })
        .whereNot({ account_id: accountId });
      const query = profiles.unionAll(accountsNamed(usernameKey, accountId)).limit(1);
      return (await database.first(query)) !== undefined;
    },
    async insert(profile, usernameKey, also) {
      await database.write([{ query: table().insert(toRow(profile, usernameKey)) }, ...also]);
    },
    async setProviderId(accountId, providerId, at) {
      await database.run(
        table().where({ account_id: accountId }).update({ provider_id: providerId, updated_at: at }),
      );
    },
    async change(accountId, { userId, username, name, avatarUrl }, at) {
      await database.run(
        table()
          .where({ account_id: accountId })
          .update({
            ...(userId === undefined ? {} : { user_id: userId }),
            ...(username === undefined ? {} : { username, username_key: username }),
            ...(name === undefined ? {} : { name }),
            ...(avatarUrl === undefined ? {} : { avatar_url: avatarUrl }),
            updated_at: at,
          }),
      );
    },
    choose(accountId, { username, usernameKey }, at, also) {
      const query = table()
        .where({ account_id: accountId, chosen: 0 })
        .whereNotExists(accountsNamed(usernameKey, accountId))
        .update({ username, username_key: usernameKey, chosen: 1, updated_at: at });
      return database.write([{ query, guard: true }, ...also]);
    },
  };
}

const toRow = (profile: PermissionProfile, usernameKey: string) => ({
  account_id: profile.accountId,
  user_id: profile.userId,
  username: profile.username,
  username_key: usernameKey,
  chosen: profile.chosen ? 1 : 0,
  name: profile.name ?? null,
  avatar_url: profile.avatarUrl ?? null,
  provider_id: profile.providerId ?? null,
  created_at: profile.createdAt,
  updated_at: profile.updatedAt,
});

const toProfile = (row: ProfileRow): PermissionProfile => ({
  accountId: row.account_id,
  userId: row.user_id,
  username: row.username,
  chosen: row.chosen === 1,
  name: row.name ?? undefined,
  avatarUrl: row.avatar_url ?? undefined,
  providerId: row.provider_id ?? undefined,
  createdAt: Number(row.created_at),
  updatedAt: Number(row.updated_at),
});
