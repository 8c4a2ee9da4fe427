import type { NativeStep, Statement } from '../platform/database/statement.js';
import { AUDIT_COLUMNS, auditValues } from './audit-columns.js';
import { CONFLICT_CLAUSE, PUT_COLUMNS, putValues } from './payload-columns.js';
import { hasKin, RETIRED_MS } from './payload-sessions.js';
import type { PayloadRow, PayloadUnit } from './payload-store.js';

/** Puts a value among the parameters and answers its place, `$7::text`. */
type Bind = (value: unknown, type: 'text' | 'bigint' | 'text[]') => string;

const aliveText = (bind: Bind, key: string, now: number): string =>
  `SELECT 1 FROM oidc_payloads WHERE key = ${bind(key, 'text')} AND kind = 'Grant' AND revoked_at IS NULL
   AND (expires_at IS NULL OR expires_at > ${bind(now, 'bigint')})`;

const useText = (bind: Bind, use: NonNullable<PayloadUnit['use']>, now: number): string =>
  `UPDATE oidc_payloads SET consumed_at = ${bind(now, 'bigint')}, answer = ${bind(use.answer, 'text')}
   WHERE key = ${bind(use.key, 'text')} AND consumed_at IS NULL`;

const EXPIRES_AT = PUT_COLUMNS.indexOf('expires_at');

const NOT_ENDED = `NOT EXISTS (SELECT 1 FROM oidc_payloads AS ended WHERE ended.kind = 'Session'
  AND ended.session_uid = given.session_uid AND ended.revoked_at IS NOT NULL)`;

function putText(bind: Bind, rows: readonly PayloadRow[], condition: string): string {
  const insert = insertText(bind, 'oidc_payloads', PUT_COLUMNS, rows.map(putValues), EXPIRES_AT);
  const sessions = rows.some(({ kind }) => kind === 'Session');
  const allowed = sessions ? `${condition} AND (given.kind <> 'Session' OR ${NOT_ENDED})` : condition;
  return `${insert} WHERE ${allowed} ${CONFLICT_CLAUSE}`;
}

/**
 * A put of a Session that has an account, and the notes of clients given to all of its rows. Right only
 * in the session's turn: two statements that overlap do not see each other's new rows.
 */
function sessionText(bind: Bind, row: PayloadRow): string {
  const uid = bind(row.sessionUid, 'text');
  const account = bind(row.accountId, 'text');
  const given = bind(row.payload, 'text');
  const values = putValues({ ...row, payload: '' }).map((value, index) => {
    if (PUT_COLUMNS[index] === 'payload') return withEntries(given);
    return bind(value, index === EXPIRES_AT ? 'bigint' : 'text');
  });
  return `WITH kin AS (SELECT key, payload, consumed_at, revoked_at, expires_at, account_id FROM oidc_payloads
      WHERE kind = 'Session' AND session_uid = ${uid}),
    united AS (SELECT coalesce(jsonb_object_agg(entry.key, entry.value ORDER BY kin.expires_at, kin.key), '{}')
      || coalesce(${given}::jsonb -> 'authorizations', '{}') AS entries
      FROM kin, jsonb_each(kin.payload::jsonb -> 'authorizations') AS entry WHERE kin.account_id = ${account}),
    put AS (INSERT INTO oidc_payloads (${PUT_COLUMNS.join(', ')}) SELECT ${values.join(', ')} FROM united
      WHERE NOT EXISTS (SELECT 1 FROM kin WHERE revoked_at IS NOT NULL) ${CONFLICT_CLAUSE})
    UPDATE oidc_payloads AS other SET payload = ${withEntries('other.payload')} FROM united, kin
    WHERE other.key = kin.key AND kin.key <> ${bind(row.key, 'text')} AND kin.account_id = ${account}
    AND kin.consumed_at IS NULL AND NOT EXISTS (SELECT 1 FROM kin WHERE revoked_at IS NOT NULL)
    AND coalesce(other.payload::jsonb -> 'authorizations', '{}') <> united.entries`;
}

const withEntries = (payload: string): string =>
  `CASE WHEN united.entries = '{}' THEN ${payload}
   ELSE jsonb_set(${payload}::jsonb, '{authorizations}', united.entries)::text END`;

