import { isAddress } from '../platform/mail/address.js';

/** What is wrong with the parts of a profile people write themselves. */

const MAX_NAME = 128;
const MAX_EMAIL = 254;

// Zero-width joiners belong to real names; what breaks lines or turns text round does not.
const UNSAFE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

/** Of a display, given or family name; an absent one is fine. */
export function nameFault(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  if ([...name].length > MAX_NAME) return `Use at most ${MAX_NAME} characters.`;
  return UNSAFE.test(name) ? 'A name cannot contain line breaks or control characters.' : undefined;
}

/** What is refused here is what no mail would go to. */
export function emailFault(email: string): string | undefined {
  return isAddress(email) && email.length <= MAX_EMAIL ? undefined : 'This is not an e-mail address.';
}
