import type { OnceRow, PayloadRow, StoredPayload } from './payload-store.js';

/** What a put writes, in this order. The marks (`consumed_at`, `answer`, `revoked_at`) are never among them. */
export const PUT_COLUMNS = [
  'key',
  'kind',
  'grant_key',
  'session_uid',
  'user_code',
  'account_id',
  'client_id',
  'expires_at',
  'payload',
  'sealed',
] as const;

export const ALL_COLUMNS = [...PUT_COLUMNS, 'consumed_at', 'revoked_at', 'answer'] as const;

export const rowOfOnce = (row: OnceRow): PayloadRow => ({
  ...{ grantKey: null, sessionUid: null, userCode: null, accountId: null, clientId: null },
  ...{ payload: '{}', sealed: null },
  ...row,
});

/** The values of `PUT_COLUMNS`. */
export const putValues = (row: PayloadRow): (string | number | null)[] => [
  row.key,
  row.kind,
  row.grantKey,
  row.sessionUid,
  row.userCode,
  row.accountId,
  row.clientId,
  row.expiresAt,
  row.payload,
  row.sealed,
];

/** The values of `ALL_COLUMNS` as both drivers answer them in their raw, array form. */
export type RawPayload = readonly [
  key: string,
  kind: string,
  grantKey: string | null,
  sessionUid: string | null,
  userCode: string | null,
  accountId: string | null,
  clientId: string | null,
  expiresAt: number | null,
  payload: string,
  sealed: string | null,
  consumedAt: number | null,
  revokedAt: number | null,
  answer: string | null,
];

export function toStoredPayload(raw: RawPayload): StoredPayload {
  return {
    key: raw[0],
    kind: raw[1],
    grantKey: raw[2],
    sessionUid: raw[3],
    userCode: raw[4],
    accountId: raw[5],
    clientId: raw[6],
    expiresAt: raw[7],
    payload: raw[8],
    sealed: raw[9],
    consumedAt: raw[10],
    revokedAt: raw[11],
    answer: raw[12],
  };
}

/** `ON CONFLICT` of a put: everything but the key and the marks; a tombstone and a retired Session stay as they are. */
export const CONFLICT_CLAUSE = `ON CONFLICT (key) DO UPDATE SET ${PUT_COLUMNS.slice(1)
  .map((column) => `${column} = excluded.${column}`)
  .join(', ')} WHERE oidc_payloads.revoked_at IS NULL
  AND (oidc_payloads.consumed_at IS NULL OR oidc_payloads.kind <> 'Session')`;

/** The columns and values `revokeGrants` is asked for. With none of them it would end every grant there is. */
export function requirePair(of: { accountId?: string; clientId?: string }): [string, string][] {
  const pair: [string, string][] = [];
  if (of.accountId !== undefined) pair.push(['account_id', of.accountId]);
  if (of.clientId !== undefined) pair.push(['client_id', of.clientId]);
  if (pair.length === 0) throw new TypeError('revokeGrants needs an account or a client');
  return pair;
}
