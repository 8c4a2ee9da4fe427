import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';

/**
 * A public key as operators keep it: PEM, or the one line that `ssh-keygen` writes, which dserver takes as
 * well. Throws where it is neither.
 */
export function readPublicKey(text: string): KeyObject {
  const [, blob] = /^ssh-rsa\s+([A-Za-z0-9+/=]+)/.exec(text.trim()) ?? [];
  if (blob === undefined) return createPublicKey(text);
  // RFC 4253 §6.6: the name, the exponent and the modulus, each behind its length.
  const [, e, n] = fieldsOf(Buffer.from(blob, 'base64'));
  if (e === undefined || n === undefined) throw new TypeError('not an ssh-rsa key');
  const jwk: JsonWebKey = { kty: 'RSA', e: number(e), n: number(n) };
  return createPublicKey({ key: jwk, format: 'jwk' });
}

function fieldsOf(bytes: Buffer): Buffer[] {
  const fields: Buffer[] = [];
  let at = 0;
  while (at + 4 <= bytes.length) {
    const length = bytes.readUInt32BE(at);
    if (at + 4 + length > bytes.length) throw new TypeError('not an ssh-rsa key');
    fields.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return fields;
}

/** A leading zero byte only says that the number is positive. */
const number = (bytes: Buffer): string => (bytes[0] === 0 ? bytes.subarray(1) : bytes).toString('base64url');
