import type { JWTPayload } from 'jose';
import type { Account } from '../accounts/account.js';
import { type DserverKey, KeyUnavailable } from '../keys/dserver-key.js';
import { AMONG_NODES } from '../keys/verify-by.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { MintedToken } from './ledger.js';
import { DSERVER_KIND } from './mint.js';

/** A dserver token that is good now. */
export interface VerifiedToken {
  readonly claims: JWTPayload & { readonly sub: string; readonly jti: string };
  readonly minted: MintedToken;
  /** Absent where a name without an account was named. */
  readonly account?: Account | undefined;
}

/**
 * Whether a text is a dserver token of ours: signed by the dserver key, or a former one, with the configured
 * algorithm, for this audience, within its times, in the ledger, not revoked, and of an account that is there and enabled.
 * @throws {KeyUnavailable}
 */
export type Verify = (token: unknown) => Promise<VerifiedToken | undefined>;

const MAX_LENGTH = 16_384;

/** RFC 7515 §3.1, with one spelling for each part: decoders pass over blanks, padding and spare bits. */
const isCompact = (token: string): boolean =>
  token.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part);

export function createVerify(deps: {
  readonly key: DserverKey;
  readonly find: (jti: string) => Promise<MintedToken | undefined>;
  readonly findAccount: (id: string) => Promise<Account | undefined>;
  readonly settings: { readonly issuer: string; readonly audience: string };
  readonly clock: Clock;
}): Verify {
  const { key, clock } = deps;
  const { issuer, audience } = deps.settings;

  async function signedClaims(token: string): Promise<JWTPayload | undefined> {
    try {
      return await key.verify(token, { issuer, audience, now: clock.now(), tolerance: AMONG_NODES });
    } catch (error) {
      if (error instanceof KeyUnavailable) throw error;
      return undefined;
    }
  }

  return async (token) => {
    if (typeof token !== 'string' || token.length > MAX_LENGTH || !isCompact(token)) return undefined;
    const claims = await signedClaims(token);
    const { jti, sub, type, aud, exp } = claims ?? {};
    // The same key signs for the permission service: what tells the two apart is asked for, one by one.
    if (!claims || !jti || !sub || type !== 'access' || aud !== audience) return undefined;
    const minted = await deps.find(jti);
    if (minted?.kind !== DSERVER_KIND || minted.subject !== sub) return undefined;
    if (minted.family.revokedAt !== undefined) return undefined;
    if (exp === undefined && minted.expiresAt !== undefined) return undefined;
    const { accountId } = minted.family;
    const account = accountId === undefined ? undefined : await deps.findAccount(accountId);
    if (accountId !== undefined && (!account || account.disabled || account.deleteAt !== undefined)) {
      return undefined;
    }
    return { claims: { ...claims, jti, sub }, minted, account };
  };
}
