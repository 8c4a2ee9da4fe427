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
const COSTS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Made with `COSTS` from 32 random bytes nobody kept. */
const NOBODY =
  '$argon2id$v=19$m=19456,t=2,p=1$li0TaluxtHgsyJ2h0YxYuw$IIE2dPH6S6M+GymltBSAFaDneAZyLbclKutPyNsD6Eo';

/** In characters as people count them. */
export const MINIMUM_LENGTH = 8;
const MAX_BYTES = 1024;

/** The real thing: runs on libuv's threads. */
export const argon2id: Argon2 = {
  hash: (password) => hash(password, COSTS),
  verify: (stored, password) => verify(stored, password),
};

/** A hash takes 19 MiB and tens of milliseconds: two at once keep two cores busy. */
export function createPasswords(
  argon2: Argon2 = argon2id,
  queue: Queue = createQueue({ running: 2, waiting: 100 }),
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
  if (usernameKey(password) === usernameKey(username)) return 'The password cannot be the user name.';
  if (COMMON.has(password.toLowerCase())) return 'This password is one of the first that are guessed.';
  return undefined;
}

const COMMON: ReadonlySet<string> = new Set(
  `00000000 11111111 12121212 12341234 12344321 12345678 123456789 1234567890 123123123 147258369 11223344
  22222222 55555555 66666666 77777777 87654321 88888888 987654321 99999999 9876543210 0123456789 0987654321
  1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qazxsw2 q1w2e3r4 q1w2e3r4t5 qwer1234 1234qwer qwerty12 qwerty123 qwerty1234
  qwertyui qwertyuiop asdfasdf asdfghjk asdfghjkl asdf1234 zaq12wsx zxcvbnm1 zxcvbnm123 qazwsxedc aaaaaaaa
  abcd1234 abcdefgh abcdefg1 abc12345 abc123456 a1234567 a12345678 aa123456 aa12345678 admin123 admin1234
  admin12345 administrator adminadmin access14 baseball basketball batman123 blink182 butterfly changeme
  changeme1 changeme123 changeit charlie1 chocolate computer corvette danielle default1 demo1234 dragon123
  elephant einstein football football1 freedom1 geheim123 hallo123 hello123 helloworld iloveyou iloveyou1
  internet jennifer jonathan kennwort killer123 letmein1 letmein123 liverpool login123 marlboro maverick
  mercedes michelle midnight mustang1 monkey123 nicholas p@ssw0rd p@ssword pa$$w0rd pa55word passw0rd
  password password! password0 password01 password1 password12 password123 password1234 password2 password99
  passwort passwort1 passwort123 pokemon123 postern1 postern123 princess princess1 qweasdzxc samantha
  secret12 secret123 secret1234 spiderman starwars starwars1 sunshine sunshine1 superman superman1 superuser
  swordfish test1234 test12345 testtest testpassword trustno1 tinkerbell user1234 username welcome1
  welcome123 whatever william1 willkommen winter2024 winter2025 summer2024 summer2025 xxxxxxxx zxcvbnm,`.split(
    /\s+/,
  ),
);
