import type { Database } from '../platform/database/database.js';

/** What would end with a client: asked for before it is deleted. */
export interface ClientUsage {
  /** Grants that are neither revoked nor expired. */
  readonly grants: number;
  /** People whose consent is remembered. */
  readonly consents: number;
}

export interface ClientUsageStore {
  of(clientId: string, now: number): Promise<ClientUsage>;
}

export function createClientUsageStore(database: Database): ClientUsageStore {
  const { sql } = database;
  // PostgreSQL counts in text.
  const count = async (query: Parameters<Database['first']>[0]) =>
    Number((await database.first<{ n: number | string }>(query))?.n ?? 0);

  return {
    async of(clientId, now) {
      const grants = sql('oidc_payloads')
        .where({ kind: 'Grant', client_id: clientId })
        .whereNull('revoked_at')
        .where((open) => open.whereNull('expires_at').orWhere('expires_at', '>', now))
        .count({ n: '*' });
      const consents = sql('consents').where('client_id', clientId).count({ n: '*' });
      return { grants: await count(grants), consents: await count(consents) };
    },
  };
}
