import type { DoorName } from './upstream.js';

/**
 * The callbacks of the doors: from the settings, never from a request. What ends in our own session or in a
 * pending request stands under the issuer, where their cookies are; dserver's and the permission service's
 * callbacks stand where their settings say.
 */
export type RedirectUris = (door: DoorName, upstreamId: string) => string;

export function createRedirectUris(addresses: {
  readonly issuer: string;
  /** The whole address; `OAUTH2_REDIRECT_URI`, or made of `OAUTH2_BASE_URL`. */
  readonly dserver: string;
  /** `EXTERNAL_ADDRESS`. */
  readonly permission: string;
}): RedirectUris {
  const { issuer, dserver, permission } = addresses;
  return (door, upstreamId) => {
    if (door === 'dserver') return dserver;
    if (door === 'permission') return new URL('/auth/oauth_callback', permission).href;
    if (door === 'oidc') return `${issuer}/login/authorize`;
    const under = door === 'rest' ? '/api/oauth' : '/oauth';
    return `${issuer}${under}/authorized/${upstreamId}/`;
  };
}
