import { expect, test } from '@jest/globals';
import { createAudit } from '../../src/platform/audit/audit.js';
import { UniqueViolation } from '../../src/platform/database/database.js';
import { createAuditStore } from '../../src/stores/audit-store.js';
import { describeOnBothDatabases } from '../support/databases.js';
import { movingClock } from '../unit/accounts/fakes.js';

// Not toThrow: the addon's error class may be of another jest file.
const REFUSED = { message: expect.stringContaining('append-only') };

describeOnBothDatabases('audit events', (open) => {
  test('cannot be changed, removed or replaced (A126)', async () => {
    const database = await open();
    const store = createAuditStore(database);
    await createAudit({ store, clock: movingClock() }).record({ event: 'account.created' });
    const rows = () => database.sql('audit_events');
    const [kept] = await store.list({ limit: 1 });
    await expect(database.run(rows().update({ event: 'nothing' }))).rejects.toMatchObject(REFUSED);
    await expect(database.run(rows().delete())).rejects.toMatchObject(REFUSED);
    await expect(store.add({ ...kept, id: kept?.id ?? '', at: 1, event: 'other' })).rejects.toBeDefined();
    expect(await store.list({ limit: 9 })).toEqual([kept]);
  });

  test('tell when each client last got tokens of an account, and of nobody else', async () => {
    const store = createAuditStore(await open());
    const clock = movingClock();
    const audit = createAudit({ store, clock });
    const issued = { event: 'grant.issued', accountId: 'a', clientId: 'c' };
    await audit.record(issued);
    clock.forward(60);
    await audit.record(issued);
    const last = clock.now();
    clock.forward(60);
    await audit.record({ ...issued, accountId: 'b' });
    await audit.record({ ...issued, event: 'consent.granted' });
    await audit.record({ event: 'grant.issued', accountId: 'a' });
    expect([...(await store.lastIssued('a'))]).toEqual([['c', last]]);
    expect([...(await store.lastIssued('nobody'))]).toEqual([]);
  });

  test('a step is written with its unit or not at all', async () => {
    const database = await open();
    const store = createAuditStore(database);
    const audit = createAudit({ store, clock: movingClock() });
    const role = () => ({ query: database.sql('roles').insert({ name: 'x', created_at: 1 }) });
    await database.write([role(), audit.step({ event: 'role.created' })]);
    await expect(database.write([role(), audit.step({ event: 'role.created' })])).rejects.toBeInstanceOf(
      UniqueViolation,
    );
    const absent = { query: database.sql('roles').where({ name: 'y' }).delete(), guard: true };
    expect(await database.write([absent, audit.step({ event: 'role.deleted' })])).toBe(false);
    expect(await store.list({ limit: 9 })).toHaveLength(1);
  });

  test('come back as they were recorded, newest first, of one account or of all', async () => {
    const store = createAuditStore(await open());
    const clock = movingClock();
    const audit = createAudit({ store, clock });
    await audit.record({ event: 'account.sign_in', outcome: 'failure', ip: '192.0.2.1', requestId: 'r' });
    clock.forward(1);
    const detail = { scopes: ['a', 'b'], count: 2, ok: true, note: 'ü\u2028🙂' };
    await audit.record({ event: 'grant.issued', actorId: 'x', accountId: 'a', clientId: 'c', detail });
    expect(await store.list({ limit: 9 })).toMatchObject([
      {
        at: clock.now(),
        event: 'grant.issued',
        actorId: 'x',
        clientId: 'c',
        detail: { ...detail, note: 'ü\\u2028🙂' },
      },
      { event: 'account.sign_in', outcome: 'failure', ip: '192.0.2.1', requestId: 'r', accountId: undefined },
    ]);
    expect(await store.list({ accountId: 'a', limit: 9 })).toHaveLength(1);
    expect(await store.list({ limit: 1 })).toHaveLength(1);
  });
});
