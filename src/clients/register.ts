import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { newId, randomLetters } from '../platform/crypto/ids.js';
import { type InvalidInput, PosternError, Unavailable } from '../platform/errors/errors.js';
import type { MaybeLater } from '../platform/database/maybe-later.js';
import type { ClientStore } from '../stores/client-store.js';
import { type ClientChanges, createClientChanges, draftFaults } from './change.js';
import { checkedMetadata, type Draft } from './check.js';
import type { ClientMetadata, ClientRecord, ClientSecret, ClientTtl } from './client.js';
import { type ClientSecrets, isLive, needsSecret } from './secrets.js';
import type { ServerRules } from './server-rules.js';

/** A former secret may be kept for so long. */
export const MAX_KEEP_DAYS = 30;

/** Lengths of the originals. */
const ID_LENGTH = 24;
const SECRET_LENGTH = 48;

/** What the library makes of a client, in the words of RFC 7591. */
export type ClientDocument = ClientMetadata & { client_id: string; client_secret?: string };

export interface Registration extends Draft {
  /** The account it belongs to; absent: the server's administrators. */
  readonly owner?: string;
  readonly requirePkce?: boolean;
  /** Administrators only, as `ttl`: the caller knows who asks. */
  readonly resourceServer?: boolean;
  readonly ttl?: ClientTtl;
  /** Who did it; the owner otherwise. */
  readonly createdBy?: string;
}

/** A secret as its owner gets it, and as it is kept. */
export type NewSecret = (clientId: string, method: string) => { text: string; kept: ClientSecret };

export interface Clients extends ClientChanges {
  /** What is wrong with a draft, by this server's rules and the library's; nothing is saved. */
  faultsOf(draft: Draft): Promise<InvalidInput['faults']>;
  /**
   * @returns the secret as text this once
   * @throws {InvalidInput} naming metadata fields; nothing is saved
   */
  register(input: Registration, info?: RequestInfo): Promise<{ client: ClientRecord; secret?: string }>;
  /** With its live secrets. */
  find(clientId: string): Promise<ClientRecord | undefined>;
  findVersion(clientId: string): MaybeLater<number | undefined>;
  /** `undefined` also for a client of somebody else. */
  findOwned(ownerId: string, clientId: string): Promise<ClientRecord | undefined>;
  listOf(ownerId: string): Promise<ClientRecord[]>;
  listAll(): Promise<ClientRecord[]>;
  /**
   * A new secret, as text this once. The last one ends at `endOldAt`, or now; older ones end now.
   * @throws {PosternError} 404 without such a client, 409 where it has no secret
   */
  rotateSecret(clientId: string, options?: RotateOptions, info?: RequestInfo): Promise<string>;
  /** `false`: there was none. Grants of the client are the caller's to revoke. */
  remove(clientId: string, by?: { actorId?: string }, info?: RequestInfo): Promise<boolean>;
}

export interface RotateOptions {
  /** Milliseconds since the epoch. */
  readonly endOldAt?: number;
  /** Or: for how long from now. */
  readonly keepOldMs?: number;
  readonly actorId?: string;
}

interface ClientsDeps {
  readonly store: ClientStore;
  readonly secrets: ClientSecrets;
  readonly rules: ServerRules;
  /** The library's own validation; throws `InvalidInput`. */
  readonly judge: (client: ClientDocument) => Promise<void>;
  readonly audit: Audit;
  readonly clock: Clock;
}

