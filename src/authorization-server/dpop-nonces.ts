import type { Provider } from 'oidc-provider';
import ServerChallenge from 'oidc-provider/lib/helpers/challenge.js';
import internalsOf from 'oidc-provider/lib/helpers/weak_cache.js';

/**
 * Nonces of DPoP (RFC 9449 §8) are derived from one secret; while `SECRET_KEY` is exchanged the first one of a
 * node is not that of another. They are issued under the first, as the library does, and taken under any.
 * @param secrets 32 bytes each
 */
export function takeNoncesOfAll(provider: Provider, secrets: readonly Buffer[]): void {
  const { DPoPNonces: own } = internalsOf(provider);
  if (!own) throw new Error('oidc-provider keeps its DPoP nonces elsewhere: see dpop-nonces.ts');
  const all = secrets.map((secret) => new ServerChallenge(secret, 'DPoP'));
  Object.assign(own, { checkChallenge: (nonce: string) => all.some((one) => one.checkChallenge(nonce)) });
}
