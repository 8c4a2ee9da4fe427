import type { Knex } from 'knex';
import type { Step } from '../platform/database/database.js';

/**
 * A guard that changes nothing: the browser session is there, and nobody has signed out of it. On PostgreSQL it
 * waits for whoever is ending it just now; who ends it later waits for the unit, and finds what it wrote.
 */
export const livingSessionStep = (sql: Knex, sessionUid: string): Step => ({
  query: sql('oidc_payloads')
    .where({ kind: 'Session', session_uid: sessionUid })
    .whereNull('consumed_at')
    .whereNull('revoked_at')
    .update({ session_uid: sessionUid }),
  guard: true,
});
