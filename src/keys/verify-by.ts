import type { KeyObject } from 'node:crypto';
import { type CryptoKey, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';

export interface Verifiers {
  /** The only algorithm a token may name (RFC 8725 §3.1). */
  readonly alg: string;
  /** The public keys that may have signed what names this `kid`; without one, all of them. */
  verifiers(kid: string | undefined): Promise<readonly (KeyObject | CryptoKey)[]>;
}

/** Seconds by which a token may be too early, and too late. */
export interface Tolerance {
  readonly early: number;
  readonly late: number;
}

export const EXACT: Tolerance = { early: 0, late: 0 };

/**
 * Clocks of our own nodes may differ by a minute: what one that is ahead has just signed is dated back ten seconds
 * already. An end is dated back too, so it gets ten seconds and no more.
 */
export const AMONG_NODES: Tolerance = { early: 50, late: 10 };

export interface Expected extends Pick<JWTVerifyOptions, 'typ' | 'issuer' | 'audience' | 'requiredClaims'> {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly tolerance: Tolerance;
}

/** The claims of a JWT that one of the keys has signed. Throws where it is no such JWT, or not as expected. */
export async function verifyBy(
  { alg, verifiers }: Verifiers,
  token: string,
  { now, tolerance, ...expected }: Expected,
): Promise<JWTPayload> {
  const rules = {
    ...expected,
    algorithms: [alg],
    currentDate: new Date(now),
    clockTolerance: tolerance.early,
  };
  const payload = await payloadByAny(verifiers, token, rules);
  if (payload.exp !== undefined && payload.exp <= Math.floor(now / 1000) - tolerance.late) {
    throw new errors.JWTExpired('"exp" claim timestamp check failed', payload, 'exp', 'check_failed');
  }
  return payload;
}

async function payloadByAny(
  verifiers: Verifiers['verifiers'],
  token: string,
  rules: JWTVerifyOptions,
): Promise<JWTPayload> {
  let others: readonly (KeyObject | CryptoKey)[] = [];
  try {
    const { payload } = await jwtVerify(
      token,
      async ({ kid }) => {
        const [first, ...rest] = await verifiers(kid);
        if (first === undefined) throw new errors.JWKSNoMatchingKey();
        others = rest;
        return first;
      },
      rules,
    );
    return payload;
  } catch (error) {
    // Another key can help against nothing else.
    if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
    for (const key of others) {
      const payload = await payloadBy(key, token, rules);
      if (payload !== undefined) return payload;
    }
    throw error;
  }
}

/** `undefined`: another key has signed it. */
async function payloadBy(
  key: KeyObject | CryptoKey,
  token: string,
  rules: JWTVerifyOptions,
): Promise<JWTPayload | undefined> {
  try {
    return (await jwtVerify(token, key, rules)).payload;
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed) return undefined;
    throw error;
  }
}
