import { BACKDATED_SECONDS } from '../keys/dserver-key.js';
import type { Proven } from '../accounts/account.js';
import type { Audit, AuditDetail, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { newId } from '../platform/crypto/ids.js';
import type { PermissionTokenStore } from '../stores/permission-token-store.js';
import { USER_AUDIENCE } from './service.js';
import type { TokenKey } from './token-key.js';
import type { VerifyToken } from './verify-token.js';

/**
 * Says who somebody is, to this service alone. No `sub`: dserver looks at nothing but the signature and that
 * claim, and would take the token for one of its own.
 */
export const USER_TOKEN_TYP = 'postern-user+jwt';

const LIFETIME_SECONDS = 14 * 86_400;

/** Whom a live user token stands for. */
export interface Bearer {
  readonly accountId: string;
  readonly jti: string;
}

export interface UserTokens {
  /** `undefined`: the account has been shut meanwhile. @throws when the key is gone */
  mint(
    of: { readonly account: Proven; readonly userId: string },
    info: RequestInfo,
    detail: AuditDetail,
  ): Promise<string | undefined>;
  /** `undefined`: not one of ours, or ended. */
  findBearer(token: string): Promise<Bearer | undefined>;
  /** `false`: it had ended already. */
  revoke(bearer: Bearer, info: RequestInfo): Promise<boolean>;
  revokeAll(accountId: string): Promise<void>;
}

export function createUserTokens(deps: {
  readonly key: TokenKey;
  readonly verify: VerifyToken;
  readonly store: PermissionTokenStore;
  readonly issuer: string;
  readonly audit: Audit;
  readonly clock: Clock;
}): UserTokens {
  const { key, verify, store, issuer, audit, clock } = deps;
  return {
    async mint({ account, userId }, info, detail) {
      const accountId = account.id;
      const now = clock.now();
      const row = { jti: newId(), accountId, createdAt: now, expiresAt: now + LIFETIME_SECONDS * 1000 };
      const iat = Math.floor(now / 1000) - BACKDATED_SECONDS;
      const token = await key.sign(
        {
          iss: issuer,
          aud: USER_AUDIENCE,
          userid: userId,
          jti: row.jti,
          iat,
          nbf: iat,
          exp: iat + LIFETIME_SECONDS,
        },
        USER_TOKEN_TYP,
      );
      const noted = await store.insert(row, account.accessEpoch, [
        audit.step({
          event: 'permission.signed_in',
          accountId,
          ...info,
          detail: { ...detail, jti: row.jti },
        }),
      ]);
      return noted ? token : undefined;
    },
    async findBearer(token) {
      const verified = await verify(token, { typ: USER_TOKEN_TYP, audience: USER_AUDIENCE });
      if (!verified.valid) return undefined;
      const { jti = '' } = verified.claims;
      const accountId = await store.findOwner(jti, clock.now());
      return accountId === undefined ? undefined : { accountId, jti };
    },
    revoke({ accountId, jti }, info) {
      const step = audit.step({ event: 'permission.signed_out', accountId, ...info, detail: { jti } });
      return store.revoke(jti, clock.now(), [step]);
    },
    revokeAll: (accountId) => store.revokeAll(accountId, clock.now()),
  };
}
