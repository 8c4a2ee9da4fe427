/** What clients sign: DPoP proofs (RFC 9449) and assertions (RFC 7523), with every member open to change. */
import { createHash, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, type JWK, SignJWT } from 'jose';

export interface ProofKey {
  readonly privateKey: KeyObject;
  readonly publicJwk: JWK;
  readonly thumbprint: string;
}

export async function newProofKey(): Promise<ProofKey> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicJwk = await exportJWK(publicKey);
  return { privateKey, publicJwk, thumbprint: await calculateJwkThumbprint(publicJwk) };
}

interface ProofOptions {
  readonly accessToken?: string;
  readonly claims?: object;
  readonly header?: object;
}

const now = () => Math.floor(Date.now() / 1000);

export function dpopProof(
  key: ProofKey,
  htm: string,
  htu: string,
  { accessToken, claims = {}, header = {} }: ProofOptions = {},
): Promise<string> {
  const ath = accessToken && createHash('sha256').update(accessToken).digest('base64url');
  return new SignJWT({ jti: randomUUID(), htm, htu, iat: now(), ...(ath ? { ath } : {}), ...claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: key.publicJwk, ...header })
    .sign(key.privateKey);
}

/** A client assertion; members of `claims` that are undefined are left out. */
export function clientAssertion(
  clientId: string,
  aud: string,
  key: KeyObject | Uint8Array,
  { alg = 'ES256', claims = {} }: { alg?: string; claims?: Record<string, unknown> } = {},
): Promise<string> {
  const all = {
    iss: clientId,
    sub: clientId,
    aud,
    jti: randomUUID(),
    iat: now(),
    exp: now() + 60,
    ...claims,
  };
  return new SignJWT(JSON.parse(JSON.stringify(all))).setProtectedHeader({ alg }).sign(key);
}

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
