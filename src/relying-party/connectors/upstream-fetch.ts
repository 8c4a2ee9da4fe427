import { UpstreamError } from '../../platform/errors/errors.js';
import { FetchFault, type GuardedFetch } from '../../platform/net/guarded-fetch.js';
import type { Upstream } from '../upstream.js';
import type { Circuit } from './circuit.js';

/** Whom a request goes to, as far as errors and the circuit are concerned. */
type Named = Pick<Upstream, 'id' | 'title'>;

/** @throws {UpstreamError} and nothing else: where it answered at all, and with less than 500, that is returned. */
export type UpstreamFetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

export const unreachable = ({ id, title }: Named, detail: string, cause?: unknown): UpstreamError =>
  new UpstreamError('unreachable', `${title} does not answer at the moment. Please try again later.`, {
    status: 502,
    detail: `${id}: ${detail}`,
    cause,
  });

/** An answer that proves nothing; `detail` says to the operator why. */
export const invalid = ({ id, title }: Named, detail: string, cause?: unknown): UpstreamError =>
  new UpstreamError('invalid', `The answer of ${title} could not be accepted. Please start again.`, {
    detail: `${id}: ${detail}`,
    cause,
  });

/** What went wrong on the way. Only an upstream that fails to answer is an outage; the rest stays as it is. */
export function faultOfFetch(upstream: Named, error: unknown): UpstreamError {
  if (error instanceof UpstreamError) return error;
  if (!(error instanceof FetchFault)) return unreachable(upstream, String(error), error);
  if (error.reason === 'timeout' || error.reason === 'network') {
    return unreachable(upstream, error.message, error);
  }
  return invalid(upstream, error.message, error);
}

/** The guarded fetch as one upstream is called with it. */
export function createUpstreamFetch(send: GuardedFetch, upstream: Named, circuit: Circuit): UpstreamFetch {
  return async (url, init) => {
    if (!circuit.allows())
      throw unreachable(upstream, 'it failed several times, or too many wait for it; not asked again yet');
    let response: Response;
    try {
      response = await send(url, init);
    } catch (error) {
      const fault = faultOfFetch(upstream, error);
      // An answer that is too large, or a redirect, is still an answer.
      if (fault.fault === 'unreachable') circuit.failed();
      else circuit.succeeded();
      throw fault;
    }
    if (response.status < 500) {
      circuit.succeeded();
      return response;
    }
    circuit.failed();
    throw unreachable(upstream, `answered ${response.status}`);
  };
}
