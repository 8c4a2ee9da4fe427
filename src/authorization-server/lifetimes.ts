import type { Client, Configuration } from 'oidc-provider';
import type { ClientRecord } from '../clients/client.js';
import type { Config } from '../platform/config/config.js';
import { DEVICE_CODE_TTL, INTERACTION_TTL } from './configuration.js';

/** Of a session in which nobody has signed in: as long as the request that it was begun for. */
export const anonymousSession = ({ ttl }: Config): number => Math.min(ttl.session, INTERACTION_TTL);

/**
 * Lifetimes in seconds: the client's own where an administrator set one, the resource's for its access
 * tokens, else the setting's.
 */
export function lifetimes(config: Config, recordOf: (client: Client) => ClientRecord) {
  const { ttl } = config;
  const own = (client: Client) => recordOf(client).ttl;
  const idle = (client: Client) => own(client).refreshTokenIdle ?? ttl.refreshTokenIdle;
  const absolute = (client: Client) => own(client).refreshTokenMax ?? ttl.refreshTokenMax;

  return {
    AccessToken: (_ctx, token, client) =>
      token.resourceServer?.accessTokenTTL ?? own(client).accessToken ?? ttl.accessToken,
    ClientCredentials: (_ctx, token, client) =>
      token.resourceServer?.accessTokenTTL ?? own(client).accessToken ?? ttl.accessToken,
    AuthorizationCode: (_ctx, _code, client) => own(client).code ?? ttl.code,
    IdToken: (_ctx, _token, client) => own(client).idToken ?? ttl.idToken,
    // Each rotation starts the idle time anew, but never reaches past the absolute end.
    RefreshToken: (_ctx, token, client) =>
      Math.max(1, Math.min(idle(client), absolute(client) - token.totalLifetime())),
    DeviceCode: DEVICE_CODE_TTL,
    Interaction: INTERACTION_TTL,
    Session: (_ctx, session) => (session.accountId ? ttl.session : anonymousSession(config)),
    // Prolonged when a client's own tokens live longer (`load-grant.ts`).
    Grant: Math.max(ttl.refreshTokenMax, ttl.accessToken) + ttl.session,
  } satisfies Configuration['ttl'];
}
