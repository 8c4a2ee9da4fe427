import type { Clock } from '../platform/crypto/clock.js';
import type { SealedPlace, SealedRows } from '../platform/crypto/rekey.js';
import { createSecretBox, type SecretBox } from '../platform/crypto/secret-box.js';
import type { StoredUpstreamSession, UpstreamSessionStore } from '../stores/upstream-session-store.js';
import type { Arrival } from './relying-party.js';

/** That a browser session began at an upstream, and what was said there. */
export interface UpstreamSession {
  readonly sessionUid: string;
  readonly accountId: string;
  readonly identityId: string;
  readonly upstreamId: string;
  readonly issuer: string;
  readonly subject: string;
  readonly sid?: string | undefined;
  readonly idToken?: string | undefined;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Seconds since the epoch; `undefined`: nobody knows when they proved there who they are. */
  readonly provedAt?: number | undefined;
}

export interface UpstreamSessions {
  /** The arrival as it is handed to the session that it will begin; sealed, for it may wait in a table. */
  describe(arrival: Arrival): string;
  /** A session has signed in: as `described`, or in another way, and then nothing of a former one holds. */
  signedIn(
    session: { readonly uid: string; readonly accountId: string },
    described: string | undefined,
  ): Promise<void>;
  /** `undefined`: it was begun with a password, or by another account. */
  of(session: { readonly uid: string; readonly accountId: string }): Promise<UpstreamSession | undefined>;
}

type Described = Omit<UpstreamSession, 'sessionUid'>;

const CONTEXT = 'arrival';

export function createUpstreamSessions(deps: {
  readonly store: UpstreamSessionStore;
  /** Purpose `upstream-session`. */
  readonly box: SecretBox;
  /** Seconds that a session lives without being used. */
  readonly ttl: number;
  readonly clock: Clock;
}): UpstreamSessions {
  const { store, box, clock } = deps;

  const open = <T>(sealed: string, context: string): T | undefined => {
    const opened = box.open(sealed, context);
    return opened === undefined ? undefined : (JSON.parse(opened) as T);
  };

  return {
    describe({ account, identity, identityId, upstream, sid, idToken, provedAt }) {
      const { issuer, subject, claims } = identity;
      const described: Described = {
        accountId: account.id,
        identityId,
        upstreamId: upstream.id,
        issuer,
        subject,
        sid,
        idToken,
        claims,
        provedAt,
      };
      return box.seal(JSON.stringify(described), CONTEXT);
    },
    async signedIn({ uid, accountId }, sealed) {
      const described = sealed === undefined ? undefined : open<Described>(sealed, CONTEXT);
      if (described === undefined || described.accountId !== accountId) return store.remove(uid);
      const { idToken, claims, provedAt, ...rest } = described;
      const now = clock.now();
      await store.put({
        ...rest,
        sessionUid: uid,
        sealed: box.seal(JSON.stringify({ idToken, claims, provedAt }), uid),
        createdAt: now,
        expiresAt: now + deps.ttl * 1000,
      });
    },
    async of({ uid, accountId }) {
      const row = await store.find(uid);
      if (row === undefined || row.accountId !== accountId) return undefined;
      const opened = open<Pick<UpstreamSession, 'idToken' | 'claims' | 'provedAt'>>(row.sealed, uid);
      return { ...named(row), claims: {}, ...opened };
    },
  };
}

const named = ({
  sessionUid,
  accountId,
  identityId,
  upstreamId,
  issuer,
  subject,
  sid,
}: StoredUpstreamSession) => ({
  sessionUid,
  accountId,
  identityId,
  upstreamId,
  issuer,
  subject,
  sid,
});

/** For sealing them again. @param rows by `session_uid` */
export const sealedUpstreamSessions = (rows: SealedRows, secrets: readonly string[]): SealedPlace => ({
  name: 'upstream sessions',
  rows,
  box: createSecretBox(secrets, 'upstream-session'),
  contextOf: ({ session_uid = '' }) => session_uid,
});
