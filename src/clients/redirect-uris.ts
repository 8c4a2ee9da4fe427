import { canParse } from '../platform/net/can-parse.js';
import { quoted } from './quoted.js';

/** Schemes that run or read something in the browser that follows them. */
const DANGEROUS = new Set([
  'javascript',
  'data',
  'vbscript',
  'file',
  'blob',
  'about',
  'view-source',
  'filesystem',
]);
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

const SCHEME = /^([a-z][a-z0-9+.-]*):/i;
/** RFC 3986 has no others: no spaces, controls, backslashes, quotes, brackets of markup. */
const FOREIGN_CHARACTERS = /[^\x21-\x7e]|[\\"<>^`{|}]/;

const schemeOf = (uri: string): string => SCHEME.exec(uri)?.[1]?.toLowerCase() ?? '';
const authorityOf = (uri: string): string => /^[^:]*:\/\/([^/?#]*)/.exec(uri)?.[1] ?? '';
const isLoopback = (uri: string): boolean => canParse(uri) && LOOPBACK.has(new URL(uri).hostname);

export const isLoopbackHttp = (uri: string): boolean => schemeOf(uri) === 'http' && isLoopback(uri);
export const isLoopbackHttps = (uri: string): boolean => schemeOf(uri) === 'https' && isLoopback(uri);
export const isCustomScheme = (uri: string): boolean => !['', 'http', 'https'].includes(schemeOf(uri));

/**
 * Why a redirect URI cannot be registered, or `undefined`. Stricter than the library: what a browser and
 * a parser could read differently is refused here, so that comparing strings is enough later.
 */
export function redirectUriFault(uri: string, applicationType: 'web' | 'native'): string | undefined {
  const reason = textFault(uri) ?? (isCustomScheme(uri) ? customFault(uri, applicationType) : webFault(uri));
  const fault = reason ?? (applicationType === 'native' ? nativeFault(uri) : undefined);
  return fault && `${quoted(uri)} ${fault}`;
}

function textFault(uri: string): string | undefined {
  const scheme = schemeOf(uri);
  if (DANGEROUS.has(scheme)) return `uses the scheme ${scheme}:, which is never allowed.`;
  if (/[,;\s]\s*https?:/i.test(uri)) return 'holds several addresses. Write one per line, no commas.';
  if (FOREIGN_CHARACTERS.test(uri)) return 'holds a space, a backslash or another character no URI may hold.';
  if (scheme === '') return 'is not an absolute address; it must start like https://app.example/callback.';
  if (uri.includes('#')) return 'has a fragment (#…); leave it out.';
  if (uri.includes('*')) return 'holds a wildcard; write out each address.';
  if (authorityOf(uri).includes('@')) return 'has a user name or password before the host; leave it out.';
  if (!canParse(uri)) return 'is not a valid address.';
  return undefined;
}

function webFault(uri: string): string | undefined {
  const authority = authorityOf(uri);
  if (authority === '') return 'has no host; it must start like https://app.example/callback.';
  // 127.1, 0x7f000001, %6c and the like: what one reads is not where the browser goes.
  if (authority.replace(/:\d*$/, '').toLowerCase() !== new URL(uri).hostname) {
    return `must name its host plainly, as ${new URL(uri).hostname}.`;
  }
  if (schemeOf(uri) === 'http' && !isLoopback(uri)) {
    return 'must use https; plain http is for localhost, 127.0.0.1 and [::1] only.';
  }
  return undefined;
}

function customFault(uri: string, applicationType: 'web' | 'native'): string | undefined {
  // RFC 8252 §7.1: the reversed domain name says whose scheme it is.
  if (!schemeOf(uri).includes('.')) {
    return 'must use https, or for an app a scheme with a dot such as com.example.app:/callback.';
  }
  return applicationType === 'web' ? 'needs the application_type native.' : undefined;
}

const nativeFault = (uri: string): string | undefined =>
  isLoopbackHttps(uri) ? 'must use http: native apps listen on loopback without a certificate.' : undefined;

/** Why an address shown or fetched for a client is refused, or `undefined`. */
export function webAddressFault(uri: string): string | undefined {
  const fine =
    !FOREIGN_CHARACTERS.test(uri) &&
    ['http', 'https'].includes(schemeOf(uri)) &&
    authorityOf(uri) !== '' &&
    !authorityOf(uri).includes('@') &&
    canParse(uri);
  return fine ? undefined : `${quoted(uri)} is not an http:// or https:// address.`;
}
