import { decodeJwt, decodeProtectedHeader } from 'jose';
import type { TokenView } from '../authorization-server/inspect-token.js';
import type { Container } from '../container.js';
import { DSERVER_KIND } from '../dserver/mint.js';
import { EXACT } from '../keys/verify-by.js';

/** A dserver token as `token inspect` shows it; `undefined` for what is none, or was not signed by its key. */
export async function viewDserverToken(
  { config, dserver, accounts }: Container,
  token: string,
): Promise<TokenView | undefined> {
  const { issuer, audience } = config.dserver;
  try {
    const [header, claims] = [decodeProtectedHeader(token), decodeJwt(token)];
    // As of when it was made: that it has ended since is what is to be told.
    const { iat = 0, exp, jti } = claims;
    await dserver.key.verify(token, { issuer, audience, now: iat * 1000, tolerance: EXACT });
    const minted = jti === undefined ? undefined : await dserver.ledger.find(jti);
    if (minted !== undefined && minted.kind !== DSERVER_KIND) return undefined;
    const { accountId, revokedAt } = minted?.family ?? {};
    const account = accountId === undefined ? undefined : await accounts.findById(accountId);
    const live = (await dserver.verify(token)) !== undefined;
    return {
      kind: 'dserver token',
      ...verdict(live, { revokedAt, exp, recorded: minted !== undefined }),
      ...(account === undefined ? {} : { accountId: account.id, username: account.username }),
      audience: String(claims.aud),
      issuedAt: iat * 1000,
      ...(exp === undefined ? {} : { expiresAt: exp * 1000 }),
      header,
      claims,
    };
  } catch {
    return undefined;
  }
}

function verdict(
  live: boolean,
  { revokedAt, exp, recorded }: { revokedAt: number | undefined; exp: number | undefined; recorded: boolean },
): Pick<TokenView, 'status' | 'reason'> {
  if (live) return { status: 'live' };
  if (exp !== undefined && exp * 1000 <= Date.now()) return { status: 'expired' };
  const still = 'dserver itself, which asks nobody, takes it until it expires';
  if (revokedAt !== undefined) return { status: 'revoked', reason: `it was revoked here; ${still}` };
  if (!recorded) return { status: 'revoked', reason: `it is not in the ledger here; ${still}` };
  return { status: 'revoked', reason: `its account is disabled or gone; ${still}` };
}
