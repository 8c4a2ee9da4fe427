/** Signatures of what an upstream signs: ID Tokens and logout tokens (OIDC Core §3.1.3.7). */
import { createHash } from 'node:crypto';
import {
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  type JWTVerifyResult,
  jwtVerify,
} from 'jose';
import type { Clock } from '../../platform/crypto/clock.js';

/** Asymmetric ones alone: with HS256 whoever knows our secret, or a public key, could sign. */
export const ALGORITHMS: string[] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
/** Seconds that clocks may differ. */
export const CLOCK_TOLERANCE = 30;

export interface SignedToken {
  readonly alg: string;
  readonly claims: JWTPayload;
}

export interface Expected {
  readonly issuer: string;
  readonly audience: string;
  /** `typ` of the header, where one is asked for. */
  readonly typ?: string;
}

/** A key set may hold several keys that fit a token without `kid`: each is tried. */
async function verifyWithAny(
  jwt: string,
  key: JWTVerifyGetKey,
  options: JWTVerifyOptions,
): Promise<JWTVerifyResult> {
  try {
    return await jwtVerify(jwt, key, options);
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const candidate of error) {
      try {
        return await jwtVerify(jwt, candidate, options);
      } catch (failure) {
        if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

/** @throws a `JOSEError`, or what looking for the key threw */
export async function verifySigned(
  jwt: string,
  key: JWTVerifyGetKey,
  { issuer, audience, typ }: Expected,
  clock: Clock,
): Promise<SignedToken> {
  const { payload, protectedHeader } = await verifyWithAny(jwt, key, {
    algorithms: ALGORITHMS,
    issuer,
    audience,
    ...(typ === undefined ? {} : { typ }),
    clockTolerance: CLOCK_TOLERANCE,
    currentDate: new Date(clock.now()),
    requiredClaims: ['iat'],
  });
  return { alg: protectedHeader.alg, claims: payload };
}

/** OIDC Core §3.1.3.6: the left half of the hash that goes with the token's algorithm. */
export function bindsAccessToken(atHash: unknown, accessToken: string, alg: string): boolean {
  const size = /\d{3}$/.exec(alg)?.[0] ?? '512';
  const hash = createHash(`sha${/^Ed/.test(alg) ? '512' : size}`)
    .update(accessToken)
    .digest();
  return atHash === hash.subarray(0, hash.length / 2).toString('base64url');
}
