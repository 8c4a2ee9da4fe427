import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { newId, randomLetters, sha256 } from '../platform/crypto/ids.js';
import { type FieldFault, InvalidInput } from '../platform/errors/errors.js';
import type { ApiKeyStore } from '../stores/api-key-store.js';

/** A key with which a script gets dserver tokens of one account at `POST /auth/token`. */
export interface ApiKey {
  readonly id: string;
  readonly accountId: string;
  /** What the person calls it. */
  readonly label: string;
  /** Its last four characters. */
  readonly hint: string;
  /** Its tokens say no more than these, and no more than the account's own. */
  readonly permissions: readonly string[];
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly lastUsedAt?: number | undefined;
  readonly revokedAt?: number | undefined;
  /** The account itself, or `cli`. */
  readonly createdBy: string;
}

export interface NewApiKey {
  readonly label: string;
  readonly permissions: readonly string[];
  readonly days: number;
  readonly createdBy: string;
}

export interface ApiKeys {
  /**
   * The key is shown by whoever made it, this once.
   * @param mayBe the permissions the account has itself
   * @throws {InvalidInput}
   */
  create(
    accountId: string,
    input: NewApiKey,
    mayBe: readonly string[],
    info?: RequestInfo,
  ): Promise<{ readonly apiKey: ApiKey; readonly secret: string }>;
  /** The key that is good now. */
  findLive(secret: string): Promise<ApiKey | undefined>;
  findLiveById(id: string): Promise<ApiKey | undefined>;
  noteUse(id: string): Promise<void>;
  listOf(accountId: string): Promise<ApiKey[]>;
  /** Its tokens are revoked with it; `false`: the account has no such key. */
  revoke(accountId: string, id: string, actorId: string, info?: RequestInfo): Promise<boolean>;
}

/** Tells a key of an account from the operator's (`OAUTH2_API_KEY`), and secret scanners what they found. */
const PREFIX = 'pdk_';
export const isAccountKey = (secret: string): boolean => secret.startsWith(PREFIX);

export const MAX_DAYS = 365;
const MAX_KEYS = 20;
const DAY_MS = 86_400_000;

const isWholeFrom = (value: number, min: number, max: number): boolean =>
  Number.isInteger(value) && value >= min && value <= max;

function faultsOf({ label, permissions, days }: NewApiKey, mayBe: readonly string[]): FieldFault[] {
  const faults: FieldFault[] = [];
  const length = [...label.trim()].length;
  if (length < 1 || length > 60) {
    faults.push({ field: 'label', message: 'Give the key a name of at most 60 characters.' });
  }
  if (/\p{C}/u.test(label)) faults.push({ field: 'label', message: 'Use no invisible characters.' });
  const foreign = permissions.find((one) => !mayBe.includes(one));
  if (permissions.length === 0) faults.push({ field: 'permissions', message: 'Choose a permission.' });
  if (foreign !== undefined) {
    faults.push({ field: 'permissions', message: `The account itself has no permission ${foreign}.` });
  }
  if (!isWholeFrom(days, 1, MAX_DAYS)) {
    faults.push({ field: 'days', message: `A key is good for 1 to ${MAX_DAYS} days.` });
  }
  return faults;
}

export function createApiKeys(deps: {
  readonly store: ApiKeyStore;
  readonly audit: Audit;
  readonly clock: Clock;
}): ApiKeys {
  const { store, audit, clock } = deps;

  const live = (key: ApiKey | undefined): ApiKey | undefined =>
    key && key.revokedAt === undefined && key.expiresAt > clock.now() ? key : undefined;

  return {
    async create(accountId, input, mayBe, info) {
      const faults = faultsOf(input, mayBe);
      if (faults.length > 0) throw new InvalidInput(faults);
      const secret = PREFIX + randomLetters(43);
      const now = clock.now();
      const apiKey: ApiKey = {
        id: newId(),
        accountId,
        label: input.label.trim(),
        hint: secret.slice(-4),
        permissions: [...new Set(input.permissions)],
        createdAt: now,
        expiresAt: now + input.days * DAY_MS,
        createdBy: input.createdBy,
      };
      const step = audit.step({
        event: 'api_key.created',
        outcome: 'success',
        accountId,
        actorId: input.createdBy,
        ...info,
        detail: { key: apiKey.id, permissions: apiKey.permissions, days: input.days },
      });
      if (await store.insert(apiKey, sha256(secret), MAX_KEYS, [step])) return { apiKey, secret };
      const message = `An account has at most ${MAX_KEYS} keys. End one first.`;
      throw new InvalidInput([{ field: '', message }]);
    },
    findLive: async (secret) => live(await store.findByHash(sha256(secret))),
    findLiveById: async (id) => live(await store.find(id)),
    noteUse: (id) => store.noteUse(id, clock.now()),
    listOf: (accountId) => store.listOf(accountId),
    revoke(accountId, id, actorId, info) {
      const event = { event: 'api_key.revoked', outcome: 'success', accountId, actorId } as const;
      return store.revoke(accountId, id, clock.now(), [
        audit.step({ ...event, ...info, detail: { key: id } }),
      ]);
    },
  };
}
