import type { AuditDetail, AuditRecord, AuditSink } from '../platform/audit/audit.js';
import type { Database } from '../platform/database/database.js';
import { AUDIT_COLUMNS, auditValues } from './audit-columns.js';

/** The trail as it is kept; there is no way to change or remove a row. */
export interface AuditStore extends AuditSink {
  /** Newest first. */
  list(of: { readonly accountId?: string; readonly limit: number }): Promise<AuditRecord[]>;
  /** When each client last got tokens of the account, by client id. */
  lastIssued(accountId: string): Promise<ReadonlyMap<string, number>>;
}

interface AuditRow {
  id: string;
  at: number | string;
  event: string;
  outcome: 'success' | 'failure' | null;
  actor_id: string | null;
  account_id: string | null;
  client_id: string | null;
  ip: string | null;
  request_id: string | null;
  detail: string | null;
}

export function createAuditStore(database: Database): AuditStore {
  const { sql } = database;
  const step = (record: AuditRecord) => ({ query: sql('audit_events').insert(toRow(record)) });

  return {
    step,
    async add(record) {
      await database.run(step(record).query);
    },
    async list({ accountId, limit }) {
      const query = sql('audit_events')
        .select('*')
        .orderBy([
          { column: 'at', order: 'desc' },
          { column: 'id', order: 'desc' },
        ]);
      if (accountId !== undefined) query.where('account_id', accountId);
      return (await database.all<AuditRow>(query.limit(limit))).map(toRecord);
    },
    async lastIssued(accountId) {
      const query = sql('audit_events')
        .select('client_id')
        .max({ at: 'at' })
        .where({ account_id: accountId, event: 'grant.issued' })
        .whereNotNull('client_id')
        .groupBy('client_id');
      const rows = await database.all<{ client_id: string; at: number | string }>(query);
      return new Map(rows.map((row) => [row.client_id, Number(row.at)]));
    },
  };
}

function toRow(record: AuditRecord): Record<string, string | number | null> {
  const values = auditValues(record);
  return Object.fromEntries(AUDIT_COLUMNS.map((column, index) => [column, values[index] ?? null]));
}

const toRecord = (row: AuditRow): AuditRecord => ({
  id: row.id,
  at: Number(row.at),
  event: row.event,
  outcome: row.outcome ?? undefined,
  actorId: row.actor_id ?? undefined,
  accountId: row.account_id ?? undefined,
  clientId: row.client_id ?? undefined,
  ip: row.ip ?? undefined,
  requestId: row.request_id ?? undefined,
  detail: row.detail === null ? undefined : (JSON.parse(row.detail) as AuditDetail),
});
