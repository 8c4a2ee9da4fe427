import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import { createPooledBytes } from './pooled-bytes.js';

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const freshNonce = createPooledBytes(NONCE_BYTES);

/** A 32-byte key for one purpose, derived from `SECRET_KEY` by HKDF-SHA-256. */
export function purposeKey(secret: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, 'postern', purpose, 32));
}

/** HMAC-SHA-256 as base64url. */
export const hmac = (key: Buffer, value: string): string =>
  createHmac('sha256', key).update(value).digest('base64url');

/** AES-256-GCM under `key`; `context` is authenticated and must be given again to open. */
export function sealWith(key: Buffer, plain: string, context: string): string {
  const nonce = freshNonce();
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(context));
  const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
  return Buffer.concat([Buffer.of(VERSION), nonce, body, cipher.getAuthTag()]).toString('base64url');
}

/** What `sealWith` sealed, or `undefined` where key, context or text differ. */
export function openWith(key: Buffer, sealed: string, context: string): string | undefined {
  const bytes = Buffer.from(sealed, 'base64url');
  if (bytes.length < 1 + NONCE_BYTES + TAG_BYTES || bytes[0] !== VERSION) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(1, 1 + NONCE_BYTES));
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const body = bytes.subarray(1 + NONCE_BYTES, -TAG_BYTES);
    return decipher.update(body, undefined, 'utf8') + decipher.final('utf8');
  } catch {
    return undefined;
  }
}

/** Seals values for one purpose; opens what any of the configured secrets sealed. */
export interface SecretBox {
  seal(plain: string, context: string): string;
  /** `undefined` where no configured secret opens it. */
  open(sealed: string, context: string): string | undefined;
  /** The same sealed by the first secret: as it is where the first sealed it; `undefined` where none opens it. */
  renew(sealed: string, context: string): string | undefined;
  /** Keyed name of a value too short to be hashed plainly; by the first secret. */
  name(value: string): string;
  /** The names under every configured secret, for looking up rows written before a change. */
  names(value: string): string[];
}

/** @param secrets the `SECRET_KEY` list: the first one seals, all of them open. */
export function createSecretBox(secrets: readonly string[], purpose: string): SecretBox {
  const keys = secrets.map((secret) => purposeKey(secret, purpose));
  const first = keys[0];
  if (first === undefined) throw new TypeError('SECRET_KEY is empty');
  function open(sealed: string, context: string): string | undefined {
    for (const key of keys) {
      const plain = openWith(key, sealed, context);
      if (plain !== undefined) return plain;
    }
    return undefined;
  }
  return {
    seal: (plain, context) => sealWith(first, plain, context),
    open,
    renew(sealed, context) {
      if (openWith(first, sealed, context) !== undefined) return sealed;
      const plain = open(sealed, context);
      return plain === undefined ? undefined : sealWith(first, plain, context);
    },
    name: (value) => hmac(first, value),
    names: (value) => keys.map((key) => hmac(key, value)),
  };
}
