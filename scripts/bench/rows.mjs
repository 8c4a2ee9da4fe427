/** W8: a token table that has grown. Rows as Postern writes them for tokens of clients, all still alive. */
import Database from 'better-sqlite3';

const PAYLOAD = JSON.stringify({
  iat: 1_700_000_000,
  exp: 4_000_000_000,
  clientId: 'a client of somebody else entirely',
  scope: 'read write',
  kind: 'ClientCredentials',
  extra: 'x'.repeat(80),
});

/** @param {string} url `sqlite:` and the file */
export function fillRows(url, count) {
  const database = new Database(url.slice('sqlite:'.length));
  database.pragma('synchronous = OFF');
  database
    .prepare(
      `INSERT INTO oidc_payloads (key, kind, client_id, expires_at, payload)
       WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       SELECT substr(hex(randomblob(22)), 1, 43), 'ClientCredentials', 'other', 4000000000000 + i, ? FROM n`,
    )
    .run(count, PAYLOAD);
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.close();
}
