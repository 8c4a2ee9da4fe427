import { canParse } from '../platform/net/can-parse.js';
import { leadsOn } from '../platform/web/leads-on.js';

/** Where the browser goes after a login here: to a page of an allowed origin, with the user token, or to `/`. */

export const NOWHERE = '/';

const LONGEST = 2_000;
const PARAMETER = 'jwt';

export type Delivery = 'query' | 'fragment';

export interface Returns {
  /** Origins that a login may return to. */
  readonly origins: readonly string[];
  /** What a `next` without an origin is read against. */
  readonly base: string;
  /** Origins we are served at: an address of ours there may lead on, and take the token along. */
  readonly own: readonly string[];
}

/** `next` as it may be gone to, written as browsers read it; `/` where it leads anywhere else. */
export function approvedReturn(next: string | undefined, { origins, base, own }: Returns): string {
  if (!next || next.length > LONGEST || /\p{Cc}/u.test(next) || !canParse(next, base)) return NOWHERE;
  const url = new URL(next, base);
  if (url.username !== '' || url.password !== '' || !origins.includes(url.origin)) return NOWHERE;
  if (leadsOn(url.href, own)) return NOWHERE;
  return url.href;
}

/** The address with the token in place of any it had; without a token, or for `/`, none is left in it. */
export function returnWith(approved: string, token: string | undefined, delivery: Delivery): string {
  if (approved === NOWHERE) return NOWHERE;
  const url = new URL(approved);
  // A token of somebody else's, planted in `next`, must not be what the page finds.
  if (url.searchParams.has(PARAMETER)) url.searchParams.delete(PARAMETER);
  const parts = url.hash.slice(1).split('&');
  const kept = parts.filter((part) => part !== '' && !/^[/?]*jwt=/.test(part));
  if (kept.length < parts.length) url.hash = kept.join('&');
  if (token === undefined) return url.href;
  if (delivery === 'query') url.searchParams.set(PARAMETER, token);
  else url.hash = [...kept, `${PARAMETER}=${token}`].join('&');
  return url.href;
}
