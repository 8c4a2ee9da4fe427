import { sameText } from '../../platform/crypto/ids.js';
import { UpstreamError } from '../../platform/errors/errors.js';
import type { Returned } from '../connector.js';
import { invalid } from './upstream-fetch.js';

const ONCE = ['state', 'code', 'iss', 'error', 'oauth_token', 'oauth_verifier'];

/** What a person may read in an error of the upstream's: its own words are for the log. */
export const refused = (
  { id, title }: Returned['upstream'],
  detail: string,
  answer?: unknown,
): UpstreamError =>
  new UpstreamError('refused', `${title} refused the sign-in. Please start again.`, {
    detail: `${id}: ${detail.slice(0, 500)}`,
    answer: typeof answer === 'string' ? answer : undefined,
  });

export const denied = ({ id, title }: Returned['upstream']): UpstreamError =>
  new UpstreamError('denied', `You did not allow the sign-in at ${title}.`, { detail: id });

/** Parameters that came twice make an answer that can be read in two ways; no state binds it to nobody. */
export function checkShape({ params, state, upstream }: Returned): void {
  const twice = ONCE.find((name) => params.getAll(name).length > 1);
  if (twice !== undefined) throw invalid(upstream, `${twice} came twice`);
  if (!sameText(params.get('state') ?? '', state)) {
    throw new UpstreamError('state', 'This sign-in is not known here any more. Please start again.', {
      detail: `${upstream.id}: state`,
    });
  }
}

/** The `error` of an OAuth 2.0 answer (RFC 6749 §4.1.2.1). */
export function checkError({ params, upstream }: Returned): void {
  const error = params.get('error');
  if (error === null) return;
  if (error === 'access_denied' || error === 'user_denied') throw denied(upstream);
  throw refused(upstream, `${error}: ${params.get('error_description') ?? ''}`);
}
