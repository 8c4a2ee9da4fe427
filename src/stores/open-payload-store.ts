import type { Clock } from '../platform/crypto/clock.js';
import type { OpenDatabase } from '../platform/database/open.js';
import type { PayloadStore } from './payload-store.js';
import { createPostgresPayloadStore } from './payload-store-postgres.js';
import { createSqlitePayloadStore } from './payload-store-sqlite.js';

/** The payload store of the database in use: both keep one contract (`test/stores/payload-store.contract.ts`). */
export const createPayloadStore = (db: OpenDatabase, clock: Clock): PayloadStore =>
  db.dialect === 'sqlite' ? createSqlitePayloadStore(db, clock) : createPostgresPayloadStore(db, clock);
