import type { Clock } from '../platform/crypto/clock.js';
import type { PostgresDatabase } from '../platform/database/postgres.js';
import { ALL_COLUMNS, type RawPayload, requirePair, rowOfOnce, toStoredPayload } from './payload-columns.js';
import type { PayloadStore, PayloadUnit, StoredPayload, UnitOutcome } from './payload-store.js';
import {
  aliveStatement,
  isEntangled,
  onceStatement,
  plainPut,
  sharesSessions,
  unitStatement,
  unitSteps,
} from './payload-unit-postgres.js';

const SELECT = `SELECT ${ALL_COLUMNS.join(', ')} FROM oidc_payloads`;

const NEWEST_OF_SESSION = 'ORDER BY consumed_at IS NOT NULL, expires_at DESC LIMIT 1';

const columnsOf = (name: string): string => ALL_COLUMNS.map((column) => `${name}.${column}`).join(', ');

/** A row with its Grant and its session: one round trip in place of three. */
const WITH_COMPANY = `SELECT ${['own', 'grants', 'sessions'].map(columnsOf).join(', ')}
  FROM oidc_payloads AS own
  LEFT JOIN oidc_payloads AS grants ON grants.key = own.grant_key
  LEFT JOIN LATERAL (SELECT * FROM oidc_payloads AS one WHERE one.kind = 'Session'
    AND one.session_uid = own.session_uid AND own.kind <> 'Session' AND one.revoked_at IS NULL
    ${NEWEST_OF_SESSION}) AS sessions ON true
  WHERE own.key = $1`;

/** The part of a joined row that begins at this column; undefined where the join found nothing. */
function partAt(raw: readonly unknown[], at: number): StoredPayload | undefined {
  const part = raw.slice(at, at + ALL_COLUMNS.length) as unknown as RawPayload;
  return part[0] === null ? undefined : toStoredPayload(part);
}

function companyOf(raw: readonly unknown[]): StoredPayload | undefined {
  const own = partAt(raw, 0);
  if (!own || (own.grantKey === null && own.sessionUid === null)) return own;
  const [grant, session] = [1, 2].map((times) => partAt(raw, times * ALL_COLUMNS.length));
  return { ...own, company: { grant, session } };
}

/**
 * The payload store on PostgreSQL: nearly every call is one statement, hence one round trip. A unit whose
 * parts meet in a row, or that changes what the rows of a session share, is a short transaction.
 */
export function createPostgresPayloadStore(db: PostgresDatabase, clock: Clock): PayloadStore {
  const withCompany = db.rawReader({ text: WITH_COMPANY, values: [''] });

  async function one(text: string, value: unknown): Promise<StoredPayload | undefined> {
    const [raw] = await db.query<RawPayload>({ text, values: [value] });
    return raw && toStoredPayload(raw);
  }

  async function apply(unit: PayloadUnit): Promise<UnitOutcome> {
    const now = clock.now();
    const plain = plainPut(unit);
    if (plain !== undefined) {
      await db.change(plain);
      return 'ok';
    }
    if (isEntangled(unit) || sharesSessions(unit)) return applySteps(unit, now);
    const [answer] = await db.query<readonly [alive: boolean, used: boolean]>(unitStatement(unit, now));
    if (!answer?.[0]) return 'grant';
    return answer[1] ? 'ok' : 'used';
  }

  async function applySteps(unit: PayloadUnit, now: number): Promise<UnitOutcome> {
    if (await db.unit(unitSteps(unit, now))) return 'ok';
    if (unit.alive === undefined) return 'used';
    const alive = await db.query(aliveStatement(unit.alive, now));
    return alive.length > 0 ? 'used' : 'grant';
  }

  return {
    async find(key) {
      const [raw] = await withCompany(key);
      return raw && companyOf(raw);
    },
    findSessionByUid: (uid) =>
      one(
        `${SELECT} WHERE kind = 'Session' AND session_uid = $1 AND revoked_at IS NULL ${NEWEST_OF_SESSION}`,
        uid,
      ),
    findByUserCode: (names) => one(`${SELECT} WHERE user_code = ANY($1::text[]) LIMIT 1`, names),
    apply,
    once: async (row) => (await db.change(onceStatement(rowOfOnce(row)))) === 1,
    async revokeGrants(of, at) {
      const pair = requirePair(of);
      const text = `UPDATE oidc_payloads SET revoked_at = $1 WHERE kind = 'Grant' AND revoked_at IS NULL
        AND ${pair.map(([column], index) => `${column} = $${index + 2}`).join(' AND ')}`;
      return db.change({ text, values: [at, ...pair.map(([, value]) => value)] });
    },
    async listGrantedClients(accountId) {
      const rows = await db.query<readonly [clientId: string]>({
        text: `SELECT DISTINCT client_id FROM oidc_payloads WHERE kind = 'Grant' AND account_id = $1
          AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2) ORDER BY client_id`,
        values: [accountId, clock.now()],
      });
      return rows.map(([clientId]) => clientId);
    },
    async endSessions(accountId, { only, except } = {}) {
      const uid = only ?? except;
      const which = uid === undefined ? '' : `AND session_uid ${only === undefined ? '<>' : '='} $3`;
      // In the order in which units lock them.
      const text = `UPDATE oidc_payloads SET revoked_at = $1 WHERE key IN (SELECT key FROM oidc_payloads
        WHERE kind = 'Session' AND account_id = $2 AND revoked_at IS NULL ${which}
        ORDER BY key FOR UPDATE) RETURNING consumed_at IS NULL`;
      // Again, since a unit that was waited for may have renewed an id: its row shows only now.
      for (let ended = 0; ; ) {
        const values = [clock.now(), accountId, ...(uid === undefined ? [] : [uid])];
        const rows = await db.query<readonly [counts: boolean]>({ text, values });
        if (rows.length === 0) return ended;
        ended += rows.filter(([counts]) => counts).length;
      }
    },
    prune: (before, limit) =>
      db.change({
        // Rows that a unit is working on are left for the next time.
        text: `DELETE FROM oidc_payloads WHERE key IN (SELECT key FROM oidc_payloads
          WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
        values: [before, limit],
      }),
  };
}
