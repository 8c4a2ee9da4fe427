import type { ClientStore } from '../stores/client-store.js';
import type { ClientRecord } from './client.js';

/** Not the shape of a registered id, so it can be nobody's. */
export const DEMO_CLIENT_ID = 'postern-demo';

/** Seconds: long enough to try the command lines, short enough to forget about. */
const ACCESS_TOKEN_TTL = 900;

export const demoRedirectUri = (issuer: string): string => `${issuer}/demo/callback`;

/**
 * The client behind "Try the flow". It is no row: it exists where the setting lets everybody make clients,
 * and is gone, with its tokens, where it does not. Public, since a secret in the program would be none.
 */
export function demoClient({ issuer, now }: { issuer: string; now: number }): ClientRecord {
  return {
    clientId: DEMO_CLIENT_ID,
    metadata: {
      client_name: 'Try the flow (built-in demo)',
      redirect_uris: [demoRedirectUri(issuer)],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      scope: 'openid profile email roles',
      application_type: 'web',
      token_endpoint_auth_method: 'none',
    },
    resourceServer: false,
    requirePkce: true,
    ttl: { accessToken: ACCESS_TOKEN_TTL },
    options: {},
    version: 1,
    createdAt: now,
    updatedAt: now,
    createdBy: 'system',
    secrets: [],
  };
}

/** The store with one client more, which can be found and neither listed, changed nor removed. */
export function withBuiltIn(store: ClientStore, client: ClientRecord): ClientStore {
  return {
    ...store,
    find: async (clientId) => (clientId === client.clientId ? client : store.find(clientId)),
    findVersion: (clientId) => (clientId === client.clientId ? client.version : store.findVersion(clientId)),
  };
}
