/**
 * Every migration, in order. The list is written out, not read from the directory, so that the names
 * recorded in a database are the same for sources and for the compiled program.
 * A released migration is never edited. Types: ids are text made by the application, `*_at` are
 * milliseconds (bigint), flags are integers 0/1, JSON is text; there are no sequences and no foreign keys.
 */
import type { Knex } from 'knex';
import * as accounts from './0001-accounts.js';
import * as clients from './0002-clients.js';
import * as payloads from './0003-payloads.js';
import * as throttleAndAudit from './0004-throttle-and-audit.js';
import * as links from './0005-links.js';
import * as redirectLeases from './0006-redirect-leases.js';
import * as accountLife from './0007-account-life.js';
import * as upstreams from './0008-upstreams.js';
import * as dserver from './0009-dserver.js';
import * as permissions from './0010-permissions.js';
import * as signingKeys from './0011-signing-keys.js';
import * as accessEpoch from './0012-access-epoch.js';
import * as heldAttempts from './0013-held-attempts.js';

export interface Migration {
  readonly name: string;
  up(knex: Knex): Promise<void>;
  down(knex: Knex): Promise<void>;
}

export const migrations: readonly Migration[] = [
  { name: '0001-accounts', ...accounts },
  { name: '0002-clients', ...clients },
  { name: '0003-payloads', ...payloads },
  { name: '0004-throttle-and-audit', ...throttleAndAudit },
  { name: '0005-links', ...links },
  { name: '0006-redirect-leases', ...redirectLeases },
  { name: '0007-account-life', ...accountLife },
  { name: '0008-upstreams', ...upstreams },
  { name: '0009-dserver', ...dserver },
  { name: '0010-permissions', ...permissions },
  { name: '0011-signing-keys', ...signingKeys },
  { name: '0012-access-epoch', ...accessEpoch },
  { name: '0013-held-attempts', ...heldAttempts },
];
