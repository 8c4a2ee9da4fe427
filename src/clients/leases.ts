import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { newId } from '../platform/crypto/ids.js';
import { type FieldFault, InvalidInput, PosternError } from '../platform/errors/errors.js';
import type { RedirectLeaseStore } from '../stores/redirect-lease-store.js';
import type { ClientRecord, RedirectLease } from './client.js';
import { redirectUriFault } from './redirect-uris.js';

/**
 * Redirect leases: an exact redirect URI that ends by itself, for preview deployments. It is judged as any
 * redirect URI is, wildcards included: there are none.
 */
export interface RedirectLeases {
  /** Those that have not ended, oldest first. */
  listOf(clientId: string): Promise<RedirectLease[]>;
  /** @throws {InvalidInput} at `redirect_uri` or `seconds` */
  add(client: ClientRecord, lease: NewLease, by: By, info?: RequestInfo): Promise<RedirectLease>;
  /** @throws {PosternError} 404 without such a lease */
  remove(clientId: string, id: string, by: By, info?: RequestInfo): Promise<void>;
  /** Takes away what ended before `before`: it is shown and followed no more, and adding one is in the trail. */
  prune(before: number, limit: number): Promise<number>;
}

export interface NewLease {
  readonly redirectUri: string;
  readonly seconds: number;
}

interface By {
  readonly actorId: string;
}

const DAY = 86_400;
export const MAX_LEASE_DAYS = 30;
const MAX_LEASES = 50;

interface Dependencies {
  readonly store: RedirectLeaseStore;
  readonly audit: Audit;
  readonly clock: Clock;
}

export function createRedirectLeases({ store, audit, clock }: Dependencies): RedirectLeases {
  const listOf = (clientId: string) => store.listOf(clientId, clock.now());
  return {
    listOf,
    prune: store.prune,
    async add(client, { redirectUri, seconds }, { actorId }, info) {
      const { clientId } = client;
      const faults = leaseFaults(client, redirectUri, seconds, await listOf(clientId));
      if (faults.length > 0) throw new InvalidInput(faults);
      const now = clock.now();
      const lease: RedirectLease = {
        id: newId(),
        ...{ clientId, redirectUri },
        createdAt: now,
        expiresAt: now + seconds * 1000,
        createdBy: actorId,
      };
      const detail = { lease_id: lease.id, redirect_uri: redirectUri, expires_at: lease.expiresAt };
      const step = audit.step({ event: 'client.lease_added', ...info, actorId, clientId, detail });
      if (!(await store.add(lease, [step])))
        throw new PosternError(404, 'not_found', 'There is no such client.');
      return lease;
    },
    async remove(clientId, id, by, info) {
      const detail = { lease_id: id };
      const step = audit.step({ event: 'client.lease_removed', ...info, ...by, clientId, detail });
      if (await store.remove(clientId, id, [step])) return;
      throw new PosternError(404, 'not_found', 'The client has no such redirect lease.');
    },
  };
}

function leaseFaults(
  { metadata }: ClientRecord,
  uri: string,
  seconds: number,
  live: readonly RedirectLease[],
): FieldFault[] {
  const faults: FieldFault[] = [];
  const wrong = redirectUriFault(uri, metadata.application_type);
  if (wrong !== undefined) faults.push({ field: 'redirect_uri', message: wrong });
  else if ([...metadata.redirect_uris, ...live.map((lease) => lease.redirectUri)].includes(uri)) {
    faults.push({ field: 'redirect_uri', message: 'This redirect URI is registered already.' });
  }
  if (metadata.response_types.length === 0) {
    faults.push({
      field: 'redirect_uri',
      message: 'This client sends no browser anywhere: it has no response type.',
    });
  }
  if (live.length >= MAX_LEASES) {
    faults.push({ field: 'redirect_uri', message: `A client has at most ${MAX_LEASES} redirect leases.` });
  }
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_LEASE_DAYS * DAY) {
    faults.push({ field: 'seconds', message: `A redirect lease lasts at most ${MAX_LEASE_DAYS} days.` });
  }
  return faults;
}
