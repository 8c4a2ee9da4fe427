import { randomInt } from 'node:crypto';

const CONSONANTS = 'bdfghklmnprstvwz';
const VOWELS = 'aeiou';

const GROUPS = 5;
const SYLLABLES = 2;

const one = (letters: string): string => letters[randomInt(letters.length)] ?? '';

const group = (): string => Array.from({ length: SYLLABLES }, () => one(CONSONANTS) + one(VOWELS)).join('');

/**
 * A password to take over where one must be chosen: ten syllables of 80 each, 63 bits, which Argon2id puts
 * far out of reach; it can be said, typed on a phone and copied from paper.
 */
export const suggestPassword = (): string => Array.from({ length: GROUPS }, group).join('-');
