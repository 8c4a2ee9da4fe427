import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload } from 'jose';
import { AMONG_NODES, type Verifiers, verifyBy } from '../keys/verify-by.js';
import type { Clock } from '../platform/crypto/clock.js';

/** What a token must be to be believed; anything else about it is not looked at before. */
export interface Expected {
  readonly typ: string;
  readonly audience?: string | undefined;
}

export type Verified =
  | { readonly valid: true; readonly claims: JWTPayload }
  | { readonly valid: false; readonly reason: string };

export type VerifyToken = (token: string, expected: Expected) => Promise<Verified>;

/** Signature, type, issuer, audience and times of a token that this service signed (RFC 8725 §3). */
export function createVerifyToken({
  key,
  issuer,
  clock,
}: {
  readonly key: Verifiers;
  readonly issuer: string;
  readonly clock: Clock;
}): VerifyToken {
  return async (token, { typ, audience }) => {
    try {
      const claims = await verifyBy(key, token, {
        typ,
        issuer,
        ...(audience === undefined ? {} : { audience }),
        requiredClaims: ['userid', 'jti', 'iat', 'exp'],
        now: clock.now(),
        tolerance: AMONG_NODES,
      });
      return { valid: true, claims };
    } catch (error) {
      if (error instanceof errors.JOSEError) return { valid: false, reason: error.message };
      throw error;
    }
  };
}

/** What an unproven token says it is, for people who look at one. */
export function readToken(
  token: string,
): { typ?: string | undefined; alg?: string | undefined; claims: JWTPayload } | undefined {
  try {
    const { typ, alg } = decodeProtectedHeader(token);
    return { typ, alg, claims: decodeJwt(token) };
  } catch {
    return undefined;
  }
}
