import { createQueue } from '../accounts/queue.js';
import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import { sameText } from '../platform/crypto/ids.js';
import { addressKey } from '../platform/throttle/address-key.js';
import type { Throttle, ThrottleRule } from '../platform/throttle/throttle.js';
import { type ApiKey, type ApiKeys, isAccountKey } from './api-keys.js';

/** 20 wrong keys of an address in 15 minutes, then nothing from there for as long. */
export const SERVER_KEY_BY_ADDRESS: ThrottleRule = {
  name: 'dserver-key-address',
  points: 20,
  windowSeconds: 900,
  blockSeconds: 900,
};

export type KeyProof =
  | { readonly outcome: 'operator' }
  | { readonly outcome: 'account'; readonly apiKey: ApiKey }
  | { readonly outcome: 'wrong' }
  | { readonly outcome: 'not_configured' }
  | { readonly outcome: 'throttled'; readonly retryAfterSeconds: number };

/** What a key sent to `POST /auth/token` proves: the operator's `OAUTH2_API_KEY`, or that of an account. */
export interface ServerKey {
  /** @throws {Unavailable} when too many attempts are waiting or under way */
  prove(secret: string, info: RequestInfo): Promise<KeyProof>;
}

export function createServerKey(deps: {
  readonly apiKey: string | undefined;
  readonly apiKeys: Pick<ApiKeys, 'findLive'>;
  readonly throttle: Throttle;
  readonly audit: Audit;
}): ServerKey {
  const { apiKey: operators, throttle, audit } = deps;
  // Fewer at once than the counter has points: of many right keys at the same moment most find one free.
  const attempts = createQueue({ running: 4, waiting: 1000 });

  async function judge(secret: string): Promise<KeyProof> {
    if (operators !== undefined && sameText(operators, secret)) return { outcome: 'operator' };
    if (isAccountKey(secret)) {
      const apiKey = await deps.apiKeys.findLive(secret);
      return apiKey ? { outcome: 'account', apiKey } : { outcome: 'wrong' };
    }
    return { outcome: operators === undefined ? 'not_configured' : 'wrong' };
  }

  /** A check that could not be made is nobody's failure. */
  async function judgeOrRelease(secret: string, address: string): Promise<KeyProof> {
    try {
      return await judge(secret);
    } catch (error) {
      await Promise.allSettled([throttle.release(address)]);
      throw error;
    }
  }

  async function attempt(secret: string, info: RequestInfo): Promise<KeyProof> {
    const address = addressKey(info.ip);
    const wait = await throttle.hold(address);
    if (wait > 0) return { outcome: 'throttled', retryAfterSeconds: wait };
    const proof = await judgeOrRelease(secret, address);
    if (proof.outcome !== 'wrong') {
      await throttle.release(address);
      return proof;
    }
    await throttle.confirm(address);
    await audit.record({ event: 'api_key.refused', outcome: 'failure', ...info });
    return proof;
  }

  return { prove: (secret, info) => attempts.run(() => attempt(secret, info)) };
}
