import type { AuditRecord } from '../platform/audit/audit.js';

export const AUDIT_COLUMNS = [
  'id',
  'at',
  'event',
  'outcome',
  'actor_id',
  'account_id',
  'client_id',
  'ip',
  'request_id',
  'detail',
] as const;

/** The values of `AUDIT_COLUMNS`. */
export const auditValues = (record: AuditRecord): (string | number | null)[] => [
  record.id,
  record.at,
  record.event,
  record.outcome ?? null,
  record.actorId ?? null,
  record.accountId ?? null,
  record.clientId ?? null,
  record.ip ?? null,
  record.requestId ?? null,
  record.detail === undefined ? null : JSON.stringify(record.detail),
];
