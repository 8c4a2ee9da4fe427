/**
 * The audit trail: who did what, when, from where. Rows are only ever added (triggers refuse the rest).
 * A step goes into the unit of the change it tells of, so there is neither a change without its row nor
 * a row without its change. No secrets, no tokens; what people typed is made harmless here.
 */
import type { Step } from '../database/database.js';
import type { Clock } from '../crypto/clock.js';
import { newId } from '../crypto/ids.js';

/** Where a request came from. */
export interface RequestInfo {
  readonly ip: string;
  readonly requestId: string;
}

export type AuditDetail = Readonly<Record<string, string | number | boolean | readonly string[]>>;

export interface AuditEvent {
  /** `account.sign_in`, `client.created`, … */
  readonly event: string;
  readonly outcome?: 'success' | 'failure' | undefined;
  /** Who did it: an account id, or `cli`, `bootstrap`, `system`. */
  readonly actorId?: string | undefined;
  /** Whom it concerns. */
  readonly accountId?: string | undefined;
  readonly clientId?: string | undefined;
  readonly ip?: string | undefined;
  readonly requestId?: string | undefined;
  readonly detail?: AuditDetail | undefined;
}

export interface AuditRecord extends AuditEvent {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** `stores/audit-store.ts`. */
export interface AuditSink {
  step(record: AuditRecord): Step;
  /** @throws {Unavailable} */
  add(record: AuditRecord): Promise<void>;
}

export interface Audit {
  /** As it is to be stored, for a unit that is not made of steps. */
  row(event: AuditEvent): AuditRecord;
  /** For the unit of work that makes the change. */
  step(event: AuditEvent): Step;
  /** For what changes nothing else, such as a refused sign-in. */
  record(event: AuditEvent): Promise<void>;
}

interface AuditDeps {
  readonly store: AuditSink;
  readonly clock: Clock;
  /** Told of each event, to count it. */
  readonly heard?: (event: string, outcome: AuditEvent['outcome']) => void;
}

export function createAudit({ store, clock, heard }: AuditDeps): Audit {
  const row = (given: AuditEvent): AuditRecord => {
    heard?.(given.event, given.outcome);
    const { event, outcome, actorId, accountId, clientId, ip, requestId, detail } = harmless(
      given,
    ) as AuditEvent;
    // All members of all rows, in one order: V8 knows them as one kind of object.
    return {
      id: newId(),
      at: clock.now(),
      event,
      outcome,
      actorId,
      accountId,
      clientId,
      ip,
      requestId,
      detail,
    };
  };
  return {
    row,
    step: (event) => store.step(row(event)),
    record: (event) => store.add(row(event)),
  };
}

const MAX_TEXT = 500;

// Line breaks would forge log lines (ASVS 16.4.1), the others hide or turn round what is read.
const UNSAFE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

const UNUSUAL = /[^\x20-\x7e]/;
const isPlain = (text: string): boolean => text.length <= MAX_TEXT && !UNUSUAL.test(text);

/** Whether `harmless` would leave it as it is, which is the rule. */
function isOrdinary(value: unknown): boolean {
  if (typeof value === 'string') return isPlain(value);
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isOrdinary);
  for (const name in value) {
    if (!isPlain(name) || !isOrdinary((value as Record<string, unknown>)[name])) return false;
  }
  return true;
}

function harmless(value: unknown): unknown {
  if (isOrdinary(value)) return value;
  if (typeof value === 'string') return value.slice(0, MAX_TEXT).replace(UNSAFE, escaped);
  if (Array.isArray(value)) return value.map(harmless);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [harmless(name), harmless(member)]),
  );
}

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
