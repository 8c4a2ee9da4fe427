import type { JWK, JWTPayload } from 'jose';

/** The dserver key as this room needs it: `keys/` holds its private half and does the signing. */
export interface TokenKey {
  /** A JWT with exactly these claims, the key's own algorithm and id, and this `typ`. @throws when the key is gone */
  sign(claims: JWTPayload, typ: string): Promise<string>;
  /** With `kid` and `alg`. @throws when the key is gone */
  publicJwk(): Promise<JWK>;
}
