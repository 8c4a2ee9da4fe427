import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';

/** A key of a text, or what is wrong with it, as a sentence about it goes on. */
export type FoundKey = { readonly key: KeyObject } | { readonly fault: string };

export const unreadable = (kind: 'public' | 'private'): string =>
  `cannot be read as a ${kind} key in PEM form; correct it or unset it`;

/** What may stand before a key is nobody's business; what begins like one and is none is told. */
const BEGINS = /^(?=[ \t]*(?:-----BEGIN [^\n]*(?:KEY|CERTIFICATE)|ssh-|ecdsa-))/m;

/**
 * The public keys of a text, one after the other as operators keep them: PEM, or the one line that
 * `ssh-keygen` writes, which dserver takes as well. At least one, or one fault.
 */
export function readPublicKeys(text: string): FoundKey[] {
  const parts = text.split(BEGINS).filter((part) => BEGINS.test(part));
  // Of a chain of certificates the first is a key of ours, and the others are those of who vouched for it.
  const own = parts.filter(
    (part, index) => index === 0 || !part.trimStart().startsWith('-----BEGIN CERTIFICATE'),
  );
  return (own.length === 0 ? [text] : own).map(readOne);
}

function readOne(text: string): FoundKey {
  // It would be taken: a public key can be made of it.
  if (/-----BEGIN [A-Z ]*PRIVATE KEY/.test(text)) {
    return { fault: 'is a private key; put its public half there' };
  }
  try {
    return { key: publicKeyOf(text) };
  } catch {
    return { fault: unreadable('public') };
  }
}

function publicKeyOf(text: string): KeyObject {
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
