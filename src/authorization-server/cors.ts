import type { Context, Middleware, Next } from 'koa';
import type { Client, KoaContextWithOIDC } from 'oidc-provider';
import { canParse } from '../platform/net/can-parse.js';
import type { ClientRecord, RedirectLease } from '../clients/client.js';
import type { Clock } from '../platform/crypto/clock.js';
import { ROUTES } from './configuration.js';

/**
 * Which pages may call us from a browser: those at an origin that a browser client registered a redirect URI at, or
 * named among its allowed origins. Where a request names its client, the library asks about that client; discovery,
 * keys, preflights and refusals name none, and there the library would let every origin in.
 */

/** Milliseconds for which the registered origins are not looked up again. */
const KEPT = 1000;

/** What the library may say to a browser. */
const ANSWERS = ['Allow-Origin', 'Allow-Methods', 'Allow-Headers', 'Expose-Headers', 'Max-Age'].map(
  (name) => `Access-Control-${name}`,
);

/** A program names no origin, and does not ask beforehand. The library says nothing to it (`cheap-routes.ts`). */
export const isProgram = ({ req }: Pick<Context, 'req'>): boolean =>
  req.headers.origin === undefined && req.method !== 'OPTIONS';

export const DISCOVERY = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'];
const FOR_BROWSERS: ReadonlySet<string> = new Set([
  ROUTES.token,
  ROUTES.userinfo,
  ROUTES.revocation,
  ROUTES.jwks,
  ...DISCOVERY,
]);

function originsOf(addresses: readonly string[]): Set<string> {
  const origins = addresses.flatMap((uri) => (canParse(uri) ? [new URL(uri).origin] : []));
  // The origin of every custom scheme, and of every sandboxed page.
  return new Set(origins.filter((origin) => origin !== 'null'));
}

function letRead(ctx: Context, origin: string): void {
  ctx.vary('Origin');
  ctx.set('Access-Control-Allow-Origin', origin);
  ctx.set('Access-Control-Expose-Headers', 'Retry-After');
}

/** The library's `clientBasedCORS`. Must be synchronous. */
export function createAllowOrigin(known: {
  readonly recordOf: (client: Client) => ClientRecord;
  readonly leasesOf: (client: Client) => readonly RedirectLease[];
}) {
  return (_ctx: KoaContextWithOIDC, origin: string, client: Client): boolean => {
    if (client.clientAuthMethod !== 'none') return false;
    const leased = known.leasesOf(client).map(({ redirectUri }) => redirectUri);
    const named = known.recordOf(client).options.allowedOrigins ?? [];
    return originsOf([...(client.redirectUris ?? []), ...named, ...leased]).has(origin);
  };
}

/** @param publicAddresses redirect URIs and allowed origins of all clients that authenticate with `none` */
export function corsForBrowserClients(
  publicAddresses: () => Promise<readonly string[]>,
  clock: Clock,
): Middleware {
  let known: { readonly until: number; readonly origins: Promise<Set<string>> } | undefined;

  /** One query at a time, however many origins are tried. */
  function registered(): Promise<Set<string>> {
    if (known && known.until > clock.now()) return known.origins;
    const origins = publicAddresses().then(originsOf);
    known = { until: clock.now() + KEPT, origins };
    origins.catch(() => {
      known = undefined;
    });
    return origins;
  }

  const mayCall = async (path: string, origin: string): Promise<boolean> =>
    origin !== '' && FOR_BROWSERS.has(path) && (await registered()).has(origin);

  const answerPage = async (ctx: Context, next: Next, origin: string): Promise<void> => {
    const allowed = await mayCall(ctx.path, origin);
    try {
      await next();
    } catch (error) {
      // The library did not come to say it, and a page could not tell "later" from a network that is down.
      if (allowed) letRead(ctx, origin);
      throw error;
    } finally {
      if (!allowed) for (const name of ANSWERS) ctx.res.removeHeader(name);
    }
  };

  return (ctx, next) => {
    const { origin } = ctx.req.headers;
    return isProgram(ctx) ? next() : answerPage(ctx as Context, next, origin ?? '');
  };
}
