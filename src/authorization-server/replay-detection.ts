import type { Provider } from 'oidc-provider';
import { sha256 } from '../platform/crypto/ids.js';
import type { PayloadStore } from '../stores/payload-store.js';

/**
 * DPoP proofs and client assertions are used once: insert or fail, at once and outside any unit, since the
 * `jti` is spent even if the request fails later. The library reads first and writes then.
 */
export function installReplayDetection(provider: Provider, store: PayloadStore): void {
  /** @param exp seconds since the epoch until which the value could be accepted */
  async function unique(iss: string, jti: string, exp: number): Promise<boolean> {
    return store.once({
      key: sha256(JSON.stringify([iss, jti])),
      kind: 'ReplayDetection',
      // RFC 7519 §2 allows fractions of a second, and no largest number.
      expiresAt: Math.min(Math.ceil(exp * 1000), Number.MAX_SAFE_INTEGER),
    });
  }
  Object.assign(provider.ReplayDetection, { unique });
}
