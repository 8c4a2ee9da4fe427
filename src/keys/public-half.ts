import type { KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, type JWK } from 'jose';

/** A public key as it is published: with `kid`, its thumbprint (RFC 7638), `alg` and `use`. */
export interface PublicHalf {
  readonly key: KeyObject;
  readonly jwk: JWK & { readonly kid: string };
}

export async function publicHalf(key: KeyObject, alg: string): Promise<PublicHalf> {
  const bare = await exportJWK(key);
  const kid = await calculateJwkThumbprint(bare);
  return { key, jwk: { ...bare, kid, alg, use: 'sig' } };
}
