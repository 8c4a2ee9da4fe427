import type { Knex } from 'knex';
import type { FamilyChoice, MintedToken, TokenFamily } from '../dserver/ledger.js';
import type { Database, Step } from '../platform/database/database.js';
import { livingSessionStep } from './hold-session.js';

/** The ledger of minted tokens and their families. */
export interface MintedTokenStore {
  /**
   * Steps that note a token. A new family is inserted; one that is there is extended by a guard, which holds
   * nothing once it was revoked.
   */
  insertSteps(token: MintedToken, family: 'new' | 'there'): Step[];
  /** A guard: the browser session has not ended. */
  livingSessionStep(sessionUid: string): Step;
  find(jti: string): Promise<MintedToken | undefined>;
  /** The newest token of the session with its claims, if its family was not revoked. */
  findOfSession(sessionUid: string, accountId: string): Promise<MintedToken | undefined>;
  /** Newest first; with `liveAt` those that neither ended before nor were revoked. */
  list(of: {
    readonly accountId?: string | undefined;
    readonly liveAt?: number | undefined;
    readonly limit: number;
  }): Promise<MintedToken[]>;
  listLiveFamilies(which: FamilyChoice, now: number): Promise<TokenFamily[]>;
  /** `false`: none was left to revoke. */
  revoke(which: FamilyChoice, at: number, also?: readonly Step[]): Promise<boolean>;
  write(steps: readonly Step[]): Promise<boolean>;
  /** Removes at most `limit` tokens and as many families that ended before `before` (ms). */
  prune(before: number, limit: number): Promise<number>;
}

interface FamilyRow {
  id: string;
  account_id: string | null;
  session_uid: string | null;
  api_key_id: string | null;
  began_at: number | string;
  ends_at: number | string | null;
  revoked_at: number | string | null;
}

interface TokenRow extends FamilyRow {
  jti: string;
  subject: string;
  kind: string;
  reason: string;
  audience: string;
  client_ip: string | null;
  claims: string | null;
  created_at: number | string;
  expires_at: number | string | null;
}

const COLUMNS: Readonly<Record<keyof FamilyChoice, string>> = {
  id: 'id',
  accountId: 'account_id',
  sessionUid: 'session_uid',
  apiKeyId: 'api_key_id',
};

export function createMintedTokenStore(database: Database): MintedTokenStore {
  const { sql } = database;
  const families = () => sql('token_families');
  const tokens = () => sql('minted_tokens');
  const joined = () =>
    sql('minted_tokens as t')
      .join('token_families as f', 'f.id', 't.family')
      .select('t.*', 'f.id', 'f.account_id', 'f.session_uid', 'f.api_key_id')
      .select('f.began_at', 'f.ends_at', 'f.revoked_at');
  const live = (query: Knex.QueryBuilder, ends: string, now: number) =>
    query.where((one) => one.whereNull(ends).orWhere(ends, '>', now));

  /** Without a member that says which, none is meant. */
  function chosen(which: FamilyChoice): Knex.QueryBuilder {
    const where = Object.entries(which).filter(([, value]) => value !== undefined);
    if (where.length === 0) return families().whereRaw('1 = 0');
    return families()
      .whereNull('revoked_at')
      .where(Object.fromEntries(where.map(([name, value]) => [COLUMNS[name as keyof FamilyChoice], value])));
  }

  return {
    insertSteps(token, family) {
      const { id, endsAt } = token.family;
      const extend = families()
        .where({ id })
        .whereNull('revoked_at')
        .update({
          ends_at:
            endsAt === undefined
              ? null
              : sql.raw('CASE WHEN ends_at IS NULL OR ends_at > ? THEN ends_at ELSE ? END', [endsAt, endsAt]),
        });
      const first: Step =
        family === 'new'
          ? { query: families().insert(toFamilyRow(token.family)) }
          : { query: extend, guard: true };
      return [first, { query: tokens().insert(toTokenRow(token)) }];
    },
    livingSessionStep: (sessionUid) => livingSessionStep(sql, sessionUid),
    async find(jti) {
      const row = await database.first<TokenRow>(joined().where('t.jti', jti));
      return row && toToken(row);
    },
    async findOfSession(sessionUid, accountId) {
      const query = joined()
        .where({ 'f.session_uid': sessionUid, 'f.account_id': accountId })
        .whereNull('f.revoked_at')
        .whereNotNull('t.claims')
        .orderBy([
          { column: 't.created_at', order: 'desc' },
          { column: 't.jti', order: 'desc' },
        ]);
      const row = await database.first<TokenRow>(query.limit(1));
      return row && toToken(row);
    },
    async list({ accountId, liveAt, limit }) {
      const query = joined()
        .orderBy([
          { column: 't.created_at', order: 'desc' },
          { column: 't.jti', order: 'desc' },
        ])
        .limit(limit);
      if (accountId !== undefined) query.where('t.account_id', accountId);
      if (liveAt !== undefined) live(query.whereNull('f.revoked_at'), 't.expires_at', liveAt);
      return (await database.all<TokenRow>(query)).map(toToken);
    },
    async listLiveFamilies(which, now) {
      const rows = await database.all<FamilyRow>(live(chosen(which), 'ends_at', now).select('*'));
      return rows.map(toFamily);
    },
    revoke: (which, at, also = []) =>
      database.write([{ query: chosen(which).update({ revoked_at: at }), guard: true }, ...also]),
    write: (steps) => database.write(steps),
    async prune(before, limit) {
      const old = tokens().select('jti').where('expires_at', '<', before).limit(limit);
      const over = families().select('id').where('ends_at', '<', before).limit(limit);
      const gone = await database.run(tokens().whereIn('jti', old).delete());
      // A family outlives its tokens: what is refreshed late must still find that it was revoked.
      return gone + (await database.run(families().whereIn('id', over).delete()));
    },
  };
}

const toFamilyRow = (family: TokenFamily) => ({
  id: family.id,
  account_id: family.accountId ?? null,
  session_uid: family.sessionUid ?? null,
  api_key_id: family.apiKeyId ?? null,
  began_at: family.beganAt,
  ends_at: family.endsAt ?? null,
  revoked_at: family.revokedAt ?? null,
});

const toTokenRow = (token: MintedToken) => ({
  jti: token.jti,
  family: token.family.id,
  account_id: token.family.accountId ?? null,
  subject: token.subject,
  kind: token.kind,
  reason: token.reason,
  audience: token.audience,
  client_ip: token.clientIp ?? null,
  claims: token.claims === undefined ? null : JSON.stringify(token.claims),
  created_at: token.createdAt,
  expires_at: token.expiresAt ?? null,
});

const timeOf = (value: number | string | null): number | undefined =>
  value === null ? undefined : Number(value);

const toFamily = (row: FamilyRow): TokenFamily => ({
  id: row.id,
  accountId: row.account_id ?? undefined,
  sessionUid: row.session_uid ?? undefined,
  apiKeyId: row.api_key_id ?? undefined,
  beganAt: Number(row.began_at),
  endsAt: timeOf(row.ends_at),
  revokedAt: timeOf(row.revoked_at),
});

const toToken = (row: TokenRow): MintedToken => ({
  jti: row.jti,
  family: toFamily(row),
  subject: row.subject,
  kind: row.kind,
  reason: row.reason,
  audience: row.audience,
  clientIp: row.client_ip ?? undefined,
  claims: row.claims === null ? undefined : (JSON.parse(row.claims) as Record<string, unknown>),
  createdAt: Number(row.created_at),
  expiresAt: timeOf(row.expires_at),
});
