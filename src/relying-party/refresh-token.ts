import { setTimeout as delay } from 'node:timers/promises';
import type { Audit } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { newId } from '../platform/crypto/ids.js';
import { Unavailable, UpstreamError } from '../platform/errors/errors.js';
import type { StoredUpstreamToken, UpstreamTokenStore } from '../stores/upstream-token-store.js';
import type { Connector, UpstreamTokens } from './connector.js';
import type { TokenSeal } from './token-seal.js';
import type { Upstream } from './upstream.js';

/** Longer than a request to an upstream may take, discovery before it and keeping the answer after it included. */
export const LEASE_MS = 60_000;

/** Milliseconds between attempts to keep a new pair. */
const PATIENTLY_MS = [200, 1_000, 2_000];

/** The refresh token is good no more (RFC 6749 §5.2; the second is GitHub's). Other errors speak of us, or of now. */
const FINAL: ReadonlySet<string | undefined> = new Set(['invalid_grant', 'bad_refresh_token']);

interface Dependencies {
  readonly store: UpstreamTokenStore;
  readonly seal: TokenSeal;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: { warn(fields: object, message: string): void };
  /** Milliseconds; of this process unless a test says otherwise. */
  readonly wait?: (ms: number) => Promise<unknown>;
}

/**
 * `ours`: refreshed by this call. `theirs`: somebody else is at it, or was; the row tells. `refused`: the
 * upstream will not renew the pair, which is marked so.
 */
export type RefreshOutcome =
  | { readonly by: 'ours'; readonly tokens: UpstreamTokens }
  | { readonly by: 'theirs' }
  | { readonly by: 'refused' };

/**
 * One refresh of a pair among all processes. An upstream that rotates refresh tokens ends everything at the
 * second use of one, so whoever does not hold the lease does not ask (keycloak/keycloak#49341, #14644).
 * A holder that dies between the upstream's answer and the write takes the new pair with it: the next one is
 * refused, and the person signs in again.
 * @throws {UpstreamError} where the upstream could not be asked; the lease is given back
 */
export type RefreshToken = (
  row: StoredUpstreamToken,
  held: UpstreamTokens & { readonly refreshToken: string },
  at: {
    readonly upstream: Upstream;
    readonly refresh: NonNullable<Connector['refresh']>;
  },
) => Promise<RefreshOutcome>;

export function createRefreshToken(deps: Dependencies): RefreshToken {
  const { store, seal, audit, clock, log, wait = delay } = deps;
  async function keep(row: StoredUpstreamToken, tokens: UpstreamTokens): Promise<boolean> {
    const { accountId, upstreamId, revision } = row;
    const note = audit.step({
      event: 'upstream_token.refreshed',
      outcome: 'success',
      actorId: 'system',
      accountId,
      detail: { upstream: upstreamId },
    });
    const fresh = {
      accountId,
      upstreamId,
      sealed: seal.close(row, tokens),
      expiresAt: tokens.expiresAt,
      revision: newId(),
      at: clock.now(),
    };
    return store.replace(revision, fresh, [note]);
  }

  /** The upstream takes the former refresh token no more: a moment without the database must not cost the new one. */
  async function keepPatiently(row: StoredUpstreamToken, tokens: UpstreamTokens): Promise<boolean> {
    for (const waitMs of PATIENTLY_MS) {
      try {
        return await keep(row, tokens);
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        await wait(waitMs);
      }
    }
    return keep(row, tokens);
  }

  async function giveUp(row: StoredUpstreamToken, error: UpstreamError): Promise<RefreshOutcome> {
    const { accountId, upstreamId } = row;
    log.warn({ upstream: upstreamId, account_id: accountId, err: error }, 'an upstream refused to refresh');
    const note = audit.step({
      event: 'upstream_token.refused',
      outcome: 'failure',
      actorId: 'system',
      accountId,
      detail: { upstream: upstreamId },
    });
    // A newer pair came meanwhile, by a sign-in or from a holder that was taken for dead: that one counts.
    return (await store.bury(row, clock.now(), [note])) ? { by: 'refused' } : { by: 'theirs' };
  }

  return async (row, held, { upstream, refresh }) => {
    const holder = newId();
    const now = clock.now();
    if (!(await store.takeLease(row, { holder, until: now + LEASE_MS, now }))) return { by: 'theirs' };
    let answer: UpstreamTokens;
    try {
      answer = await refresh(upstream, held.refreshToken);
    } catch (error) {
      if (error instanceof UpstreamError && FINAL.has(error.answer)) return giveUp(row, error);
      await store.endLease(row, holder);
      throw error;
    }
    const tokens = united(held, answer);
    return (await keepPatiently(row, tokens)) ? { by: 'ours', tokens } : { by: 'theirs' };
  };
}

/** What the answer leaves out is as before (RFC 6749 §6), but not how long the access token is good for. */
function united(held: UpstreamTokens, answer: UpstreamTokens): UpstreamTokens {
  const said = Object.entries(answer).filter(([, value]) => value !== undefined);
  const { expiresAt: _past, ...rest } = held;
  return { ...rest, ...(Object.fromEntries(said) as unknown as UpstreamTokens) };
}
