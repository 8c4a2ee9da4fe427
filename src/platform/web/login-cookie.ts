import type { Context } from 'koa';
import { randomToken } from '../crypto/ids.js';

/**
 * What binds a login through an upstream to the browser it began in: a value that no other browser was given.
 * Of two answers that set the same cookie at once the last would count, and the other's login be lost; so
 * each new value has a cookie of its own, and whoever holds one is given no other.
 */
export interface LoginCookie {
  /** The values of this browser, joined by dots; a login begun with any of them is its own. */
  of(ctx: Pick<Context, 'get'>): string | undefined;
  /** The same; the browser is given one where it has none. */
  give(ctx: Context): string;
  /** At sign-out: what is under way in this browser ends. */
  forget(ctx: Pick<Context, 'get' | 'append'>): void;
}

const SEPARATOR = '.';
/** As many as tabs that a browser opens at once when it is started. */
const AT_MOST = 20;

/** The single values. */
export const loginCookieValues = (joined: string): string[] => joined.split(SEPARATOR).slice(0, AT_MOST);

/** @param secure whether the issuer is https: then cookies are `Secure` and carry the `__Host-` prefix */
export function createLoginCookie(secure: boolean): LoginCookie {
  const prefix = `${secure ? '__Host-' : ''}postern_login_`;
  const one = new RegExp(`^${prefix}([A-Za-z0-9_-]{8})=([A-Za-z0-9_-]{43})$`);
  const attributes = `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
  // Written and read by hand: Koa refuses a Secure cookie where it cannot see TLS, as behind an unnamed proxy,
  // and finds cookies by their whole names alone.
  const all = (ctx: Pick<Context, 'get'>) =>
    ctx
      .get('Cookie')
      .split(';')
      .map((pair) => one.exec(pair.trim()))
      .filter((match) => match !== null)
      .map(([, suffix = '', value = '']) => ({ suffix, value }));

  function of(ctx: Pick<Context, 'get'>): string | undefined {
    const values = all(ctx).map(({ value }) => value);
    return values.length === 0 ? undefined : values.slice(-AT_MOST).join(SEPARATOR);
  }

  return {
    of,
    give(ctx) {
      const known = of(ctx);
      if (known !== undefined) return known;
      const value = randomToken(32);
      ctx.append('Set-Cookie', `${prefix}${randomToken(6)}=${value}; ${attributes}`);
      return value;
    },
    forget(ctx) {
      for (const { suffix } of all(ctx)) {
        ctx.append(
          'Set-Cookie',
          `${prefix}${suffix}=; ${attributes}; Max-Age=0; Expires=${new Date(0).toUTCString()}`,
        );
      }
    },
  };
}
