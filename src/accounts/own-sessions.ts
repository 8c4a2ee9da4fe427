import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { newId } from '../platform/crypto/ids.js';
import type { PayloadStore } from '../stores/payload-store.js';
import type { SessionFacts, SessionFactStore } from '../stores/session-fact-store.js';

/** A signed-in browser that was just seen. */
export interface Sighting {
  readonly sessionUid: string;
  readonly accountId: string;
  readonly ip: string;
  readonly userAgent: string;
}

/** The browsers an account is signed in with: what is known of them, and their end. */
export interface OwnSessions {
  /** Writes what is new; a browser that was seen a moment ago costs nothing. */
  saw(sighting: Sighting): Promise<void>;
  list(accountId: string): Promise<SessionFacts[]>;
  /** `false`: the account has no such session. Tokens bound to it end with it. */
  end(accountId: string, id: string, info: RequestInfo): Promise<boolean>;
  /** Ends all but the one; resolves to how many. Without `except`, all. */
  endOthers(accountId: string, except: string | undefined, info: RequestInfo): Promise<number>;
}

interface Dependencies {
  readonly facts: SessionFactStore;
  readonly payloads: Pick<PayloadStore, 'endSessions'>;
  /** Tokens of other parts that were given to the sessions. */
  readonly endTokens: (accountId: string, which: { only?: string; except?: string }) => Promise<void>;
  readonly audit: Audit;
  readonly clock: Clock;
  /** Seconds that a session lives from its last use. */
  readonly ttl: number;
}

/** "Last seen" is true to so much. */
const LAZY_MS = 5 * 60_000;
const REMEMBERED = 10_000;
const MAX_USER_AGENT = 300;

export function createOwnSessions({
  facts,
  payloads,
  endTokens,
  audit,
  clock,
  ttl,
}: Dependencies): OwnSessions {
  /** When each session was last written down by this process, the oldest first. */
  const written = new Map<string, number>();

  function isNews(key: string, now: number): boolean {
    if (now - (written.get(key) ?? Number.NEGATIVE_INFINITY) < LAZY_MS) return false;
    written.delete(key);
    written.set(key, now);
    const [oldest] = written.keys();
    if (written.size > REMEMBERED && oldest !== undefined) written.delete(oldest);
    return true;
  }

  const ended = (accountId: string, info: RequestInfo, count: number) =>
    audit.step({
      event: 'session.ended',
      outcome: 'success',
      accountId,
      actorId: accountId,
      ...info,
      detail: { count },
    });

  return {
    async saw({ sessionUid, accountId, ip, userAgent }) {
      const now = clock.now();
      const key = `${sessionUid} ${accountId} ${ip}`;
      if (!isNews(key, now)) return;
      const fact = {
        id: newId(),
        sessionUid,
        accountId,
        userAgent: userAgent.slice(0, MAX_USER_AGENT).replaceAll(/\p{Cc}/gu, ' '),
        ip,
        firstSeenAt: now,
        lastSeenAt: now,
        expiresAt: now + ttl * 1000,
      };
      await facts.see(fact).catch((error: unknown) => {
        // It is still to be written down.
        written.delete(key);
        throw error;
      });
    },
    list: (accountId) => facts.listLive(accountId, clock.now()),
    async end(accountId, id, info) {
      const found = await facts.find(accountId, id);
      if (found === undefined) return false;
      const which = { only: found.sessionUid };
      await payloads.endSessions(accountId, which);
      await endTokens(accountId, which);
      await facts.remove(accountId, which, [ended(accountId, info, 1)]);
      return true;
    },
    async endOthers(accountId, except, info) {
      const which = except === undefined ? {} : { except };
      const count = await payloads.endSessions(accountId, which);
      await endTokens(accountId, which);
      await facts.remove(accountId, which, count > 0 ? [ended(accountId, info, count)] : []);
      return count;
    },
  };
}
