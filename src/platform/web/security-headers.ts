import type { Context, Middleware } from 'koa';
import { BARE_POLICY } from './csp.js';

const PERMISSIONS = [
  'publickey-credentials-get=(self)',
  'publickey-credentials-create=(self)',
  ...['camera', 'microphone', 'geolocation', 'payment', 'usb', 'browsing-topics'].map((name) => `${name}=()`),
].join(', ');

const ONE_YEAR = 31_536_000;

/** The headers every answer carries; pages then replace the policy by their own. */
export function securityHeaders(settings: { readonly issuer: string }): Middleware {
  const https = settings.issuer.startsWith('https:');
  return async function setSecurityHeaders(ctx, next) {
    applySecurityHeaders(ctx, https);
    await next();
    // Redirects set cookies and carry codes in their addresses; pages say so themselves.
    const redirect = ctx.status >= 300 && ctx.status < 400;
    if (redirect && !ctx.response.get('Cache-Control')) ctx.set('Cache-Control', 'no-store');
  };
}

function applySecurityHeaders(ctx: Context, https: boolean): void {
  ctx.set({
    'X-Content-Type-Options': 'nosniff',
    // Not no-referrer: with that, browsers send `Origin: null` on our own form posts.
    'Referrer-Policy': 'same-origin',
    'X-Frame-Options': 'DENY',
    'Permissions-Policy': PERMISSIONS,
    'Content-Security-Policy': BARE_POLICY,
  });
  if (https) ctx.set('Strict-Transport-Security', `max-age=${ONE_YEAR}`);
}
