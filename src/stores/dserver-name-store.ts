import type { DserverName } from '../dserver/names.js';
import type { Database, Step } from '../platform/database/database.js';

/** Names by which dserver knows people. A name is given once; a unique index decides between two. */
export interface DserverNameStore {
  findByAccount(accountId: string): Promise<DserverName | undefined>;
  findByKey(nameKey: string): Promise<DserverName | undefined>;
  /** @throws {UniqueViolation} from the unit: the name is held, or the account has one */
  insertStep(name: DserverName): Step;
  /** A guard: gives a name whose account is gone back to the same upstream identity. */
  reclaimStep(nameKey: string, sourceKey: string, accountId: string): Step;
  /** Those dserver may not know yet and that may be tried at `now`. */
  listUnsynced(now: number, limit: number): Promise<DserverName[]>;
  setSynced(nameKey: string, at: number): Promise<void>;
  /** Tried in vain: not before `after` again. */
  setSyncAfter(nameKey: string, after: number): Promise<void>;
  write(steps: readonly Step[]): Promise<boolean>;
}

interface NameRow {
  name_key: string;
  name: string;
  account_id: string | null;
  source: string;
  source_key: string | null;
  created_at: number | string;
  synced_at: number | string | null;
}

export function createDserverNameStore(database: Database): DserverNameStore {
  const table = () => database.sql('dserver_names');
  const one = async (where: Record<string, string>) => {
    const row = await database.first<NameRow>(table().where(where));
    return row && toName(row);
  };

  return {
    findByAccount: (accountId) => one({ account_id: accountId }),
    findByKey: (nameKey) => one({ name_key: nameKey }),
    insertStep: (name) => ({ query: table().insert(toRow(name)) }),
    reclaimStep: (nameKey, sourceKey, accountId) => ({
      query: table()
        .where({ name_key: nameKey, source_key: sourceKey })
        .whereNull('account_id')
        .update({ account_id: accountId }),
      guard: true,
    }),
    async listUnsynced(now, limit) {
      const query = table()
        .whereNull('synced_at')
        .whereNotNull('account_id')
        .where('sync_after', '<=', now)
        .orderBy('sync_after')
        .limit(limit);
      return (await database.all<NameRow>(query)).map(toName);
    },
    async setSynced(nameKey, at) {
      await database.run(table().where({ name_key: nameKey }).update({ synced_at: at }));
    },
    async setSyncAfter(nameKey, after) {
      await database.run(table().where({ name_key: nameKey }).update({ sync_after: after }));
    },
    write: (steps) => database.write(steps),
  };
}

const toRow = (name: DserverName) => ({
  name_key: name.nameKey,
  name: name.name,
  account_id: name.accountId ?? null,
  source: name.source,
  source_key: name.sourceKey ?? null,
  created_at: name.createdAt,
  synced_at: name.syncedAt ?? null,
});

const toName = (row: NameRow): DserverName => ({
  nameKey: row.name_key,
  name: row.name,
  accountId: row.account_id ?? undefined,
  source: row.source,
  sourceKey: row.source_key ?? undefined,
  createdAt: Number(row.created_at),
  syncedAt: row.synced_at === null ? undefined : Number(row.synced_at),
});
