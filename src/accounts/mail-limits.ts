import type { RequestInfo } from '../platform/audit/audit.js';
import { TooManyAttempts } from '../platform/errors/errors.js';
import { addressKey } from '../platform/throttle/address-key.js';
import type { Throttle, ThrottleRule } from '../platform/throttle/throttle.js';
import { usernameKey } from './usernames.js';

/** How many mails a form may send: to one person, and for one visitor. */
export interface MailLimits {
  /** Counts nothing. @throws {TooManyAttempts} */
  check(recipient: string, info: RequestInfo): Promise<void>;
  /**
   * Counts one before anything is looked up, whoever it is for.
   * @throws {TooManyAttempts}
   */
  count(recipient: string, info: RequestInfo): Promise<void>;
}

const HOUR = 3600;

export const MAILS_BY_RECIPIENT: ThrottleRule = {
  name: 'mail-recipient',
  points: 5,
  windowSeconds: HOUR,
  blockSeconds: HOUR / 4,
};
export const MAILS_BY_ADDRESS: ThrottleRule = { ...MAILS_BY_RECIPIENT, name: 'mail-address', points: 30 };

export function createMailLimits(throttles: { recipient: Throttle; address: Throttle }): MailLimits {
  async function ask(way: 'check' | 'fail', recipient: string, ip: string): Promise<void> {
    const wait =
      (await throttles.address[way](addressKey(ip))) ||
      // As names are compared: every spelling that finds the same account is one counter.
      (await throttles.recipient[way](usernameKey(recipient)));
    if (wait === 0) return;
    throw new TooManyAttempts(wait, 'Too many mails were asked for. Please wait and try again.');
  }
  return {
    check: (recipient, { ip }) => ask('check', recipient, ip),
    count: (recipient, { ip }) => ask('fail', recipient, ip),
  };
}
