import { BACKDATED_SECONDS } from '../keys/dserver-key.js';
import type { Clock } from '../platform/crypto/clock.js';
import { newId } from '../platform/crypto/ids.js';
import type { Permissions } from './permission-providers.js';
import type { TokenKey } from './token-key.js';

/** Says what somebody may do in one service; for whoever holds our public key. No `sub`, as in user tokens. */
export const SERVICE_TOKEN_TYP = 'postern-service+jwt';

export interface ServiceTokenContent {
  readonly userid: string;
  readonly permissions: Permissions;
  readonly service: string;
}

export type MintServiceToken = (content: ServiceTokenContent) => Promise<string>;

export function createServiceTokens(deps: {
  readonly key: TokenKey;
  readonly issuer: string;
  /** Seconds. */
  readonly ttl: number;
  /** Whether the service stands in `aud`: the original's own helper refuses a token that has one. */
  readonly withAudience: boolean;
  readonly clock: Clock;
}): MintServiceToken {
  const { key, issuer, ttl, withAudience, clock } = deps;
  // A life that is no longer than that must not have ended when it begins.
  const datedBack = Math.min(BACKDATED_SECONDS, Math.floor(ttl / 2));
  return (content) => {
    const iat = Math.floor(clock.now() / 1000) - datedBack;
    return key.sign(
      {
        ...content,
        iss: issuer,
        ...(withAudience ? { aud: content.service } : {}),
        jti: newId(),
        iat,
        nbf: iat,
        exp: iat + ttl,
      },
      SERVICE_TOKEN_TYP,
    );
  };
}
