import type { Context } from 'koa';
import type { Clock } from '../crypto/clock.js';
import { createSecretBox } from '../crypto/secret-box.js';

/**
 * What a form's answer still has to say on the page it redirects to. Every form that did its work answers 303,
 * so that a reload does it again nowhere, with scripts or without; what may be said once, such as a new secret,
 * goes along sealed in a cookie of this browser and is gone when it has been shown.
 */
export interface Flash {
  /** @param about whom and what it is for: only a page that names the same gets it */
  put(ctx: Context, about: string, said: Said): void;
  /** What was put for this page in the last two minutes; it is taken from the browser. */
  take(ctx: Context, about: string): Said | undefined;
}

export type Said = Readonly<Record<string, string>>;

const SECONDS = 120;

interface Sealed {
  readonly said: Said;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

export function createFlash(deps: {
  readonly secretKeys: readonly string[];
  /** Whether the issuer is https: then the cookie is `Secure` and carries the `__Host-` prefix. */
  readonly secure: boolean;
  readonly clock: Clock;
}): Flash {
  const box = createSecretBox(deps.secretKeys, 'flash');
  const name = `${deps.secure ? '__Host-' : ''}postern_said`;

  function setCookie(ctx: Context, value: string, seconds: number): void {
    const flags = `Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}${deps.secure ? '; Secure' : ''}`;
    ctx.append('Set-Cookie', `${name}=${value}; ${flags}`);
  }

  return {
    put(ctx, about, said) {
      const sealed: Sealed = { said, until: deps.clock.now() + SECONDS * 1000 };
      setCookie(ctx, box.seal(JSON.stringify(sealed), about), SECONDS);
    },
    take(ctx, about) {
      const value = ctx.cookies.get(name, { signed: false });
      const opened = value === undefined ? undefined : box.open(value, about);
      if (opened === undefined) return undefined;
      setCookie(ctx, '', 0);
      const { said, until } = JSON.parse(opened) as Sealed;
      return until > deps.clock.now() ? said : undefined;
    },
  };
}
