import type { Clock } from '../platform/crypto/clock.js';
import type { SqliteDatabase } from '../platform/database/sqlite.js';
import { AUDIT_COLUMNS, auditValues } from './audit-columns.js';
import {
  ALL_COLUMNS,
  CONFLICT_CLAUSE,
  PUT_COLUMNS,
  putValues,
  type RawPayload,
  requirePair,
  rowOfOnce,
  toStoredPayload,
} from './payload-columns.js';
import { hasKin, isRetired, RETIRED_MS, unitedEntries, withEntries } from './payload-sessions.js';
import type { PayloadRow, PayloadStore, PayloadUnit, UnitOutcome } from './payload-store.js';

const SELECT = `SELECT ${ALL_COLUMNS.join(', ')} FROM oidc_payloads`;
const INSERT = `INSERT INTO oidc_payloads (${PUT_COLUMNS.join(', ')})
  VALUES (${PUT_COLUMNS.map(() => '?').join(', ')})`;

/** The payload store on SQLite: one read is one get by key, a unit runs inside the common transaction. */
export function createSqlitePayloadStore(db: SqliteDatabase, clock: Clock): PayloadStore {
  const byKey = db.prepare(`${SELECT} WHERE key = ?`).raw();
  const byUid = db
    .prepare(
      `${SELECT} WHERE kind = 'Session' AND session_uid = ? AND revoked_at IS NULL
       ORDER BY consumed_at IS NOT NULL, expires_at DESC, rowid DESC LIMIT 1`,
    )
    .raw();
  const kin = db
    .prepare(`${SELECT} WHERE kind = 'Session' AND session_uid = ? ORDER BY expires_at, rowid`)
    .raw();
  const alive = db.prepare(
    `SELECT 1 FROM oidc_payloads WHERE key = ? AND kind = 'Grant' AND revoked_at IS NULL
     AND (expires_at IS NULL OR expires_at > ?)`,
  );
  const use = db.prepare(
    'UPDATE oidc_payloads SET consumed_at = ?, answer = ? WHERE key = ? AND consumed_at IS NULL',
  );
  const put = db.prepare(`${INSERT} ${CONFLICT_CLAUSE}`);
  const putOnce = db.prepare(`${INSERT} ON CONFLICT (key) DO NOTHING`);
  const remove = db.prepare('DELETE FROM oidc_payloads WHERE key = ? AND revoked_at IS NULL');
  const kill = db.prepare(
    `UPDATE oidc_payloads SET revoked_at = ? WHERE key = ? AND kind IN ('Grant', 'Session') AND revoked_at IS NULL`,
  );
  const retire = db.prepare(
    `UPDATE oidc_payloads SET consumed_at = ?, expires_at = min(expires_at, ?)
     WHERE key = ? AND kind = 'Session' AND consumed_at IS NULL AND revoked_at IS NULL`,
  );
  const end = db.prepare(
    `UPDATE oidc_payloads SET revoked_at = ? WHERE kind = 'Session' AND session_uid = ? AND revoked_at IS NULL`,
  );
  const setPayload = db.prepare('UPDATE oidc_payloads SET payload = ? WHERE key = ?');
  const note = db.prepare(
    `INSERT INTO audit_events (${AUDIT_COLUMNS.join(', ')}) VALUES (${AUDIT_COLUMNS.map(() => '?').join(', ')})`,
  );
  /** Texts of their own: behind an `OR` SQLite would not find one session by the index of its uid. */
  const endingSessions = (which: string) =>
    db.prepare(
      `UPDATE oidc_payloads SET revoked_at = ? WHERE kind = 'Session' AND account_id = ? AND revoked_at IS NULL
       ${which} RETURNING consumed_at IS NULL AS counts`,
    );
  const endAllSessions = endingSessions('');
  const endThisSession = endingSessions('AND session_uid = ?');
  const endOtherSessions = endingSessions('AND session_uid <> ?');
  const grantedClients = db
    .prepare(
      `SELECT DISTINCT client_id FROM oidc_payloads WHERE kind = 'Grant' AND account_id = ?
       AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?) ORDER BY client_id`,
    )
    .pluck();
  const prune = db.prepare(
    `DELETE FROM oidc_payloads WHERE rowid IN
     (SELECT rowid FROM oidc_payloads WHERE expires_at < ? ORDER BY expires_at LIMIT ?)`,
  );

  function putRow(row: PayloadRow): void {
    if (row.kind !== 'Session' || row.sessionUid === null) return void put.run(...putValues(row));
    const rows = kin.all(row.sessionUid).map((raw) => toStoredPayload(raw as RawPayload));
    if (rows.some(({ revokedAt }) => revokedAt !== null)) return;
    if (!hasKin(row)) return void put.run(...putValues(row));
    const own = rows.filter(({ accountId }) => accountId === row.accountId);
    const entries = unitedEntries([...own, row]);
    put.run(...putValues({ ...row, payload: withEntries(row, entries) }));
    for (const other of own) {
      if (other.key === row.key || isRetired(other)) continue;
      const payload = withEntries(other, entries);
      if (payload !== other.payload) setPayload.run(payload, other.key);
    }
  }

  /** Guards first: where one fails, nothing has been written yet. */
  function execute(unit: PayloadUnit, now: number): UnitOutcome {
    if (unit.alive !== undefined && alive.get(unit.alive, now) === undefined) return 'grant';
    if (unit.use && use.run(now, unit.use.answer ?? null, unit.use.key).changes === 0) return 'used';
    for (const uid of unit.end) end.run(now, uid);
    for (const key of unit.retire) retire.run(now, now + RETIRED_MS, key);
    for (const [key, row] of unit.put) {
      if (row === null) remove.run(key);
      else putRow(row);
    }
    for (const key of unit.kill) kill.run(now, key);
    for (const row of unit.notes) note.run(...auditValues(row));
    return 'ok';
  }

  const read = (raw: unknown) => (raw === undefined ? undefined : toStoredPayload(raw as RawPayload));
  // A token of unknown kind is looked up as each kind it may be of, all in one turn.
  const find = db.onceASnapshot((key: string) => read(byKey.get(key)));
  const findSessionByUid = db.onceASnapshot((uid: string) => read(byUid.get(uid)));

  return {
    find,
    findSessionByUid,
    async findByUserCode(names) {
      db.reading();
      const list = names.map(() => '?').join(', ');
      return read(
        db
          .prepare(`${SELECT} WHERE user_code IN (${list}) LIMIT 1`)
          .raw()
          .get(...names),
      );
    },
    apply: (unit) => db.submit(() => execute(unit, clock.now())),
    once: (row) => db.submit(() => putOnce.run(...putValues(rowOfOnce(row))).changes === 1),
    async revokeGrants(of, at) {
      const pair = requirePair(of);
      const revoke = db.prepare(
        `UPDATE oidc_payloads SET revoked_at = ? WHERE kind = 'Grant' AND revoked_at IS NULL
         AND ${pair.map(([column]) => `${column} = ?`).join(' AND ')}`,
      );
      return db.submit(() => revoke.run(at, ...pair.map(([, value]) => value)).changes);
    },
    async listGrantedClients(accountId) {
      db.reading();
      return grantedClients.all(accountId, clock.now()) as string[];
    },
    endSessions: (accountId, { only, except } = {}) =>
      db.submit(() => {
        const uid = only ?? except;
        const which = only === undefined ? endOtherSessions : endThisSession;
        const values = [clock.now(), accountId];
        const ended = uid === undefined ? endAllSessions.all(...values) : which.all(...values, uid);
        return (ended as { counts: number }[]).filter(({ counts }) => counts === 1).length;
      }),
    prune: (before, limit) => db.tidy(() => prune.run(before, limit).changes),
  };
}
