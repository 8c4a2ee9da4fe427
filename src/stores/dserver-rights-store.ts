import type { DserverRights } from '../dserver/rights.js';
import type { Database, Step } from '../platform/database/database.js';
import { holdAccount, livingAccountStep } from './hold-account.js';

/** What an administrator said of an account's dserver tokens. No row: nothing was said. */
export interface DserverRightsStore {
  find(accountId: string): Promise<DserverRights>;
  set(accountId: string, rights: DserverRights, at: number, also: readonly Step[]): Promise<void>;
  /** `livingAccountStep`. */
  livingStep(accountId: string, epoch?: number): Step;
  /** A guard behind that one: no administrator has ended the account's tokens. */
  allowedStep(accountId: string): Step;
}

interface RightsRow {
  allowed: number | null;
  permissions: string | null;
}

export function createDserverRightsStore(database: Database): DserverRightsStore {
  const { sql } = database;
  const table = () => sql('dserver_rights');

  return {
    async find(accountId) {
      const row = await database.first<RightsRow>(table().where({ account_id: accountId }));
      return {
        allowed: row === undefined || row.allowed === null ? undefined : row.allowed === 1,
        permissions: row?.permissions ? (JSON.parse(row.permissions) as string[]) : undefined,
      };
    },
    async set(accountId, { allowed, permissions }, at, also) {
      const row = {
        allowed: allowed === undefined ? null : Number(allowed),
        permissions: permissions === undefined ? null : JSON.stringify(permissions),
        updated_at: at,
      };
      const query = table()
        .insert({ account_id: accountId, ...row })
        .onConflict('account_id')
        .merge(row);
      // A token that is being made comes first, or sees what is said here.
      await database.write([{ query: holdAccount(sql, accountId) }, { query }, ...also]);
    },
    livingStep: (accountId, epoch) => livingAccountStep(sql, accountId, epoch),
    allowedStep: (accountId) => ({
      query: holdAccount(sql, accountId).whereNotExists(
        table().select('account_id').where({ account_id: accountId, allowed: 0 }),
      ),
      guard: true,
    }),
  };
}
