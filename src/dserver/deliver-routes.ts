import type { Context } from 'koa';
import { canParse } from '../platform/net/can-parse.js';
import { leadsOn } from '../platform/web/leads-on.js';
import { returnAddress } from '../platform/web/return-to.js';
import type { Issued } from './issue.js';

/** The cookie of the plugin's former versions; off unless `OAUTH2_TOKEN_COOKIE` says otherwise. */
const COOKIE = 'dserver_token';

interface Settings {
  readonly baseUrl: string;
  readonly frontendUrl: string;
  readonly successRedirect: string;
  readonly errorRedirect: string;
  readonly inFragment: boolean;
  readonly tokenCookie: 'off' | 'httponly' | 'readable';
  readonly expiryHours: number;
}

/** How a browser is handed its token, and where it goes with it. */
export interface Delivery {
  /** The address asked for if it may be gone to, otherwise the usual one. */
  returnTo(next: string | undefined): string;
  /** Origins that a form which leads to one of our doors may end at. */
  readonly origins: readonly string[];
  /** Sends the browser on with its token, by fragment, session or cookie as configured. */
  send(ctx: Context, issued: Issued, next: string): void;
  fail(ctx: Context): void;
  toFrontend(ctx: Context): void;
  forgetCookie(ctx: Context): void;
}

export function createDelivery(
  settings: Settings,
  {
    allowedOrigins,
    ownOrigins,
    secure,
  }: {
    allowedOrigins: readonly string[];
    /** Those we are served at, the issuer's first. */
    ownOrigins: readonly string[];
    secure: boolean;
  },
): Delivery {
  const { frontendUrl, successRedirect, errorRedirect, baseUrl } = settings;
  const origins = [frontendUrl, successRedirect, errorRedirect, baseUrl, ...allowedOrigins]
    .filter((address) => canParse(address))
    .map((address) => new URL(address).origin);
  const rule = { origins, foreign: 'refuse', fallback: successRedirect } as const;
  const returnTo = (next: string | undefined): string => returnAddress(next, rule);

  function redirect(ctx: Context, location: string): void {
    ctx.set('Cache-Control', 'no-store');
    ctx.redirect(location);
    // Koa writes the address into the body; it may hold a token.
    ctx.body = '';
  }

  function setCookie(ctx: Context, value: string, maxAge: number): void {
    // By hand: Koa refuses a Secure cookie where it cannot see TLS, as behind an unnamed proxy.
    const flags = [
      `${COOKIE}=${value}`,
      'Path=/',
      `Max-Age=${maxAge}`,
      'SameSite=Lax',
      ...(settings.tokenCookie === 'readable' ? [] : ['HttpOnly']),
      ...(secure ? ['Secure'] : []),
    ];
    ctx.append('Set-Cookie', flags.join('; '));
  }

  return {
    returnTo,
    origins,
    send(ctx, { token }, next) {
      // Looked at again: what was approved at the beginning may have come another way.
      const address = returnTo(next).replace(/#.*$/s, '');
      if (settings.tokenCookie !== 'off') setCookie(ctx, token, settings.expiryHours * 3600);
      // Otherwise whoever the address leads on to would be handed the token; the session gives it, too.
      const inFragment = settings.inFragment && !leadsOn(address, ownOrigins);
      redirect(ctx, inFragment ? `${address}#token=${token}` : address);
    },
    fail: (ctx) => redirect(ctx, errorRedirect),
    toFrontend: (ctx) => redirect(ctx, frontendUrl),
    forgetCookie: (ctx) => setCookie(ctx, '', 0),
  };
}
