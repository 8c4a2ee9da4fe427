import type { JWTPayload } from 'jose';
import { USER_AUDIENCE } from './service.js';
import { SERVICE_TOKEN_TYP } from './service-tokens.js';
import { USER_TOKEN_TYP } from './user-tokens.js';
import { readToken, type VerifyToken } from './verify-token.js';

/** A token of the permission service, as a consumer judges it: by the public key alone. */
export interface JudgedToken {
  readonly valid: boolean;
  readonly kind: 'user token' | 'service token' | 'unknown';
  readonly reason?: string | undefined;
  /** Unproven where the token is not valid. */
  readonly claims?: JWTPayload | undefined;
}

/** @param service the service that a service token must be for; without it any will do */
export async function judgeToken(verify: VerifyToken, token: string, service?: string): Promise<JudgedToken> {
  const read = readToken(token);
  if (read === undefined) return { valid: false, kind: 'unknown', reason: 'is not a JWT' };
  const { typ, claims } = read;
  if (typ !== USER_TOKEN_TYP && typ !== SERVICE_TOKEN_TYP) {
    return { valid: false, kind: 'unknown', reason: `is of the type ${typ ?? 'JWT'}`, claims };
  }
  const kind = typ === USER_TOKEN_TYP ? 'user token' : 'service token';
  if (service !== undefined && kind === 'user token') {
    return { valid: false, kind, reason: 'says who somebody is, not what they may do in a service', claims };
  }
  const audience = kind === 'user token' ? USER_AUDIENCE : 'aud' in claims ? service : undefined;
  const verified = await verify(token, { typ, audience });
  if (!verified.valid) return { valid: false, kind, reason: verified.reason, claims };
  if (service !== undefined && claims.service !== service) {
    return { valid: false, kind, reason: 'is for another service', claims };
  }
  return { valid: true, kind, claims };
}
