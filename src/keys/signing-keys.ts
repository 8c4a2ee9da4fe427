/**
 * The port of the folder `keys`: the private keys this server signs with, wherever they are kept. Only this
 * folder reads them; everybody else asks for the list and hands it to what signs.
 */
import type { JWK } from 'jose';

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
  readonly createdAt: number;
}

/** What everybody may know of a key. */
export type SigningKeyFacts = Omit<PrivateSigningKey, 'jwk'>;

export interface SigningKeys {
  /** By algorithm, oldest first: the first of an algorithm signs, later ones are announced. */
  list(): Promise<readonly PrivateSigningKey[]>;
  /** Makes one more key. */
  generate(alg: SigningAlg): Promise<PrivateSigningKey>;
  /** Makes a key of each algorithm that has none, and answers the ones it made. */
  ensure(): Promise<readonly PrivateSigningKey[]>;
}
