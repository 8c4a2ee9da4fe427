import type { Knex } from 'knex';
import type { Step } from '../platform/database/database.js';

/** A guard: the account is there, enabled, and not about to be deleted. */
export const livingAccountStep = (sql: Knex, accountId: string): Step => ({
  // A write that changes nothing: on PostgreSQL it also waits for whoever disables the account just now.
  query: sql('accounts')
    .where({ id: accountId })
    .whereNull('disabled_at')
    .whereNull('delete_at')
    .update({ id: accountId }),
  guard: true,
});
