import type { PayloadRow, StoredPayload } from './payload-store.js';

/**
 * What the rows of one session, the "kin" (its ids before and after being renewed), have in common: the
 * library's notes of clients, `authorizations`. Each request writes its session whole, so these notes are
 * united whenever a row is written: a request beside it must not lose its own.
 */
type Entries = Record<string, unknown>;

/** How long the row of a renewed id can still be found, by requests that were under way. */
export const RETIRED_MS = 30_000;

/** Whether the rows of this session have something to unite. Nothing is ever noted before a sign-in. */
export const hasKin = (row: PayloadRow): boolean =>
  row.kind === 'Session' && row.sessionUid !== null && row.accountId !== null;

const payloadOf = ({ payload }: PayloadRow) => JSON.parse(payload) as { authorizations?: Entries };

/** What all of them note; the later in the list wins. */
export const unitedEntries = (rows: readonly PayloadRow[]): Entries =>
  Object.assign({}, ...rows.map((row) => payloadOf(row).authorizations));

/** The payload with these entries; the very text where it has them, or there are none. */
export function withEntries(row: PayloadRow, entries: Entries): string {
  const payload = payloadOf(row);
  const same = JSON.stringify(payload.authorizations ?? {}) === JSON.stringify(entries);
  return same ? row.payload : JSON.stringify({ ...payload, authorizations: entries });
}

export const isRetired = (row: StoredPayload): boolean => row.kind === 'Session' && row.consumedAt !== null;
