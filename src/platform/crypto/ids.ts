import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { v7 } from 'uuid';

/** A new row id: UUIDv7 text, so ids sort by the time they were made. */
export const newId = (): string => v7();

/** An unguessable URL-safe value of `bytes` random bytes. */
export const randomToken = (bytes = 32): string => randomBytes(bytes).toString('base64url');

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** An unguessable value of exactly `length` letters and digits. */
export function randomLetters(length: number): string {
  let out = '';
  while (out.length < length) {
    for (const byte of randomBytes(length * 2)) {
      // 248 = 4 × 62: bytes above it are thrown away, else the first letters would be likelier.
      if (byte < 248 && out.length < length) out += LETTERS[byte % LETTERS.length];
    }
  }
  return out;
}

/** SHA-256 as base64url: how a bearer value is named in the database. */
export const sha256 = (value: string): string => hash('sha256', value, 'base64url');

/** Compares two values of `sha256`. */
export const sameDigest = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'));

/** Compares two texts in time that depends on neither. */
export function sameText(a: string, b: string): boolean {
  const left = hash('sha256', a, 'buffer');
  const right = hash('sha256', b, 'buffer');
  return timingSafeEqual(left, right);
}
