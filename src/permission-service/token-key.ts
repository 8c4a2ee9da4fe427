import type { KeyObject } from 'node:crypto';
import type { JWTPayload } from 'jose';

/** The dserver key as this room needs it: `keys/` holds its private half and does the signing. */
export interface TokenKey {
  readonly alg: string;
  /** A JWT with exactly these claims, the key's own algorithm and id, and this `typ`. @throws when the key is gone */
  sign(claims: JWTPayload, typ: string): Promise<string>;
  /** The public keys that may have signed what names this `kid`, former ones too. @throws when the key is gone */
  verifiers(kid: string | undefined): Promise<readonly KeyObject[]>;
}
