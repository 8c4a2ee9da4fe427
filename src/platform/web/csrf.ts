import type { Context } from 'koa';
import { randomToken, sameText } from '../crypto/ids.js';
import { createSecretBox } from '../crypto/secret-box.js';
import { PageError } from '../errors/errors.js';
import type { Form } from './body.js';
import type { OriginRule } from './origin.js';

/** The name of the hidden field; templates take it from `partials/hidden.ejs`. */
const CSRF_FIELD = 'csrf';

/**
 * The token of our own forms: an HMAC over a random cookie of this browser. It needs no session, so it
 * guards the sign-in form as well (RFC 6265bis §8; login CSRF).
 */
export interface Csrf {
  /** The token for a form of this response; sets the browser's cookie where it has none. */
  token(ctx: Context): string;
  /**
   * Throws a 403 page unless the post comes from our own page and carries this browser's token.
   * @param page where the form stands, if that is not the address it was posted to
   */
  require(ctx: Context, form: Form, page?: string): void;
}

const COOKIE_VALUE = /^[A-Za-z0-9_-]{43}$/;

export function createCsrf(deps: {
  readonly secretKeys: readonly string[];
  /** Whether the issuer is https: then the cookie is `Secure` and carries the `__Host-` prefix. */
  readonly secure: boolean;
  readonly origin: OriginRule;
}): Csrf {
  const box = createSecretBox(deps.secretKeys, 'csrf');
  const name = `${deps.secure ? '__Host-' : ''}postern_browser`;
  const given = new WeakMap<Context['req'], string>();

  function cookieOf(ctx: Context): string | undefined {
    const value = ctx.cookies.get(name, { signed: false });
    return value !== undefined && COOKIE_VALUE.test(value) ? value : undefined;
  }

  function giveCookie(ctx: Context): string {
    const value = randomToken(32);
    // Written by hand: Koa refuses a Secure cookie where it cannot see TLS, as behind an unnamed proxy.
    ctx.append(
      'Set-Cookie',
      `${name}=${value}; Path=/; HttpOnly; SameSite=Lax${deps.secure ? '; Secure' : ''}`,
    );
    return value;
  }

  return {
    token(ctx) {
      const value = cookieOf(ctx) ?? given.get(ctx.req) ?? giveCookie(ctx);
      given.set(ctx.req, value);
      return box.name(value);
    },
    require(ctx, form, page) {
      deps.origin.require(ctx);
      const cookie = cookieOf(ctx);
      const token = form[CSRF_FIELD] ?? '';
      const known =
        cookie !== undefined && box.names(cookie).filter((name) => sameText(name, token)).length > 0;
      if (!known) throw stalePage(page ?? ctx.path, cookie === undefined);
    },
  };
}

/** The answer to a form without the token its page was given. */
export function stalePage(page: string, withoutCookie = false): PageError {
  const message = withoutCookie
    ? 'Your browser sent no cookie with this form. Allow cookies for this site, then open the page again.'
    : 'The page was open for too long or came from another browser. Open it again and send the form once more.';
  return new PageError(403, 'csrf', 'Please open the page again', message, {
    // `new URL` keeps it on this site.
    waysOn: [{ label: 'Open the page again', href: new URL(page, 'http://x/').pathname }],
  });
}
