import type { Config } from '../platform/config/config.js';
import type { DoorName } from './upstream.js';

/**
 * The callbacks of the doors: from the settings, never from a request. What ends in our own session or in a
 * pending request stands under the issuer, where their cookies are; dserver's and the permission service's
 * callbacks stand where their settings say.
 *
 * An upstream has an address of its own at each door, so that an answer says by its address who gave it: one
 * upstream cannot send on a code that another one made (mix-up, RFC 9700 §4.4.2). The addresses that the originals
 * shared are kept for the upstreams that the originals knew.
 */
export type RedirectUris = (door: DoorName, upstreamId: string) => string;

/** What the permission service's original could sign in through: those very services, not others of that name. */
const PERMISSION_ORIGINALS: readonly string[] = ['google', 'github'];

type Settings = Pick<Config, 'issuer' | 'callbacks' | 'upstreams'>;

export function createRedirectUris({ issuer, callbacks, upstreams }: Settings): RedirectUris {
  const originals = upstreams.entries
    .filter(({ id, preset }) => preset === id && PERMISSION_ORIGINALS.includes(id))
    .map(({ id }) => id);
  const shared = (callback: string, ownBelow: string, by: readonly (string | undefined)[]) => {
    return (id: string) => (id === '' || by.includes(id) ? callback : `${ownBelow}/${id}`);
  };
  const permission = `${callbacks.permission}/auth/oauth_callback`;
  const ofDserver = shared(callbacks.dserver, callbacks.dserverOthers, [upstreams.pluginId]);
  const ofPermission = shared(permission, permission, originals);
  return (door, upstreamId) => {
    if (door === 'dserver') return ofDserver(upstreamId);
    if (door === 'permission') return ofPermission(upstreamId);
    if (door === 'oidc') return `${issuer}/login/authorize`;
    const under = door === 'rest' ? '/api/oauth' : '/oauth';
    return `${issuer}${under}/authorized/${upstreamId}/`;
  };
}
