import type { JWK } from 'jose';
import type { PrivateSigningKey } from './signing-keys.js';

/** A list of what may leave, not of what may not. */
const PUBLIC_MEMBERS = new Set(['kty', 'n', 'e', 'crv', 'x', 'y']);

export function publicJwk({ jwk, kid, alg, use }: PrivateSigningKey): JWK {
  const members: JWK = Object.fromEntries(Object.entries(jwk).filter(([name]) => PUBLIC_MEMBERS.has(name)));
  return { ...members, kid, alg, use };
}

/** The key set as published (RFC 7517 §5). */
export const publicJwks = (keys: readonly PrivateSigningKey[]): { keys: JWK[] } => ({
  keys: keys.map(publicJwk),
});
