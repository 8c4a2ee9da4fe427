import type { AuditRecord } from '../platform/audit/audit.js';
import type { MaybeLater } from '../platform/database/maybe-later.js';
import type { SessionChoice } from './session-fact-store.js';

/**
 * The one table of oidc-provider's expiring objects: sessions, interactions, grants, codes, tokens.
 * Rows are found by the SHA-256 of the bearer value, never by the value itself.
 * `apply` is the only way to change rows that a unit of work decides about.
 */
export interface PayloadRow {
  /** `sha256(raw id)`, base64url. */
  readonly key: string;
  /** The library's model name: `Session`, `AccessToken`, … */
  readonly kind: string;
  /** `sha256(grantId)`: the key of the Grant row this row lives and dies with. */
  readonly grantKey: string | null;
  /** Session: its own uid; tokens: the uid of the session they are bound to. */
  readonly sessionUid: string | null;
  /** DeviceCode: HMAC of the user code. */
  readonly userCode: string | null;
  readonly accountId: string | null;
  readonly clientId: string | null;
  /** Milliseconds since the epoch; null: does not expire. */
  readonly expiresAt: number | null;
  /** The library's payload as JSON, without `jti` and other bearer values. */
  readonly payload: string;
  /** What had to leave the payload but must come back with it, sealed. */
  readonly sealed: string | null;
}

/** What is used up by being there: only that it is there counts. */
export type OnceRow = Pick<PayloadRow, 'key' | 'kind' | 'expiresAt'> &
  Partial<Pick<PayloadRow, 'accountId' | 'clientId'>>;

/** A row as read back, with the marks that only guarded statements set. */
export interface StoredPayload extends PayloadRow {
  /** One-time objects: used. Sessions: retired. */
  readonly consumedAt: number | null;
  /** Grants and Sessions only: the tombstone. */
  readonly revokedAt: number | null;
  /** Refresh tokens: the sealed answer the winner got. */
  readonly answer: string | null;
  /** Read with a token or code, where reading is dear (PostgreSQL): what is asked for next as a rule. */
  readonly company?: Company;
}

/** Both as they were at the very moment the token was read. */
export interface Company {
  readonly grant: StoredPayload | undefined;
  /** As `findSessionByUid` finds it. */
  readonly session: StoredPayload | undefined;
}

/**
 * A fixed record, applied whole or not at all: guards (`alive`, `use`) first, then `end`, `retire`, `put`
 * and `kill`.
 *
 * Of a Session, which may have several rows under one uid: a put is not written once a row of its uid bears
 * a tombstone, nor over a retired row; the `authorizations` of all its rows of one account are united with
 * every put, and those of the put row win.
 */
export interface PayloadUnit {
  /** Key of a Grant row that must exist, unrevoked. */
  alive?: string;
  /** Key of a row that must be unconsumed and becomes consumed. */
  use?: { key: string; answer?: string };
  /** Upserts (keyed, last write wins) and deletes (`null`). */
  put: Map<string, PayloadRow | null>;
  /** Keys of Grant and Session rows to tombstone. */
  kill: Set<string>;
  /** Keys of Session rows whose id was renewed: they live 30 s more, and are not written again. */
  retire: Set<string>;
  /** Uids of Sessions to end: every row is tombstoned. */
  end: Set<string>;
  /** Audit rows, written if and only if the unit is. */
  notes: AuditRecord[];
}

/** `grant`: the grant is gone; `used`: somebody else consumed the row. Nothing was written then. */
export type UnitOutcome = 'ok' | 'grant' | 'used';

export interface PayloadStore {
  find(key: string): MaybeLater<StoredPayload | undefined>;
  /** The newest Session row of that uid without a tombstone; a retired one only where there is no other. */
  findSessionByUid(uid: string): MaybeLater<StoredPayload | undefined>;
  /** @param names the HMACs of the user code under every live secret */
  findByUserCode(names: readonly string[]): Promise<StoredPayload | undefined>;
  /** @throws {Unavailable} */
  apply(unit: PayloadUnit): Promise<UnitOutcome>;
  /** Inserts a row unless its key exists (even expired); `false`: it did. Never waits for a unit. */
  once(row: OnceRow): Promise<boolean>;
  /** Tombstones every live Grant of the pair; resolves to how many. `clientId` absent: of the account; `accountId` absent: of the client. */
  revokeGrants(of: { accountId?: string; clientId?: string }, at: number): Promise<number>;
  /** Which clients hold live Grants of the account, remembered consents or not. */
  listGrantedClients(accountId: string): Promise<string[]>;
  /** Tombstones Sessions of the account: its browsers are signed out. Resolves to how many, retired rows aside. */
  endSessions(accountId: string, which?: SessionChoice): Promise<number>;
  /** Deletes at most `limit` rows that expired before `before` (ms); resolves to how many. */
  prune(before: number, limit: number): Promise<number>;
}
