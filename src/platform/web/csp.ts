import { canParse } from '../net/can-parse.js';
import { randomToken } from '../crypto/ids.js';

/** A fresh value for `nonce="…"`, one per response. */
export const newNonce = (): string => randomToken(18);

/** What a page needs beyond Postern's own origin. */
export interface CspNeeds {
  readonly nonce: string;
  /**
   * Addresses a form of this page may lead to, directly or through a redirect (Chrome applies
   * `form-action` to those too): the client's redirect address, an upstream, a post-logout address.
   */
  readonly formTargets?: readonly string[];
  /** Whether the page's script asks this server something. */
  readonly connects?: boolean;
  /** Addresses of images outside Postern (a brand's logo). */
  readonly images?: readonly string[];
}

const NEVER = new Set(['javascript:', 'data:', 'vbscript:', 'blob:', 'file:', 'filesystem:', 'about:']);

/**
 * The CSP source that lets a form end at `address`: the origin of a web address, the bare scheme of a
 * native client's. `undefined` for what no form may lead to.
 */
export function cspSource(address: string): string | undefined {
  if (!canParse(address)) return undefined;
  const { protocol, origin, hostname } = new URL(address);
  if (NEVER.has(protocol) || !/^[a-z][a-z0-9+.-]*:$/.test(protocol)) return undefined;
  if (protocol !== 'http:' && protocol !== 'https:') return protocol;
  // The CSP grammar knows no IPv6 literals: browsers drop `http://[::1]:8080` and block the form.
  if (hostname.startsWith('[')) return protocol;
  // A `;` or `,` cannot stand in a parsed host, but the header's shape must not depend on that.
  return /^https?:\/\/[a-z0-9._-]+(:\d+)?$/i.test(origin) ? origin : undefined;
}

const sources = (addresses: readonly string[] | undefined): string[] => [
  ...new Set((addresses ?? []).flatMap((address) => cspSource(address) ?? [])),
];

/** The policy of one page: nothing loads, runs or submits except what this response names. */
export function pagePolicy(needs: CspNeeds): string {
  const nonce = `'nonce-${needs.nonce}'`;
  return [
    "default-src 'none'",
    `script-src ${nonce}`,
    `style-src ${nonce}`,
    ["img-src 'self' data:", ...sources(needs.images)].join(' '),
    ...(needs.connects ? ["connect-src 'self'"] : []),
    ["form-action 'self'", ...sources(needs.formTargets)].join(' '),
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');
}

/**
 * The policy of every answer that is not one of our pages. `script-src` is spelled out because
 * oidc-provider adds the hash of its own inline scripts to that directive and to no other.
 */
export const BARE_POLICY = "default-src 'none'; script-src 'none'; frame-ancestors 'none'; base-uri 'none'";
