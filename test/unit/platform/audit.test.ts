import { expect, test } from '@jest/globals';
import { type AuditRecord, createAudit } from '../../../src/platform/audit/audit.js';

test('what people typed cannot forge a line or turn one round (A126)', async () => {
  const records: AuditRecord[] = [];
  const audit = createAudit({
    clock: { now: () => 42 },
    store: {
      step: () => {
        throw new Error('not asked for');
      },
      async add(record) {
        records.push(record);
      },
    },
  });
  await audit.record({
    event: 'account.created',
    accountId: 'a\r\nb',
    requestId: 'x\u0000y',
    detail: {
      username: 'eve\r\n2026 admin signed in',
      names: ['\u202eabc', '\u2028'],
      long: 'x'.repeat(9999),
      n: 1,
    },
  });
  const [record] = records;
  expect(record).toMatchObject({ at: 42, accountId: 'a\\u000d\\u000ab', requestId: 'x\\u0000y' });
  expect(record?.detail?.username).toBe('eve\\u000d\\u000a2026 admin signed in');
  expect(record?.detail?.names).toEqual(['\\u202eabc', '\\u2028']);
  expect(record?.detail?.long).toHaveLength(500);
  expect(record?.detail?.n).toBe(1);
});
