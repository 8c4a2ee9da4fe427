/**
 * The signing keys in the database, sealed under `SECRET_KEY`, so that every node signs with the same and a
 * backup holds them. What changes them is decided by dates and done by one atomic statement; nobody is told,
 * every node looks (`keyring.ts`).
 */
import type { Audit } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { SealedPlace, SealedRows } from '../platform/crypto/rekey.js';
import { createSecretBox, type SecretBox } from '../platform/crypto/secret-box.js';
import { UniqueViolation } from '../platform/database/database.js';
import { Unavailable } from '../platform/errors/errors.js';
import type { KeyRecord, SigningKeyStore } from '../stores/signing-key-store.js';
import { makeKey, readKey, UnusableKey, writeKey } from './key-text.js';
import { isDue, published, ANNOUNCED_MS, useOf } from './key-uses.js';
import {
  type PrivateSigningKey,
  SIGNING_ALGS,
  type SigningAlg,
  type SigningKeyFacts,
} from './signing-keys.js';

const LOST =
  'Name that secret too (comma list), or, where it is lost for good, run: npm run -s cli -- keys revoke --lost';

/** What its box is for. */
export const KEY_PURPOSE = 'signing-key';

/** For sealing them again. @param rows by `kid` */
export const sealedSigningKeys = (rows: SealedRows, secrets: readonly string[]): SealedPlace => ({
  name: 'signing keys',
  rows,
  box: createSecretBox(secrets, KEY_PURPOSE),
  contextOf: ({ kid = '' }) => kid,
});

interface StoredKeysDeps {
  readonly store: SigningKeyStore;
  /** Purpose `KEY_PURPOSE`. */
  readonly box: SecretBox;
  readonly audit: Audit;
  readonly clock: Clock;
  /** 0: by command only. */
  readonly rotationDays: number;
  /** Keys made by an earlier version, in files: taken over while there are none in the database. */
  readonly inFiles: () => Promise<readonly PrivateSigningKey[]>;
  readonly log: { warn(fields: object, message: string): void };
}

export interface StoredKeys {
  /** Every key there is, with what it is for. */
  list(): Promise<readonly SigningKeyFacts[]>;
  /** Changes whenever what is published or signs does. Cheap: nothing is opened. */
  mark(): Promise<string>;
  /**
   * Those to be published, the signer of each algorithm first. One that cannot be opened is left out as long as
   * it does not sign. @throws {UnusableKey} of a signer
   */
  load(): Promise<readonly PrivateSigningKey[]>;
  /** Of all that are to be published, whether they can be opened or not. */
  publishedKids(): Promise<ReadonlySet<string>>;
  /** Makes a key of each algorithm that has none, and answers how many it made. */
  ensure(): Promise<number>;
  /**
   * Announces the next key. @param inMs until it signs
   * `undefined`: another was announced already, or another node was quicker.
   */
  rotate(alg: SigningAlg, actorId: string, inMs?: number): Promise<SigningKeyFacts | undefined>;
  /** At once, with a successor that signs at once where none would. `false`: there is no such living key. */
  revoke(kid: string, actorId: string): Promise<boolean>;
  /** Withdraws the keys that no configured secret opens; how many there were. */
  revokeLost(actorId: string): Promise<number>;
  /** The schedule: announces what is due and deletes what has ended. */
  tend(): Promise<void>;
}

