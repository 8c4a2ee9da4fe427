import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK } from 'jose';
import { z } from 'zod';
import { type PrivateSigningKey, SIGNING_ALGS, type SigningAlg } from './signing-keys.js';

const RSA_BITS = 2048;

const WAY_OUT = 'Restore it from a backup, or remove it to have a new one made.';

/** A key that is kept but cannot be used; the message names where it is and what to do. */
export class UnusableKey extends Error {
  constructor(where: string, reason: string, cause?: unknown, wayOut = WAY_OUT) {
    super(`The signing key ${where} ${reason}. ${wayOut}`, { cause });
    this.name = 'UnusableKey';
  }
}

/** A new key, named by its thumbprint (RFC 7638). */
export async function makeKey(alg: SigningAlg, createdAt: number): Promise<PrivateSigningKey> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: RSA_BITS });
  const bare = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(bare);
  return { kid, alg, use: 'sig', jwk: { ...bare, kid, alg, use: 'sig' }, createdAt };
}

const kept = z.object({
  created_at: z.int(),
  jwk: z.looseObject({
    kty: z.enum(['RSA', 'EC', 'OKP']),
    d: z.string().min(1),
    n: z.string().optional(),
    kid: z.string().min(1),
    alg: z.enum(SIGNING_ALGS),
    use: z.literal('sig'),
  }),
});

export const writeKey = ({ createdAt, jwk }: PrivateSigningKey): string =>
  `${JSON.stringify({ created_at: createdAt, jwk }, null, 2)}\n`;

/** @throws {UnusableKey} naming `where` */
export async function readKey(text: string, where: string): Promise<PrivateSigningKey> {
  const parsed = kept.safeParse(jsonOf(text));
  if (!parsed.success) throw new UnusableKey(where, 'is damaged: it does not hold a private key (JWK)');
  const { created_at: createdAt, jwk } = parsed.data;
  if (jwk.kty === 'RSA' && Buffer.from(jwk.n ?? '', 'base64url').length < RSA_BITS / 8) {
    throw new UnusableKey(where, `is shorter than ${RSA_BITS} bits`);
  }
  const thumbprint = await importJWK(jwk, jwk.alg)
    .then(() => calculateJwkThumbprint(jwk))
    .catch((cause: unknown) => {
      throw new UnusableKey(where, 'is damaged: its numbers do not make a key', cause);
    });
  if (thumbprint !== jwk.kid) throw new UnusableKey(where, 'is damaged: its kid is not its thumbprint');
  return { kid: jwk.kid, alg: jwk.alg, use: 'sig', jwk, createdAt };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
