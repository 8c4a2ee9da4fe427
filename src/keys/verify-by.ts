import type { KeyObject } from 'node:crypto';
import { type CryptoKey, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';

export interface Verifiers {
  /** The only algorithm a token may name (RFC 8725 §3.1). */
  readonly alg: string;
  /** The public keys that may have signed what names this `kid`; without one, all of them. */
  verifiers(kid: string | undefined): Promise<readonly (KeyObject | CryptoKey)[]>;
}

/** The claims of a JWT that one of the keys has signed. Throws where it is no such JWT, or not as `options` say. */
export async function verifyBy(
  { alg, verifiers }: Verifiers,
  token: string,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  const rules = { ...options, algorithms: [alg] };
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