export function createStoredKeys(deps: StoredKeysDeps): StoredKeys {
  const { store, box, audit, clock, rotationDays, log } = deps;
  const isKnownAlg = (alg: string): alg is SigningAlg => SIGNING_ALGS.some((one) => one === alg);

  const facts = (record: KeyRecord, all: readonly KeyRecord[]): SigningKeyFacts => ({
    kid: record.kid,
    alg: record.alg as SigningAlg,
    use: 'sig',
    createdAt: record.createdAt,
    signsAt: record.signsAt,
    state: useOf(record, all, clock.now()),
  });

  /** `undefined`: another node made this generation. */
  async function insert(
    key: PrivateSigningKey,
    all: readonly KeyRecord[],
    { signsAt, actorId }: { signsAt: number; actorId: string },
  ): Promise<KeyRecord | undefined> {
    const generation =
      1 + Math.max(0, ...all.filter(({ alg }) => alg === key.alg).map((one) => one.generation));
    const { kid, alg, createdAt } = key;
    const sealed = box.seal(writeKey(key), kid);
    const record = { kid, alg, generation, sealed, createdAt, signsAt, revokedAt: null };
    const detail = { alg, kid, signs_at: new Date(signsAt).toISOString() };
    try {
      await store.insert(record, [
        audit.step({ event: 'keys.generated', outcome: 'success', actorId, detail }),
      ]);
      return record;
    } catch (error) {
      if (error instanceof UniqueViolation) return undefined;
      throw error;
    }
  }

  async function open({ kid, alg, sealed }: KeyRecord): Promise<PrivateSigningKey> {
    const text = box.open(sealed, kid);
    if (text === undefined) {
      throw new UnusableKey(kid, 'is sealed under another SECRET_KEY', undefined, LOST);
    }
    return readKey(text, `${alg} ${kid}`);
  }

  const leftOut = new Set<string>();

  /** Told once of each. */
  function leaveOut({ kid, alg }: KeyRecord, err: UnusableKey): undefined {
    if (!leftOut.has(kid))
      log.warn({ err, kid, alg }, 'a signing key cannot be opened and is not published here');
    leftOut.add(kid);
  }

  async function openUnlessIdle(record: KeyRecord, signs: boolean): Promise<PrivateSigningKey | undefined> {
    try {
      return await open(record);
    } catch (error) {
      if (signs || !(error instanceof UnusableKey)) throw error;
      return leaveOut(record, error);
    }
  }

  async function rotate(alg: SigningAlg, actorId: string, inMs = ANNOUNCED_MS) {
    const all = await store.list();
    const now = clock.now();
    const waiting = all.some((key) => key.alg === alg && useOf(key, all, now) === 'announced');
    if (waiting && inMs > 0) return undefined;
    const made = await insert(await makeKey(alg, now), all, { signsAt: now + inMs, actorId });
    return made && facts(made, [...all, made]);
  }

  /** A key that signs at once. Another node may announce the same generation just now, and then the next one is ours. */
  async function succeed(alg: SigningAlg, actorId: string): Promise<void> {
    for (let tries = 0; tries < 5; tries += 1) if (await rotate(alg, actorId, 0)) return;
    throw new Unavailable('other nodes keep making keys');
  }

  async function ensure(): Promise<number> {
    const now = clock.now();
    let made = 0;
    if ((await store.list()).length === 0) {
      for (const key of await deps.inFiles()) {
        const all = await store.list();
        // The first signs as it did; what was announced takes over in its time.
        const first = !all.some(({ alg }) => alg === key.alg);
        const signsAt = first ? key.createdAt : now + ANNOUNCED_MS;
        await insert(key, all, { signsAt, actorId: 'system' });
      }
    }
    for (const alg of SIGNING_ALGS) {
      const all = await store.list();
      if (all.some((key) => key.alg === alg && useOf(key, all, now) === 'signs')) continue;
      if (await insert(await makeKey(alg, now), all, { signsAt: now, actorId: 'system' })) made += 1;
    }
    return made;
  }

  return {
    rotate,
    async list() {
      const all = await store.list();
      return all.map((record) => facts(record, all));
    },
    async mark() {
      const all = await store.list();
      const now = clock.now();
      return published(all, now)
        .map((key) => `${key.kid}:${useOf(key, all, now) === 'signs'}`)
        .join();
    },
    async load() {
      const all = await store.list();
      const now = clock.now();
      const opened = await Promise.all(
        published(all, now).map((key) => openUnlessIdle(key, useOf(key, all, now) === 'signs')),
      );
      const keys = opened.filter((key) => key !== undefined);
      return keys.toSorted((a, b) => SIGNING_ALGS.indexOf(a.alg) - SIGNING_ALGS.indexOf(b.alg));
    },
    async publishedKids() {
      return new Set(published(await store.list(), clock.now()).map(({ kid }) => kid));
    },
    ensure,
    async revokeLost(actorId) {
      const living = (await store.list()).filter(({ revokedAt }) => revokedAt === null);
      const lost = living.filter(({ sealed, kid }) => box.open(sealed, kid) === undefined);
      for (const { alg, kid } of lost) {
        const event = { event: 'keys.revoked', outcome: 'success', actorId, detail: { alg, kid } } as const;
        await store.revoke(kid, clock.now(), [audit.step(event)]);
      }
      return lost.length;
    },
    async tend() {
      await ensure();
      const all = await store.list();
      const now = clock.now();
      for (const alg of SIGNING_ALGS) {
        if (isDue(alg, all, rotationDays, now)) await rotate(alg, 'system');
      }
      for (const key of all.filter((one) => useOf(one, all, now) === 'ended')) {
        const detail = { alg: key.alg, kid: key.kid };
        await store.remove(key.kid, [
          audit.step({ event: 'keys.deleted', outcome: 'success', actorId: 'system', detail }),
        ]);
      }
    },
    async revoke(kid, actorId) {
      const all = await store.list();
      const now = clock.now();
      const doomed = all.find((key) => key.kid === kid);
      if (doomed === undefined || doomed.revokedAt !== null || !isKnownAlg(doomed.alg)) return false;
      // The successor first: there is no moment in which nothing signs.
      if (useOf(doomed, all, now) === 'signs') await succeed(doomed.alg, actorId);
      const detail = { alg: doomed.alg, kid };
      return store.revoke(kid, now, [
        audit.step({ event: 'keys.revoked', outcome: 'success', actorId, detail }),
      ]);
    },
  };
}
