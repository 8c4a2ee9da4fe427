import type { ParameterizedContext } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { PayloadStore } from '../stores/payload-store.js';
import { accessEnded, type HoldsStill } from './access-ended.js';
import type { SeenSession, SignedIn } from './browser-session.js';
import type { UnitsOfWork } from './unit-of-work.js';

interface Told {
  readonly units: UnitsOfWork;
  readonly payloads: Pick<PayloadStore, 'endSessions'>;
  readonly holdsStill: HoldsStill;
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
export function noteSession({ units, payloads, holdsStill, sessionSeen, signedIn }: Told) {
  /**
   * A pending request waits up to an hour with the proof in it, which a new password ends like all else.
   * @throws {PageError}
   */
  async function requireProof({ accountId, epoch = 0 }: ProvenLogin): Promise<void> {
    if (!(await holdsStill({ id: accountId, accessEpoch: epoch }))) throw accessEnded();
  }

  async function requireProofOnceWritten(login: ProvenLogin, uid: string): Promise<void> {
    try {
      await requireProof(login);
    } catch (error) {
      await payloads.endSessions(login.accountId, { only: uid });
      throw error;
    }
  }

  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    await next();
    const oidc = ctx.oidc as KoaContextWithOIDC['oidc'] | undefined;
    const { accountId, uid } = oidc?.session ?? {};
    if (!accountId || !uid) return;
    const { login } = (oidc?.result ?? {}) as { login?: ProvenLogin };
    try {
      if (login?.accountId === accountId) {
        // Now, so that nothing is written; and once it is written, since access may end meanwhile.
        await requireProof(login);
        units.of(ctx)?.afterwards.push(() => requireProofOnceWritten(login, uid));
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
