import type { ParameterizedContext } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { PayloadStore } from '../stores/payload-store.js';
import { accessEnded, type HoldsStill } from './access-ended.js';
import type { SeenSession, SignedIn } from './browser-session.js';
import { newUnit, type UnitsOfWork } from './unit-of-work.js';

interface Told {
  readonly units: UnitsOfWork;
  readonly payloads: Pick<PayloadStore, 'apply' | 'findSessionByUid'>;
  readonly holdsStill: HoldsStill;
  readonly sessionSeen: (ctx: ParameterizedContext, session: SeenSession) => Promise<void>;
  readonly signedIn: SignedIn;
  readonly sessionEnded: (session: SeenSession) => Promise<void>;
}

/** What the pages left in a pending request for when the browser comes back (`interactions.ts`). */
interface ProvenLogin {
  readonly accountId: string;
  readonly upstream?: string;
  readonly epoch?: number;
}

/** Browsers that come to the library's own endpoints are seen there, and so are sign-ins that end there. */
export function noteSession(told: Told) {
  const { units, payloads, sessionSeen, signedIn } = told;

  /** A pending request waits up to an hour with the proof in it, which a new password ends like all else. */
  const isGood = ({ accountId, epoch = 0 }: ProvenLogin) =>
    told.holdsStill({ id: accountId, accessEpoch: epoch });

  /**
   * All access may end while the answer is written. What ends it sees no Grant that is not there yet, so this request
   * looks again once it is, and takes back all that it wrote.
   * @throws {PageError}
   */
  async function takeBackWhatIsLate(
    session: SeenSession,
    grants: readonly string[],
    login: ProvenLogin | undefined,
  ): Promise<void> {
    const proven = login === undefined || (await isGood(login));
    const found = proven && grants.length > 0 ? await payloads.findSessionByUid(session.uid) : undefined;
    if (proven && (grants.length === 0 || found?.revokedAt === null)) return;
    await payloads.apply({ ...newUnit(), end: new Set([session.uid]), kill: new Set(grants) });
    await told.sessionEnded(session);
    throw accessEnded();
  }

  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    await next();
    const oidc = ctx.oidc as KoaContextWithOIDC['oidc'] | undefined;
    const { accountId, uid } = oidc?.session ?? {};
    if (!accountId || !uid) return;
    const { login } = (oidc?.result ?? {}) as { login?: ProvenLogin };
    try {
      const own = login?.accountId === accountId ? login : undefined;
      // Now, so that nothing is written.
      if (own !== undefined && !(await isGood(own))) throw accessEnded();
      const writes = units.of(ctx);
      const grants = writes?.grantsPut ?? [];
      if (own !== undefined || grants.length > 0) {
        writes?.afterwards(() => takeBackWhatIsLate({ accountId, uid }, grants, own));
      }
      if (own !== undefined) await signedIn({ accountId, uid }, own.upstream);
      await sessionSeen(ctx as unknown as ParameterizedContext, { accountId, uid });
    } catch (error) {
      // The library has set a cookie for a session that is not saved now: it would cost the browser the one it has.
      ctx.remove('Set-Cookie');
      throw error;
    }
  };
}
