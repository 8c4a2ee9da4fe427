import { createPayloadStore } from '../../src/stores/open-payload-store.js';
import { describeOnBothDatabases } from '../support/databases.js';
import { payloadStoreContract } from './payload-store.contract.js';

describeOnBothDatabases('payload store', (open) => {
  payloadStoreContract(async () => {
    const db = await open();
    let now = 0;
    return {
      store: createPayloadStore(db, { now: () => now }),
      moveTo(time) {
        now = time;
      },
      company: db.dialect === 'postgres',
      notes: async () =>
        (await db.all<{ id: string }>(db.sql('audit_events').select('id'))).map(({ id }) => id),
    };
  });
});
