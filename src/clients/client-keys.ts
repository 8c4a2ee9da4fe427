import type { FieldFault } from '../platform/errors/errors.js';
import type { ClientMetadata } from './client.js';
import { isLoopbackHttp, webAddressFault } from './redirect-uris.js';

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const ASYMMETRIC = /^(RS|PS|ES)(256|384|512)$|^Ed(DSA|25519)$/;
const HMAC = /^HS(256|384|512)$/;

const fault = (field: string, message: string): FieldFault => ({ field, message });

/** Faults of a client's own keys and of what they are used for. */
export function keyFaults(metadata: ClientMetadata, loopbackIssuer: boolean): FieldFault[] {
  const { jwks, jwks_uri: uri, token_endpoint_auth_method: method } = metadata;
  const faults = (jwks?.keys ?? []).flatMap(keyFault);
  if (jwks !== undefined && jwks.keys.length === 0) faults.push(fault('jwks', 'The key set is empty.'));
  if (jwks !== undefined && uri !== undefined)
    faults.push(fault('jwks_uri', 'Give jwks or jwks_uri, not both.'));
  if (uri !== undefined) faults.push(...addressFaults(uri, loopbackIssuer));
  if (method === 'private_key_jwt' && jwks === undefined && uri === undefined) {
    faults.push(fault('jwks', 'private_key_jwt needs the public key of the client: give jwks or jwks_uri.'));
  }
  return [...faults, ...algorithmFaults(metadata)];
}

function addressFaults(uri: string, loopbackIssuer: boolean): FieldFault[] {
  const wrong = webAddressFault(uri);
  if (wrong !== undefined) return [fault('jwks_uri', wrong)];
  const secure = uri.toLowerCase().startsWith('https:') || (loopbackIssuer && isLoopbackHttp(uri));
  return secure ? [] : [fault('jwks_uri', 'The address of the key set must use https.')];
}

function keyFault(key: Readonly<Record<string, unknown>>, index: number): FieldFault[] {
  const where = `Key ${index + 1}`;
  if (key.kty === 'oct' || PRIVATE_MEMBERS.some((member) => member in key)) {
    return [
      fault(
        'jwks',
        `${where} holds private or symmetric key material. Send public keys only, and replace it.`,
      ),
    ];
  }
  if (typeof key.kty !== 'string' || key.kty === '') return [fault('jwks', `${where} has no kty.`)];
  // 2048 bits are 342 or 343 base64url characters.
  if (key.kty === 'RSA' && !(typeof key.n === 'string' && Buffer.from(key.n, 'base64url').length >= 256)) {
    return [fault('jwks', `${where} is an RSA key of less than 2048 bits.`)];
  }
  return [];
}

function algorithmFaults(metadata: ClientMetadata): FieldFault[] {
  const { token_endpoint_auth_method: method, token_endpoint_auth_signing_alg: alg } = metadata;
  if (alg === undefined) return [];
  if (method === 'private_key_jwt' && ASYMMETRIC.test(alg)) return [];
  if (method === 'client_secret_jwt' && HMAC.test(alg)) return [];
  return [fault('token_endpoint_auth_signing_alg', `${alg} does not go with ${method}.`)];
}
