import type { Knex } from 'knex';
import type { Step } from '../platform/database/database.js';

/**
 * A write that changes nothing. On PostgreSQL it waits for whoever is changing the account just now, and the rest
 * of the unit goes after them; further conditions may be added.
 */
export const holdAccount = (sql: Knex, accountId: string): Knex.QueryBuilder =>
  sql('accounts').where({ id: accountId }).update({ id: accountId });

/**
 * A guard: the account is there, enabled, and not about to be deleted.
 * @param epoch and all access to it was not ended since this one began
 */
export const livingAccountStep = (sql: Knex, accountId: string, epoch?: number): Step => ({
  query: holdAccount(sql, accountId)
    .where(epoch === undefined ? {} : { access_epoch: epoch })
    .whereNull('disabled_at')
    .whereNull('delete_at'),
  guard: true,
});
