import type { ParameterizedContext } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { SeenSession, SignedIn } from './browser-session.js';

interface Told {
  readonly sessionSeen: (ctx: ParameterizedContext, session: SeenSession) => Promise<void>;
  readonly signedIn: SignedIn;
}

/** Browsers that come to the library's own endpoints are seen there, and so are sign-ins that end there. */
export function noteSession({ sessionSeen, signedIn }: Told) {
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    await next();
    const oidc = ctx.oidc as KoaContextWithOIDC['oidc'] | undefined;
    const { accountId, uid } = oidc?.session ?? {};
    if (!accountId || !uid) return;
    const { login } = (oidc?.result ?? {}) as { login?: { accountId: string; upstream?: string } };
    if (login?.accountId === accountId) await signedIn({ accountId, uid }, login.upstream);
    await sessionSeen(ctx as unknown as ParameterizedContext, { accountId, uid });
  };
}
