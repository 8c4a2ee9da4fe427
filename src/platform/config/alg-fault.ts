import type { KeyObject } from 'node:crypto';

const CURVES: Readonly<Record<string, string>> = {
  ES256: 'prime256v1',
  ES384: 'secp384r1',
  ES512: 'secp521r1',
};
const RSA_BITS = 2048;

/** What is wrong with signing by this algorithm with this key, or `undefined`. */
export function algFault(alg: string, key: KeyObject): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (/^[RP]S/.test(alg)) {
    if (type !== 'rsa') return `is no RSA key, which JWT_ALGORITHM=${alg} needs`;
    const bits = details?.modulusLength ?? 0;
    return bits < RSA_BITS ? `has ${bits} bits; make one of ${RSA_BITS} or more` : undefined;
  }
  const fits = alg === 'EdDSA' ? type === 'ed25519' : type === 'ec' && details?.namedCurve === CURVES[alg];
  return fits ? undefined : `is not of the kind that JWT_ALGORITHM=${alg} needs`;
}