/**
 * One unit of a session at a time: the rows it has cannot be locked in one order while others add to them.
 * A lock of its own statement, since the next ones must see what it waited for.
 */
const turnText = (bind: Bind, uids: readonly string[]): string =>
  `SELECT pg_advisory_xact_lock(turn) FROM (SELECT DISTINCT hashtextextended(uid, 0) AS turn
   FROM unnest(${bind(uids, 'text[]')}) AS uid ORDER BY turn) AS turns`;

/** Every row that the sessions of the unit have by now, in the order in which `endSessions` takes them. */
const lockText = (bind: Bind, uids: readonly string[], keys: readonly string[]): string =>
  `SELECT 1 FROM oidc_payloads WHERE kind = 'Session' AND (session_uid = ANY(${bind(uids, 'text[]')})
   OR key = ANY(${bind(keys, 'text[]')})) ORDER BY key FOR UPDATE`;

const endText = (bind: Bind, uids: readonly string[], now: number): string =>
  `UPDATE oidc_payloads SET revoked_at = ${bind(now, 'bigint')}
   WHERE kind = 'Session' AND session_uid = ANY(${bind(uids, 'text[]')}) AND revoked_at IS NULL`;

const retireText = (bind: Bind, keys: readonly string[], now: number): string =>
  `UPDATE oidc_payloads SET consumed_at = ${bind(now, 'bigint')},
   expires_at = least(expires_at, ${bind(now + RETIRED_MS, 'bigint')})
   WHERE key = ANY(${bind(keys, 'text[]')}) AND kind = 'Session' AND consumed_at IS NULL AND revoked_at IS NULL`;

const AT = AUDIT_COLUMNS.indexOf('at');

const noteText = (bind: Bind, notes: PayloadUnit['notes'], condition: string): string =>
  `${insertText(bind, 'audit_events', AUDIT_COLUMNS, notes.map(auditValues), AT)} WHERE ${condition}`;

const removeText = (bind: Bind, keys: readonly string[]): string =>
  `DELETE FROM oidc_payloads WHERE key = ANY(${bind(keys, 'text[]')}) AND revoked_at IS NULL`;

const killText = (bind: Bind, keys: readonly string[], now: number): string =>
  `UPDATE oidc_payloads SET revoked_at = ${bind(now, 'bigint')}
   WHERE key = ANY(${bind(keys, 'text[]')}) AND kind IN ('Grant', 'Session') AND revoked_at IS NULL`;

function insertText(
  bind: Bind,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly unknown[])[],
  bigint: number,
): string {
  const row = (values: readonly unknown[]) =>
    `(${values.map((value, index) => bind(value, index === bigint ? 'bigint' : 'text')).join(', ')})`;
  const names = columns.join(', ');
  return `INSERT INTO ${table} (${names}) SELECT * FROM (VALUES ${rows.map(row).join(', ')}) AS given (${names})`;
}

function statement(make: (bind: Bind) => string): Statement {
  const values: unknown[] = [];
  const text = make((value, type) => `$${values.push(value ?? null)}::${type}`);
  return { text, values };
}

/** Whether a grant is alive: one row, or none. */
export const aliveStatement = (key: string, now: number): Statement =>
  statement((bind) => aliveText(bind, key, now));

/** Inserts one row unless its key exists. */
export const onceStatement = (row: PayloadRow): Statement =>
  statement((bind) => {
    const values = putValues(row).map((value, index) =>
      bind(value, index === EXPIRES_AT ? 'bigint' : 'text'),
    );
    return `INSERT INTO oidc_payloads (${PUT_COLUMNS.join(', ')}) VALUES (${values.join(', ')}) ON CONFLICT (key) DO NOTHING`;
  });

function putsOf(unit: PayloadUnit): { rows: PayloadRow[]; removed: string[] } {
  const rows: PayloadRow[] = [];
  const removed: string[] = [];
  for (const [key, row] of unit.put) {
    if (row === null) removed.push(key);
    else rows.push(row);
  }
  // Units that meet take their row locks in one order and so do not deadlock.
  return { rows: rows.sort((a, b) => (a.key < b.key ? -1 : 1)), removed: removed.sort() };
}

