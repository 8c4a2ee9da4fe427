/**
 * Signatures of OAuth 1.0a requests (RFC 5849 §3), HMAC-SHA1 alone. Ours, because what npm has for it has not been
 * touched in years; `oauth1-signature.test.ts` holds it to the examples of the RFC.
 */
import { createHmac } from 'node:crypto';

export interface Secrets {
  readonly clientSecret: string;
  /** Of the temporary or the token credentials, once there are any. */
  readonly tokenSecret?: string;
}

type Pair = readonly [name: string, value: string];

/** RFC 5849 §3.6: everything but the unreserved characters of RFC 3986, in upper case. */
export const percentEncode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

/** RFC 5849 §3.4.1.2: without query and fragment; the URL parser has lowered the host and dropped a default port. */
const baseAddress = (url: URL): string => `${url.protocol}//${url.host}${url.pathname}`;

const compare = (a: string, b: string): number => Number(a > b) - Number(a < b);

/** RFC 5849 §3.4.1.3.2: by encoded name, then by encoded value, in byte order. */
function normalized(pairs: readonly Pair[]): string {
  return pairs
    .map(([name, value]) => [percentEncode(name), percentEncode(value)] as const)
    .toSorted((a, b) => compare(a[0], b[0]) || compare(a[1], b[1]))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** RFC 5849 §3.4.1. `params`: protocol parameters and those of a form body; the query is taken from the address. */
export function signatureBase(method: string, url: URL, params: readonly Pair[]): string {
  const all = [...url.searchParams, ...params];
  return [method.toUpperCase(), baseAddress(url), normalized(all)].map(percentEncode).join('&');
}

export function sign(base: string, { clientSecret, tokenSecret = '' }: Secrets): string {
  const key = `${percentEncode(clientSecret)}&${percentEncode(tokenSecret)}`;
  return createHmac('sha1', key).update(base).digest('base64');
}

export interface ToSign extends Secrets {
  readonly method: string;
  readonly url: URL;
  readonly clientId: string;
  readonly token?: string;
  /** Seconds since the epoch. */
  readonly timestamp: number;
  readonly nonce: string;
  /** Further protocol parameters: `oauth_callback`, `oauth_verifier`. */
  readonly more?: Readonly<Record<string, string>>;
}

/** The `Authorization` header of a request without a form body (RFC 5849 §3.5.1). */
export function authorizationHeader(request: ToSign): string {
  const params: Record<string, string> = {
    oauth_consumer_key: request.clientId,
    oauth_nonce: request.nonce,
    oauth_signature_method: 'HMAC-SHA1',
    oauth_timestamp: String(request.timestamp),
    ...(request.token === undefined ? {} : { oauth_token: request.token }),
    oauth_version: '1.0',
    ...request.more,
  };
  const signature = sign(signatureBase(request.method, request.url, Object.entries(params)), request);
  const all = { ...params, oauth_signature: signature };
  const quoted = Object.entries(all).map(
    ([name, value]) => `${percentEncode(name)}="${percentEncode(value)}"`,
  );
  return `OAuth ${quoted.join(', ')}`;
}
