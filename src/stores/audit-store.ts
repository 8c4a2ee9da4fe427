import type { AuditDetail, AuditRecord, AuditSink } from '../platform/audit/audit.js';
import type { Database } from '../platform/database/database.js';
import { AUDIT_COLUMNS, auditValues } from './audit-columns.js';

/** The trail as it is kept; there is no way to change or remove a row. */
export interface AuditStore extends AuditSink {
  /** Newest first. */
  list(of: { readonly accountId?: string; readonly limit: number }): Promise<AuditRecord[]>;
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