/** Where the unit is nothing but rows: a plain INSERT, the cheapest write there is. */
export function plainPut(unit: PayloadUnit): Statement | undefined {
  const { alive, use, kill, notes } = unit;
  const { rows, removed } = putsOf(unit);
  const others = removed.length + kill.size + notes.length;
  if (alive !== undefined || use || others > 0 || rows.length === 0 || sharesSessions(unit)) return undefined;
  return statement((bind) => putText(bind, rows, 'true'));
}

/** Two parts of one statement may not write the same row and do not see each other's writes. */
export function isEntangled({ alive, use, put, kill }: PayloadUnit): boolean {
  const written = new Set([...put.keys(), ...kill]);
  const guards = (alive !== undefined && written.has(alive)) || (use !== undefined && written.has(use.key));
  return guards || written.size < put.size + kill.size;
}

/** Whether the unit changes what the rows of a session share; it then takes their locks first. */
export function sharesSessions({ put, retire, end }: PayloadUnit): boolean {
  return retire.size + end.size > 0 || [...put.values()].some((row) => row !== null && hasKin(row));
}

/**
 * The unit as one statement, answering `[alive, used]`: one round trip and no transaction held open, so
 * a pooler may stand between. FOR SHARE on the grant lets a revocation wait for the unit or the unit see
 * the revocation; every write asks the guards first, so a guard that fails leaves nothing.
 */
export function unitStatement(unit: PayloadUnit, now: number): Statement {
  return statement((bind) => {
    const { alive, use, kill, notes } = unit;
    const { rows, removed } = putsOf(unit);
    const granted = alive === undefined ? 'true' : 'EXISTS (SELECT 1 FROM alive)';
    const ok = use === undefined ? granted : 'EXISTS (SELECT 1 FROM used)';
    const parts: string[] = [];
    if (alive !== undefined) parts.push(`alive AS MATERIALIZED (${aliveText(bind, alive, now)} FOR SHARE)`);
    if (use) parts.push(`used AS (${useText(bind, use, now)} AND ${granted} RETURNING 1)`);
    if (rows.length > 0) parts.push(`put AS (${putText(bind, rows, ok)})`);
    if (removed.length > 0) parts.push(`removed AS (${removeText(bind, removed)} AND ${ok})`);
    if (kill.size > 0) parts.push(`killed AS (${killText(bind, [...kill].sort(), now)} AND ${ok})`);
    if (notes.length > 0) parts.push(`noted AS (${noteText(bind, notes, ok)})`);
    const head = parts.length > 0 ? `WITH ${parts.join(', ')} ` : '';
    return `${head}SELECT ${granted}, ${use ? ok : 'true'}`;
  });
}

/** The unit as statements of one transaction, for the few that one statement cannot do. */
export function unitSteps(unit: PayloadUnit, now: number): NativeStep[] {
  const { alive, use, kill, notes, retire, end } = unit;
  const { rows: all, removed } = putsOf(unit);
  const sessions = all.filter(hasKin);
  const rows = all.filter((row) => !hasKin(row));
  const steps: NativeStep[] = [];
  const guard = (make: (bind: Bind) => string) => steps.push({ ...statement(make), guard: true });
  const step = (make: (bind: Bind) => string) => steps.push(statement(make));
  // Stronger than FOR SHARE: two units that share the grant and then both write it would deadlock.
  if (alive !== undefined) guard((bind) => `${aliveText(bind, alive, now)} FOR NO KEY UPDATE`);
  if (use) guard((bind) => useText(bind, use, now));
  if (sharesSessions(unit)) {
    const uids = [...end, ...sessions.map(({ sessionUid }) => sessionUid as string)];
    if (uids.length > 0) step((bind) => turnText(bind, uids));
    step((bind) => lockText(bind, uids, [...retire, ...sessions.map(({ key }) => key)]));
  }
  if (end.size > 0) step((bind) => endText(bind, [...end], now));
  if (retire.size > 0) step((bind) => retireText(bind, [...retire], now));
  for (const row of sessions) step((bind) => sessionText(bind, row));
  if (rows.length > 0) step((bind) => putText(bind, rows, 'true'));
  if (removed.length > 0) step((bind) => removeText(bind, removed));
  if (kill.size > 0) step((bind) => killText(bind, [...kill].sort(), now));
  if (notes.length > 0) step((bind) => noteText(bind, notes, 'true'));
  return steps;
}
