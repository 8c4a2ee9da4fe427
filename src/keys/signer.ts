import {
  constants,
  createPrivateKey,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  type SignKeyObjectInput,
  sign,
} from 'node:crypto';
import { promisify } from 'node:util';
import { atEndOfTurn } from './at-end-of-turn.js';
import type { PrivateSigningKey, SigningAlg } from './signing-keys.js';

/** RFC 7518 §3.3–3.5, RFC 8037 §3.1. */
const WAYS: Record<SigningAlg, { digest: 'sha256' | null; options: Omit<SignKeyObjectInput, 'key'> }> = {
  RS256: { digest: 'sha256', options: {} },
  PS256: {
    digest: 'sha256',
    options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
  },
  ES256: { digest: 'sha256', options: { dsaEncoding: 'ieee-p1363' } },
  EdDSA: { digest: null, options: {} },
};

/** What signs with a key and does not give it away. */
export interface Signer {
  readonly kid: string;
  readonly alg: SigningAlg;
  readonly publicKey: KeyObject;
  /** The signature of a JWS (RFC 7515 §5.1) over these bytes. */
  sign(data: Uint8Array): Promise<Buffer>;
}

/** Bits. Twice as many take six times as long. */
const LARGE = 2048;

/**
 * It signs here, at the end of the turn. Handing a signature to a thread and fetching it back costs more than an ES256
 * signature itself, and a fifth of an RS256 one. The price is that nothing else goes on meanwhile, for up to a millisecond
 * a signature with RSA of 2048 bits; with larger keys, as `KEYS_DIR` may hold, a thread signs.
 */
export function createSigner({ kid, alg, jwk }: PrivateSigningKey): Signer {
  const key = createPrivateKey({ key: jwk as JsonWebKey, format: 'jwk' });
  const { digest, options } = WAYS[alg];
  const input = { key, ...options };
  const large = (key.asymmetricKeyDetails?.modulusLength ?? 0) > LARGE;
  return {
    kid,
    alg,
    publicKey: createPublicKey(key),
    sign: large ? (data) => inThread(digest, data, input) : atEndOfTurn((data) => sign(digest, data, input)),
  };
}

const inThread = promisify(sign);
