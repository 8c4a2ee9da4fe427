import { availableParallelism } from 'node:os';
import { createRequire } from 'node:module';
import { hash, verify } from '@node-rs/argon2';
import { createQueue, type Queue } from './queue.js';
import { usernameKey } from './usernames.js';

/** Argon2id as a function pair, so that a test can count the work. */
export interface Argon2 {
  hash(password: string): Promise<string>;
  verify(hash: string, password: string): Promise<boolean>;
}

/** Hashing off the event loop, a bounded number at once. */
export interface Passwords {
  /** @throws {Unavailable} when too many are waiting */
  hash(password: string): Promise<string>;
  /**
   * Costs the same with and without a stored hash, so the time does not tell whether there is one.
   * @throws {Unavailable} when too many are waiting
   */
  verify(stored: string | undefined, password: string): Promise<boolean>;
}

// OWASP's second choice for Argon2id; the library's default algorithm is Argon2id. The costs stand in
// every hash (PHC string), so raising them later keeps old passwords valid.
export const COSTS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Made with `COSTS` from 32 random bytes nobody kept. */
const NOBODY =
  '$argon2id$v=19$m=19456,t=2,p=1$li0TaluxtHgsyJ2h0YxYuw$IIE2dPH6S6M+GymltBSAFaDneAZyLbclKutPyNsD6Eo';

/** In characters as people count them. */
export const MINIMUM_LENGTH = 8;
const MAX_BYTES = 1024;

/** The real thing, on libuv's threads. A server has it in threads of its own: `hashing-threads.ts`. */
export const argon2id: Argon2 = {
  hash: (password) => hash(password, COSTS),
  verify: (stored, password) => verify(stored, password),
};

/**
 * A hash takes 19 MiB and tens of milliseconds of a core. One core is left to the event loop, or whoever verifies a
 * token would wait for those who sign in (R29).
 */
const AT_ONCE = availableParallelism() > 2 ? 2 : 1;

export function createPasswords(
  argon2: Argon2 = argon2id,
  queue: Queue = createQueue({ running: AT_ONCE, waiting: 100 }),
): Passwords {
  return {
    hash: (password) => queue.run(() => argon2.hash(password)),
    async verify(stored, password) {
      // Too long to have been accepted once: the same work, but not over a megabyte of input.
      const usable = stored !== undefined && fits(password);
      const right = await queue.run(() => argon2.verify(usable ? stored : NOBODY, usable ? password : ''));
      return usable && right;
    },
  };
}

const fits = (password: string): boolean => Buffer.byteLength(password) <= MAX_BYTES;

/**
 * What is wrong with a chosen password, or `undefined` (ASVS 6.2): length in characters as people count
 * them, no rules about kinds of characters, nothing cut off or changed before hashing.
 */
export function passwordFault(password: string, username: string): string | undefined {
  if ([...password].length < MINIMUM_LENGTH) return `Use at least ${MINIMUM_LENGTH} characters.`;
  if (!fits(password)) return `Use at most ${MAX_BYTES} bytes (about as many plain letters).`;
  if (usernameKey(password) === usernameKey(username)) return 'The password cannot be the username.';
  if (isContext(password, username)) return 'The password is too close to a name anybody would try first.';
  if (isCommon(password.toLowerCase())) return 'This password is among the first that attackers try.';
  return undefined;
}

/** Names of this place with digits or signs around them (ASVS 6.2.11). */
function isContext(password: string, username: string): boolean {
  const bare = usernameKey(password).replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '');
  const name = usernameKey(username).replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '');
  return bare !== '' && (bare === name || CONTEXT.has(bare));
}

const CONTEXT: ReadonlySet<string> = new Set(['postern', 'changeme', 'changeit', 'passwort', 'kennwort']);

const MORE_COMMON = `aa12345678 admin1234 admin12345 changeme123 demo1234 geheim123 login123 p@ssword
  secret1234 superuser test12345 testpassword user1234 willkommen winter2024 winter2025 winter2026
  summer2024 summer2025 summer2026`.split(/\s+/);

let common: ReadonlySet<string> | undefined;

/**
 * Some 49,000, all in lower case (ASVS 6.2.4 asks for 3,000), but for what zxcvbn finds by pattern. They take
 * five megabytes, so they are read when somebody chooses a password.
 */
function commonPasswords(): ReadonlySet<string> {
  if (common === undefined) {
    const load = createRequire(import.meta.url);
    const { dictionary } = load('@zxcvbn-ts/language-common') as typeof import('@zxcvbn-ts/language-common');
    common = new Set([...dictionary['passwords-common'], ...MORE_COMMON]);
  }
  return common;
}

/** `00000000`, `12341234`, `adminadmin`: too short to be more than its piece. */
const isRepeated = (password: string): boolean => password.length <= 16 && /^(.{1,5})\1+$/u.test(password);

const isCommon = (password: string): boolean => commonPasswords().has(password) || isRepeated(password);
