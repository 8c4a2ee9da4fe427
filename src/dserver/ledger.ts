import type { Audit } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { MintedTokenStore } from '../stores/minted-token-store.js';

/** Why a token was minted, in the ledger and in the audit trail. */
export type MintReason =
  | 'login'
  | 'session'
  | 'password'
  | 'api_key'
  | 'server_key'
  | 'refresh'
  | 'cli'
  | 'sync'
  | 'test';

/** A token and whatever was refreshed from it. */
export interface TokenFamily {
  readonly id: string;
  /** Absent where the operator's key named somebody without an account. */
  readonly accountId?: string | undefined;
  /** The browser session it was given to. */
  readonly sessionUid?: string | undefined;
  readonly apiKeyId?: string | undefined;
  readonly beganAt: number;
  /** Milliseconds since the epoch; absent: never. */
  readonly endsAt?: number | undefined;
  readonly revokedAt?: number | undefined;
}

/** One token as it is remembered: never itself. */
export interface MintedToken {
  readonly jti: string;
  readonly family: TokenFamily;
  readonly subject: string;
  /** Whose token it is by its use: `dserver`, or what the permission service mints. */
  readonly kind: string;
  readonly reason: string;
  readonly audience: string;
  readonly clientIp?: string | undefined;
  /** Where the same token may be asked for again. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
  readonly createdAt: number;
  readonly expiresAt?: number | undefined;
}

/** Which families: all that have every member that is given. */
export type FamilyChoice = Partial<Pick<TokenFamily, 'id' | 'accountId' | 'sessionUid' | 'apiKeyId'>>;

export interface EndedSessions {
  readonly only?: string | undefined;
  readonly except?: string | undefined;
}

/** What was minted for whom. Revoking a token revokes its family: a refreshed copy must not live on. */
export interface Ledger {
  find(jti: string): Promise<MintedToken | undefined>;
  /** Newest first. */
  list(of: { accountId?: string; liveOnly?: boolean; limit: number }): Promise<MintedToken[]>;
  /** Resolves to how many families ended by it. `actorId`: who did it, for the audit trail. */
  revoke(which: FamilyChoice, actorId: string): Promise<number>;
  /** What was given to browser sessions of the account that have ended: the one, or all but the one. */
  endSessions(accountId: string, which: EndedSessions): Promise<void>;
}

export function createLedger(deps: {
  readonly store: MintedTokenStore;
  readonly audit: Audit;
  readonly clock: Clock;
}): Ledger {
  const { store, audit, clock } = deps;
  const ledger: Ledger = {
    find: (jti) => store.find(jti),
    list: ({ accountId, liveOnly, limit }) =>
      store.list({ accountId, liveAt: liveOnly ? clock.now() : undefined, limit }),
    async revoke(which, actorId) {
      const families = await store.listLiveFamilies(which, clock.now());
      if (families.length === 0) return 0;
      const steps = families.map(({ id, accountId }) =>
        audit.step({
          event: 'dserver.revoked',
          outcome: 'success',
          actorId,
          accountId,
          detail: { family: id },
        }),
      );
      const revoked = await store.revoke(which, clock.now(), steps);
      return revoked ? families.length : 0;
    },
    async endSessions(accountId, { only, except }) {
      const live = await store.listLiveFamilies({ accountId }, clock.now());
      const uids = new Set(live.flatMap(({ sessionUid }) => sessionUid ?? []));
      for (const sessionUid of uids) {
        const ended = only === undefined ? sessionUid !== except : sessionUid === only;
        if (ended) await ledger.revoke({ accountId, sessionUid }, accountId);
      }
    },
  };
  return ledger;
}
