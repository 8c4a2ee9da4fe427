import type { Middleware, ParameterizedContext } from 'koa';
import { Provider, type Session } from 'oidc-provider';
import { sha256 } from '../platform/crypto/ids.js';
import type { SecretBox } from '../platform/crypto/secret-box.js';
import type { PayloadStore } from '../stores/payload-store.js';
import type { SeenSession } from './browser-session.js';
import type { UnitsOfWork } from './unit-of-work.js';

/**
 * What we ask of the library's Session beyond what it does: requests of one browser that meet agree on one
 * session, signing out ends all of it, and no answer takes back a newer cookie. The rules for its rows are
 * the store's (`PayloadUnit`).
 */
interface Rules {
  readonly units: Pick<UnitsOfWork, 'write' | 'current'>;
  /** Seconds. */
  readonly ttl: number;
  readonly secure: boolean;
  /** Purpose `session-uid`. */
  readonly names: Pick<SecretBox, 'name'>;
  /** Told of each signed-in session that ends, wherever somebody signs out. */
  readonly ended: (session: SeenSession) => Promise<void>;
}

type Login = Parameters<Session['loginAccount']>[0];

export function installSessionRules(provider: Provider, rules: Rules): void {
  const library = provider.Session.prototype as Session;
  const { persist: saveAgain, loginAccount } = library;
  const cookie = { httpOnly: true, sameSite: 'lax', path: '/', signed: true, overwrite: true } as const;

  /**
   * The library's error handler of the device page begins a session for the form it shows, after the place
   * where new sessions are saved, and then throws on finding it unsaved: a posted code from a browser
   * without a session would be a 500. Here it is saved and handed to the browser, so that the form works.
   */
  async function persist(this: Session): Promise<string> {
    if (typeof this.exp === 'number') return saveAgain.call(this);
    const { secure } = rules;
    Provider.ctx?.cookies.set(provider.cookieName('session'), this.jti, { ...cookie, secure });
    return this.save(rules.ttl);
  }

  /** Whatever ids it has had or was given meanwhile. */
  async function destroy(this: Session & { destroyed?: boolean }): Promise<void> {
    await rules.units.write((unit) => void unit.end.add(this.uid));
    this.destroyed = true;
    this.emit('destroyed');
    const { accountId, uid } = this;
    if (!accountId) return;
    const tell = () => rules.ended({ accountId, uid });
    await tell();
    // Told twice: within a request of the library the end is written with all else, and until then the session could
    // still give tokens.
    rules.units.current()?.afterwards(tell);
  }

  /**
   * Signing in makes another session of an anonymous one, whose id strangers may have planted. Its uid
   * follows from the former one and the account, so that tabs that sign in at once are one session.
   */
  function login(this: Session, details: Login): void {
    if (!this.accountId) this.uid = rules.names.name(JSON.stringify([this.uid, details.accountId]));
    loginAccount.call(this, details);
  }

  Object.assign(provider.Session.prototype, { persist, destroy, loginAccount: login });

  // Or two tabs that both begin without a session would each make one of their own at sign-in.
  provider.on('interaction.started', ({ oidc }) => {
    const session = oidc.session as (Session & { new?: boolean; touched?: boolean }) | undefined;
    if (session?.new) session.touched = true;
  });
}

/**
 * The library hands out the session's cookie with each answer. One that the browser sent itself is left out,
 * unless it is prolonged: the answer may be late, and the browser have been given a renewed one meanwhile.
 */
export function createQuietCookie(
  name: string,
  { units, store }: { units: Pick<UnitsOfWork, 'of'>; store: Pick<PayloadStore, 'find'> },
): Middleware {
  const ours = new RegExp(`^${name}(?:\\.sig)?=`);
  const given = new RegExp(`^${name}=([^;]+)`);

  const linesOf = (ctx: ParameterizedContext): string[] =>
    [ctx.response.get('Set-Cookie') as string | string[]].flat().filter((line) => line !== '');

  /** Whether the session was prolonged under the id it had, and has it still. */
  async function isProlonged(ctx: ParameterizedContext, key: string): Promise<boolean> {
    if (!units.of(ctx)?.plain.put.has(key)) return false;
    const row = await store.find(key);
    return row !== undefined && row.consumedAt === null && row.revokedAt === null;
  }

  return async (ctx, next) => {
    await next();
    const key = units.of(ctx)?.session?.key;
    const lines = linesOf(ctx);
    const value = lines.map((line) => given.exec(line)?.[1]).find((found) => found !== undefined);
    if (!key || !value || sha256(value) !== key || (await isProlonged(ctx, key))) return;
    const others = lines.filter((line) => !ours.test(line));
    if (others.length > 0) ctx.set('Set-Cookie', others);
    else ctx.remove('Set-Cookie');
  };
}
