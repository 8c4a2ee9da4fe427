import { randomLetters } from '../platform/crypto/ids.js';

const LENGTH = 20;
const DAY_MS = 24 * 60 * 60 * 1000;

/** A password that is shown once, opens the set-password page alone, and does so for a day. */
export function oneTimePassword(now: number): { readonly password: string; readonly expiresAt: number } {
  return { password: randomLetters(LENGTH), expiresAt: now + DAY_MS };
}
