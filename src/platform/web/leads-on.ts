import { canParse } from '../net/can-parse.js';

/**
 * A browser carries the fragment of an address on to wherever that address redirects (RFC 9110 §10.2.2), and
 * many of our own addresses redirect: the authorization endpoint to whatever a client registered, sign-in
 * buttons to an upstream. No token may stand in the fragment of one of those. Pages of an application that
 * shares our origin have other first segments.
 */
const FIRST_SEGMENTS: ReadonlySet<string> = new Set([
  'oauth',
  'auth',
  'api',
  'interaction',
  'login',
  'logout',
  'signup',
  'account',
  'admin',
  'authorized',
  'clients',
  'create_client',
  'demo',
  'external-logout',
  'forgot-password',
  'reset-password',
  'verify-email',
  'confirm-email',
  'undo-email-change',
  'undo-link',
  'token',
  'jwks',
  'public_key',
  '.well-known',
  '.well_known',
]);

/** As a proxy in front of us may rewrite it: decoded, without doubled slashes, in any case. */
function firstSegment(pathname: string): string | undefined {
  try {
    const plain = decodeURIComponent(pathname)
      .replace(/[/\\]+/g, '/')
      .toLowerCase();
    return new URL(plain, 'http://local.invalid').pathname.split('/')[1]?.replace(/;.*$/s, '');
  } catch {
    return undefined;
  }
}

/**
 * Whether an address is one of ours that may redirect.
 * @param address a path here, or a whole address
 * @param origins those we are served at; the first is the issuer's
 */
export function leadsOn(address: string, origins: readonly string[]): boolean {
  if (!canParse(address, origins[0])) return true;
  const { origin, pathname } = new URL(address, origins[0]);
  if (!origins.includes(origin)) return false;
  const segment = firstSegment(pathname);
  return segment === undefined || FIRST_SEGMENTS.has(segment);
}

/** Where we are served, the issuer's origin first; under each name by either scheme, since proxies may take both. */
export const ownOrigins = (issuer: string, acceptedHosts: readonly string[]): string[] =>
  [issuer, ...acceptedHosts.flatMap((host) => [`https://${host}`, `http://${host}`])].map(
    (address) => new URL(address).origin,
  );
