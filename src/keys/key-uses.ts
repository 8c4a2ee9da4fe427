import type { KeyRecord } from '../stores/signing-key-store.js';

/**
 * What a key is for at a moment. Announced: published, so that whoever verifies knows it before it signs.
 * Signs: the newest of its algorithm whose time has come. Retired: published for as long as something it
 * signed may live. Ended: of no use any more. It follows from dates alone, so all nodes agree without a word.
 */
export type KeyUse = 'announced' | 'signs' | 'retired' | 'ended' | 'revoked';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Longer than anything signed may live (31 days at most, by the bounds of the settings). */
export const RETIRED_MS = 32 * DAY;

/** Between publishing a key and signing with it: longer than anybody caches a key set. */
export const ANNOUNCED_MS = DAY;

export type KeyDates = Pick<KeyRecord, 'kid' | 'alg' | 'generation' | 'signsAt' | 'revokedAt'>;

/** @param all the keys of every algorithm */
export function useOf(key: KeyDates, all: readonly KeyDates[], now: number): KeyUse {
  if (key.revokedAt !== null) return 'revoked';
  if (key.signsAt > now) return 'announced';
  const next = successorOf(key, all, now);
  if (next === undefined) return 'signs';
  return next.signsAt + RETIRED_MS > now ? 'retired' : 'ended';
}

/**
 * The first after it that still stands. A revoked one does not count, whether it never signed or did for a
 * while: until another took over, this key may have signed (again). Without any it signs, rather than none.
 */
function successorOf(key: KeyDates, all: readonly KeyDates[], now: number): KeyDates | undefined {
  return all
    .filter(
      ({ alg, generation, signsAt, revokedAt }) =>
        alg === key.alg && generation > key.generation && signsAt <= now && revokedAt === null,
    )
    .toSorted((a, b) => a.signsAt - b.signsAt)[0];
}

const ORDER: readonly KeyUse[] = ['signs', 'announced', 'retired'];

/** Those to be published, the signer of each algorithm first: the library signs with the first it finds. */
export function published<Key extends KeyDates>(all: readonly Key[], now: number): Key[] {
  const rank = (key: Key): number => ORDER.indexOf(useOf(key, all, now));
  return all.filter((key) => rank(key) >= 0).toSorted((a, b) => rank(a) - rank(b));
}

/** Whether the next key of this algorithm shall be announced. */
export function isDue(alg: string, all: readonly KeyDates[], rotationDays: number, now: number): boolean {
  const living = all.filter((key) => key.alg === alg && key.revokedAt === null);
  const newest = living.toSorted((a, b) => b.signsAt - a.signsAt)[0];
  return (
    newest === undefined || (rotationDays > 0 && newest.signsAt + rotationDays * DAY <= now + ANNOUNCED_MS)
  );
}
