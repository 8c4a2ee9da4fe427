import type { SealedRow, SealedRows } from '../platform/crypto/rekey.js';
import type { Database } from '../platform/database/database.js';

/** What lies sealed under `SECRET_KEY` for longer than minutes. */
export const createSealedTables = (database: Database) => ({
  signingKeys: createSealedRows(database, 'signing_keys', ['kid']),
  upstreamTokens: createSealedRows(database, 'upstream_tokens', ['account_id', 'upstream_id']),
  upstreamSessions: createSealedRows(database, 'upstream_sessions', ['session_uid']),
  clientSecrets: createSealedRows(database, 'client_secrets', ['id'], ['client_id']),
  payloads: createSealedRows(database, 'oidc_payloads', ['key'], ['kind']),
});

/** The `sealed` column of a table, row by row, for sealing it again. */
export function createSealedRows(
  database: Database,
  table: string,
  /** The primary key, in order. */
  key: readonly string[],
  /** Further columns that the seal is bound to. */
  more: readonly string[] = [],
): SealedRows {
  const { sql } = database;
  const named = ({ columns }: SealedRow) => Object.fromEntries(key.map((name) => [name, columns[name]]));

  return {
    async page(after, limit) {
      const query = sql(table)
        .select([...key, ...more, 'sealed'])
        .whereNotNull('sealed')
        .orderBy([...key])
        .limit(limit);
      if (after !== undefined) {
        const names = key.map(() => '??').join(', ');
        const values = key.map(() => '?').join(', ');
        const bindings = [...key, ...key.map((name) => after.columns[name] ?? '')];
        query.whereRaw(`(${names}) > (${values})`, bindings);
      }
      const rows = await database.all<Record<string, string>>(query);
      return rows.map(({ sealed = '', ...columns }) => ({ columns, sealed }));
    },
    async replace(row, sealed) {
      const asRead = sql(table).where(named(row)).where({ sealed: row.sealed });
      return (await database.run(asRead.update({ sealed }))) === 1;
    },
  };
}