export function createClients({ store, secrets, rules, judge, audit, clock }: ClientsDeps): Clients {
  const live = (client: ClientRecord): ClientRecord => {
    const now = clock.now();
    return { ...client, secrets: client.secrets.filter((secret) => isLive(secret, now)) };
  };

  const newSecret: NewSecret = (clientId, method) => {
    const id = newId();
    const text = randomLetters(SECRET_LENGTH);
    return { text, kept: { id, ...secrets.keep(clientId, method, { id, text }), createdAt: clock.now() } };
  };

  async function find(clientId: string): Promise<ClientRecord | undefined> {
    const client = await store.find(clientId);
    return client && live(client);
  }

  return {
    ...createClientChanges({ store, newSecret, rules, judge, audit, clock }),
    faultsOf: draftFaults({ rules, judge }),
    async register(input, info) {
      const clientId = randomLetters(ID_LENGTH);
      const metadata = checkedMetadata(input, rules);
      const method = metadata.token_endpoint_auth_method;
      const secret = needsSecret(method) ? newSecret(clientId, method) : undefined;
      await judge({ ...metadata, client_id: clientId, ...(secret && { client_secret: secret.text }) });
      const client = toRecord(clientId, input, metadata, clock.now(), secret?.kept);
      const step = audit.step({
        event: 'client.created',
        ...info,
        clientId,
        actorId: client.createdBy,
        detail: {
          auth_method: method,
          grant_types: metadata.grant_types,
          resource_server: client.resourceServer,
        },
      });
      await store.insert(client, [step]);
      return { client, ...(secret && { secret: secret.text }) };
    },
    find,
    findVersion: (clientId) => store.findVersion(clientId),
    async findOwned(ownerId, clientId) {
      const client = await find(clientId);
      return client?.ownerId === ownerId ? client : undefined;
    },
    listOf: async (ownerId) => (await store.listOf(ownerId)).map(live),
    listAll: async () => (await store.listAll()).map(live),
    async rotateSecret(clientId, { keepOldMs = 0, actorId, ...options } = {}, info) {
      const endOldAt = options.endOldAt ?? clock.now() + keepOldMs;
      // Somebody else may rotate at the same moment: then this one looks again, and follows.
      for (let attempt = 0; attempt < 5; attempt += 1) {
        const client = await find(clientId);
        if (client === undefined) throw new PosternError(404, 'not_found', 'There is no such client.');
        const method = client.metadata.token_endpoint_auth_method;
        if (!needsSecret(method)) {
          throw new PosternError(409, 'no_secret', `A client of the method ${method} has no secret.`);
        }
        const fresh = newSecret(clientId, method);
        const keep = kept(client, clock.now(), endOldAt);
        const detail = { old_ends_at: keep?.endAt ?? clock.now() };
        const step = audit.step({
          event: 'client.secret_rotated',
          ...info,
          clientId,
          ...(actorId && { actorId }),
          detail,
        });
        if (await store.rotate(client, { fresh: fresh.kept, ...(keep && { keep }) }, [step]))
          return fresh.text;
      }
      throw new Unavailable('the secrets of a client were being changed all the time');
    },
    remove: (clientId, by, info) =>
      store.remove(clientId, [audit.step({ event: 'client.deleted', ...info, ...by, clientId })]),
  };
}

/** The former secret that stays beside the new one: the newest, never longer than it had. */
function kept(client: ClientRecord, now: number, endOldAt = now): { id: string; endAt: number } | undefined {
  const newest = client.secrets.at(-1);
  if (newest === undefined || endOldAt <= now) return undefined;
  return { id: newest.id, endAt: Math.min(endOldAt, newest.expiresAt ?? endOldAt) };
}

const toRecord = (
  clientId: string,
  input: Registration,
  metadata: ClientMetadata,
  now: number,
  secret: ClientSecret | undefined,
): ClientRecord => ({
  clientId,
  ...(input.owner === undefined ? {} : { ownerId: input.owner }),
  metadata,
  resourceServer: input.resourceServer ?? false,
  requirePkce: input.requirePkce ?? false,
  options: input.options ?? {},
  ttl: input.ttl ?? {},
  version: 1,
  createdAt: now,
  updatedAt: now,
  createdBy: input.createdBy ?? input.owner ?? 'system',
  secrets: secret === undefined ? [] : [secret],
});
