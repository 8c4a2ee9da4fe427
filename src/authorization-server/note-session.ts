import type { ParameterizedContext } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Account } from '../accounts/account.js';
import type { MaybeLater } from '../platform/database/maybe-later.js';
import { PageError } from '../platform/errors/errors.js';
import type { SeenSession, SignedIn } from './browser-session.js';

interface Told {
  readonly findAccount: (id: string) => MaybeLater<Account | undefined>;
  readonly sessionSeen: (ctx: ParameterizedContext, session: SeenSession) => Promise<void>;
  readonly signedIn: SignedIn;
}

/** What the pages left in a pending request for when the browser comes back (`interactions.ts`). */
interface ProvenLogin {
  readonly accountId: string;
  readonly upstream?: string;
  readonly epoch?: number;
}

/** Browsers that come to the library's own endpoints are seen there, and so are sign-ins that end there. */
export function noteSession({ findAccount, sessionSeen, signedIn }: Told) {
  /**
   * A pending request waits up to an hour with the proof in it, which a new password ends like all else.
   * @throws {PageError} and nothing of the answer is written
   */
  async function requireCurrent({ accountId, epoch = 0 }: ProvenLogin): Promise<void> {
    const account = await findAccount(accountId);
    if (account?.accessEpoch === epoch) return;
    const message =
      'Since you typed your password here it was changed, or everybody was signed out of the account. ' +
      'Go back to the application and sign in again.';
    throw new PageError(403, 'access_ended', 'Please sign in again', message);
  }

  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    await next();
    const oidc = ctx.oidc as KoaContextWithOIDC['oidc'] | undefined;
    const { accountId, uid } = oidc?.session ?? {};
    if (!accountId || !uid) return;
    const { login } = (oidc?.result ?? {}) as { login?: ProvenLogin };
    try {
      if (login?.accountId === accountId) {
        await requireCurrent(login);
        await signedIn({ accountId, uid }, login.upstream);
      }
      await sessionSeen(ctx as unknown as ParameterizedContext, { accountId, uid });
    } catch (error) {
      // The library has set a cookie for a session that is not saved now: it would cost the browser the one it has.
      ctx.remove('Set-Cookie');
      throw error;
    }
  };
}
