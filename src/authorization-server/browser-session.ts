import type { ParameterizedContext } from 'koa';
import type { Provider, Session } from 'oidc-provider';
import type { Proven } from '../accounts/account.js';
import type { Clock } from '../platform/crypto/clock.js';
import { createLoginCookie } from '../platform/web/login-cookie.js';
import { accessEnded, type HoldsStill } from './access-ended.js';

/**
 * One sign-in for our own pages and the authorization endpoint: both use the library's Session.
 * Inside a pending interaction pages must not touch it (the library answers "session principal changed");
 * they end through `Interactions`.
 */
export interface BrowserSessions {
  /** Who is signed in in this browser. */
  current(ctx: ParameterizedContext): Promise<BrowserSession | undefined>;
  /**
   * Signs in. The session id is renewed; a session of another account ends first, with its tokens.
   * Resolves to the uid, by which the session is known inside.
   * @throws {PageError} where the proof holds no more. The browser stays who it was, unless access ended in the very
   * moment in which this was written.
   */
  signIn(ctx: ParameterizedContext, proven: Proven, way?: SignInWay): Promise<string>;
  /** Ends the session and whatever is bound to it. Harmless when nobody is signed in. */
  signOut(ctx: ParameterizedContext): Promise<void>;
}

/** How somebody proved who they are. */
export interface SignInWay {
  /** RFC 8176. */
  readonly amr: readonly string[];
  /** Through an upstream: what is to be kept with the session, as the relying party described it. */
  readonly upstream?: string | undefined;
  /** Seconds since the epoch, where it was not just now. */
  readonly authTime?: number | undefined;
  /** The session ends with the browser. */
  readonly transient?: boolean | undefined;
}

export const BY_PASSWORD: SignInWay = { amr: ['pwd'] };

export interface BrowserSession {
  readonly accountId: string;
  readonly uid: string;
  /** Seconds since the epoch. */
  readonly authTime: number;
}

interface Options {
  readonly clock: Clock;
  /** Seconds. */
  readonly ttl: number;
  readonly cookie: { readonly secure: boolean };
  /** Told of each signed-in browser that comes by. */
  readonly seen: (ctx: ParameterizedContext, session: SeenSession) => Promise<void>;
  readonly signedIn: SignedIn;
  readonly holdsStill: HoldsStill;
}

/** Told of each sign-in, with what it brought along from an upstream, if it came from one. */
export type SignedIn = (session: SeenSession, upstream: string | undefined) => Promise<void>;

export interface SeenSession {
  readonly accountId: string;
  readonly uid: string;
}

/** What the library's Session can do beyond its types. */
type LibrarySession = Session & {
  readonly new?: boolean;
  readonly authorizations?: Record<string, { grantId?: string; persistsLogout?: boolean }>;
};

export function createBrowserSessions(current: () => Provider, options: Options): BrowserSessions {
  const loginCookie = createLoginCookie(options.cookie.secure);
  const cookieOptions = {
    httpOnly: true,
    sameSite: 'lax' as const,
    path: '/',
    signed: true,
    overwrite: true,
  };

  const sessionOf = (ctx: ParameterizedContext) =>
    current().Session.get(ctx as Parameters<typeof Session.get>[0]) as Promise<LibrarySession>;

  function setCookie(ctx: ParameterizedContext, value: string | null, expires?: Date): void {
    ctx.cookies.set(current().cookieName('session'), value, {
      ...cookieOptions,
      secure: options.cookie.secure,
      ...(expires ? { expires } : {}),
    });
  }

  async function end(session: LibrarySession): Promise<void> {
    const { Grant } = current();
    for (const { grantId, persistsLogout } of Object.values(session.authorizations ?? {})) {
      // A Grant found missing has been revoked already.
      if (grantId && !persistsLogout) await (await Grant.find(grantId))?.destroy();
    }
    await session.destroy();
  }

  return {
    async current(ctx) {
      const { accountId, uid, loginTs } = await sessionOf(ctx);
      if (!accountId) return undefined;
      await options.seen(ctx, { accountId, uid });
      return { accountId, uid, authTime: loginTs ?? 0 };
    },
    async signIn(ctx, proven, { amr, upstream, authTime, transient = false } = BY_PASSWORD) {
      const accountId = proven.id;
      if (!(await options.holdsStill(proven))) throw accessEnded();
      let session = await sessionOf(ctx);
      if (session.accountId && session.accountId !== accountId) {
        await end(session);
        session = new (current().Session)() as LibrarySession;
      } else if (!session.new) {
        session.resetIdentifier();
      }
      session.loginAccount({
        accountId,
        amr: [...amr],
        transient,
        loginTs: authTime ?? Math.floor(options.clock.now() / 1000),
      });
      // First: the save renews the session's id, and what fails before it costs the browser nothing.
      await options.signedIn({ accountId, uid: session.uid }, upstream);
      await session.save(options.ttl);
      if (!(await options.holdsStill(proven))) {
        await session.destroy();
        throw accessEnded();
      }
      const expires = transient ? undefined : new Date(options.clock.now() + options.ttl * 1000);
      setCookie(ctx, session.jti, expires);
      await options.seen(ctx, { accountId, uid: session.uid });
      return session.uid;
    },
    async signOut(ctx) {
      const session = await sessionOf(ctx);
      if (session.accountId) await end(session);
      setCookie(ctx, null);
      loginCookie.forget(ctx);
    },
  };
}
