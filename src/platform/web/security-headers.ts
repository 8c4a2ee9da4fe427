import type { Context, Middleware } from 'koa';
import { BARE_POLICY } from './csp.js';

const PERMISSIONS = [
  'publickey-credentials-get=(self)',
  'publickey-credentials-create=(self)',
  ...['camera', 'microphone', 'geolocation', 'payment', 'usb', 'browsing-topics'].map((name) => `${name}=()`),
].join(', ');

const TRANSPORT = `max-age=${31_536_000}`;

/** In lower case: of every other name Node makes such a one anew, for every answer. */
const HEADERS: readonly (readonly [name: string, value: string])[] = [
  ['x-content-type-options', 'nosniff'],
  // Not no-referrer: with that, browsers send `Origin: null` on our own form posts.
  ['referrer-policy', 'same-origin'],
  ['x-frame-options', 'DENY'],
  ['permissions-policy', PERMISSIONS],
  ['content-security-policy', BARE_POLICY],
];

const HEADERS_OVER_TLS = [...HEADERS, ['strict-transport-security', TRANSPORT] as const];

export const headersOfEveryAnswer = (https: boolean) => (https ? HEADERS_OVER_TLS : HEADERS);

/** The headers every answer carries; pages then replace the policy by their own. */
export function securityHeaders(settings: { readonly issuer: string }): Middleware {
  const https = settings.issuer.startsWith('https:');
  return async function setSecurityHeaders(ctx, next) {
    applySecurityHeaders(ctx, https);
    await next();
    // Redirects set cookies and carry codes in their addresses; pages say so themselves.
    const redirect = ctx.status >= 300 && ctx.status < 400;
    if (redirect && !ctx.res.hasHeader('Cache-Control')) ctx.set('Cache-Control', 'no-store');
  };
}

function applySecurityHeaders(ctx: Context, https: boolean): void {
  for (const [name, value] of headersOfEveryAnswer(https)) ctx.res.setHeader(name, value);
}
