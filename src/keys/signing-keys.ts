/**
 * What a signing key is. Only this folder opens private keys (`stored-keys.ts`); the list of those in use is
 * handed to what signs (`keyring.ts`).
 */
import type { JWK } from 'jose';
import type { KeyUse } from './key-uses.js';

/** In the order they are made and listed. */
export const SIGNING_ALGS = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const;

export type SigningAlg = (typeof SIGNING_ALGS)[number];

export interface PrivateSigningKey {
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  readonly alg: SigningAlg;
  readonly use: 'sig';
  /** With the private members, and `kid`, `alg` and `use`. */
  readonly jwk: JWK;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** What everybody may know of a key. */
export interface SigningKeyFacts extends Omit<PrivateSigningKey, 'jwk'> {
  /** Milliseconds since the epoch. */
  readonly signsAt: number;
  readonly state: KeyUse;
}
