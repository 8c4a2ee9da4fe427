import { type FieldFault, InvalidInput } from '../platform/errors/errors.js';
import type { ClientTtl } from './client.js';

const DAY = 86_400;

/** What an administrator may set for one client, by the name it is set by; bounds in seconds, as the settings'. */
const LIFETIMES: Readonly<Record<string, { readonly member: keyof ClientTtl; readonly max: number }>> = {
  code: { member: 'code', max: 300 },
  'access-token': { member: 'accessToken', max: 31 * DAY },
  'id-token': { member: 'idToken', max: 31 * DAY },
  'refresh-idle': { member: 'refreshTokenIdle', max: 365 * DAY },
  'refresh-max': { member: 'refreshTokenMax', max: 3650 * DAY },
};

export const LIFETIME_NAMES: readonly string[] = Object.keys(LIFETIMES);

/**
 * @param entries names of `LIFETIME_NAMES` with seconds
 * @throws {InvalidInput} at the field `ttl`
 */
export function clientLifetimes(entries: readonly (readonly [name: string, seconds: number])[]): ClientTtl {
  const faults: FieldFault[] = [];
  const ttl: { -readonly [M in keyof ClientTtl]: number } = {};
  for (const [name, seconds] of entries) {
    const known = LIFETIMES[name];
    if (known === undefined) {
      faults.push({ field: 'ttl', message: `${name} is none of ${LIFETIME_NAMES.join(', ')}.` });
    } else if (seconds < 1 || seconds > known.max) {
      faults.push({ field: 'ttl', message: `${name} is 1 to ${known.max} seconds.` });
    } else {
      ttl[known.member] = seconds;
    }
  }
  if (faults.length > 0) throw new InvalidInput(faults);
  return ttl;
}
