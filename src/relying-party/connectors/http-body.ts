import type { Upstream } from '../upstream.js';
import { invalid } from './upstream-fetch.js';

export type Claims = Readonly<Record<string, unknown>>;

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A JSON object, or for those who answer as in 2010 the fields of a form. */
export async function readFields(upstream: Upstream, response: Response): Promise<Record<string, unknown>> {
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  if (/x-www-form-urlencoded|text\/plain|text\/html/i.test(type) && !/^\s*\{/.test(text)) {
    return Object.fromEntries(new URLSearchParams(text));
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw invalid(upstream, 'an answer is neither JSON nor a form', error);
  }
  if (!isRecord(parsed)) throw invalid(upstream, 'an answer is no JSON object');
  return parsed;
}
