import type { JWTPayload } from 'jose';
import type { DserverKey } from '../keys/dserver-key.js';
import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { newId } from '../platform/crypto/ids.js';
import { type Step, UniqueViolation } from '../platform/database/database.js';
import type { ApiKeyStore } from '../stores/api-key-store.js';
import type { DserverRightsStore } from '../stores/dserver-rights-store.js';
import type { MintedTokenStore } from '../stores/minted-token-store.js';
import { type Facts, tokenClaims } from './claims.js';
import type { MintedToken, MintReason, TokenFamily } from './ledger.js';
import { nameTaken } from './names.js';
import { MintRefused } from './refused.js';

export interface MintOrder {
  readonly subject: string;
  readonly facts: Facts;
  readonly reason: MintReason;
  readonly accountId?: string | undefined;
  /** `Account.accessEpoch` as of when a password was proven: access that was ended since ends this too. */
  readonly accessEpoch?: number | undefined;
  /** What must be written with the token: the name, where it is the first. */
  readonly steps?: readonly Step[] | undefined;
  /** The family it continues. */
  readonly family?: TokenFamily | undefined;
  readonly sessionUid?: string | undefined;
  readonly apiKeyId?: string | undefined;
  /** Seconds; otherwise what `JWT_TOKEN_EXPIRY_HOURS` says. */
  readonly lifetime?: number | 'forever' | undefined;
  readonly actorId?: string | undefined;
}

export interface Minted {
  readonly token: string;
  readonly claims: JWTPayload;
}

/**
 * Makes one dserver token and notes it, in one unit with whatever it rests on.
 * @throws {MintRefused} where the account was shut, the API key or the session ended, the family revoked or the
 * name taken meanwhile
 * @throws {KeyUnavailable}
 */
export type Mint = (order: MintOrder, info?: RequestInfo) => Promise<Minted>;

/** In the ledger, beside what the permission service mints. */
export const DSERVER_KIND = 'dserver';

export interface MintDeps {
  readonly key: DserverKey;
  readonly store: MintedTokenStore;
  readonly rights: Pick<DserverRightsStore, 'livingStep' | 'allowedStep'>;
  readonly apiKeys: Pick<ApiKeyStore, 'livingStep'>;
  readonly settings: { readonly issuer: string; readonly audience: string; readonly expiryHours: number };
  readonly audit: Audit;
  readonly clock: Clock;
}

const NAMES_TAKEN = /^dserver_names_/;

export function createMint(deps: MintDeps): Mint {
  const { key, store, rights, apiKeys, settings, audit, clock } = deps;
  const usual = settings.expiryHours * 3600;

  function familyOf(order: MintOrder, now: number, endsAt: number | undefined): TokenFamily {
    if (order.family) return { ...order.family, endsAt };
    const { accountId, sessionUid, apiKeyId } = order;
    return { id: newId(), accountId, sessionUid, apiKeyId, beganAt: now, endsAt };
  }

  async function note(
    order: MintOrder,
    minted: MintedToken,
    info: RequestInfo | undefined,
  ): Promise<boolean> {
    const { accountId, accessEpoch, subject, reason } = order;
    const { apiKeyId } = minted.family;
    const event = audit.step({
      event: 'dserver.minted',
      outcome: 'success',
      accountId,
      actorId: order.actorId ?? accountId,
      ...info,
      detail: { jti: minted.jti, name: subject, reason, audience: minted.audience },
    });
    return store.write([
      ...(accountId === undefined
        ? []
        : [rights.livingStep(accountId, accessEpoch), rights.allowedStep(accountId)]),
      ...(apiKeyId === undefined ? [] : [apiKeys.livingStep(apiKeyId, minted.createdAt)]),
      // What continues a family ends with that.
      ...(order.family || order.sessionUid === undefined ? [] : [store.livingSessionStep(order.sessionUid)]),
      ...guardsFirst([...(order.steps ?? []), ...store.insertSteps(minted, order.family ? 'there' : 'new')]),
      event,
    ]);
  }

  return async (order, info) => {
    const now = clock.now();
    const jti = newId();
    const lifetime = order.lifetime === 'forever' ? undefined : (order.lifetime ?? usual);
    const claims = tokenClaims(
      settings,
      { subject: order.subject, jti, facts: order.facts },
      { now: now / 1000, lifetime },
    );
    const expiresAt = claims.exp === undefined ? undefined : claims.exp * 1000;
    const token = await key.sign(claims);
    const minted: MintedToken = {
      jti,
      family: familyOf(order, now, expiresAt),
      subject: order.subject,
      kind: DSERVER_KIND,
      reason: order.reason,
      audience: settings.audience,
      clientIp: info?.ip,
      claims: order.sessionUid === undefined ? undefined : claims,
      createdAt: now,
      expiresAt,
    };
    try {
      if (await note(order, minted, info)) return { token, claims };
    } catch (error) {
      if (error instanceof UniqueViolation && NAMES_TAKEN.test(error.constraint)) throw nameTaken();
      throw error;
    }
    throw new MintRefused('not_allowed', 'This account can get no token any more.');
  };
}

const guardsFirst = (steps: readonly Step[]): Step[] => [
  ...steps.filter(({ guard }) => guard),
  ...steps.filter(({ guard }) => !guard),
];
