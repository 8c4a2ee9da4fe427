import { type Client, type Configuration, errors } from 'oidc-provider';
import type { ClientRecord } from '../clients/client.js';
import type { ResourceStore } from '../stores/resource-store.js';

/** Registered resources (RFC 8707) as the library asks for them; unknown ones are `invalid_target`. */
export function resourceIndicators(
  resources: Pick<ResourceStore, 'find'>,
  recordOf: (client: Client) => ClientRecord,
): NonNullable<NonNullable<Configuration['features']>['resourceIndicators']> {
  return {
    enabled: true,
    async getResourceServerInfo(_ctx, identifier, client) {
      // PostgreSQL refuses a NUL even as a question.
      const resource = identifier.includes('\0') ? undefined : await resources.find(identifier);
      if (!resource) throw new errors.InvalidTarget('the resource is not registered');
      const registered = new Set(recordOf(client).metadata.scope?.split(' '));
      const common = {
        scope: resource.scopes.filter((scope) => registered.has(scope)).join(' '),
        audience: resource.identifier,
        ...(resource.lifetimeSeconds ? { accessTokenTTL: resource.lifetimeSeconds } : {}),
      };
      if (resource.tokenFormat === 'opaque') return { ...common, accessTokenFormat: 'opaque' };
      return { ...common, accessTokenFormat: 'jwt', jwt: { sign: { alg: resource.signingAlg ?? 'RS256' } } };
    },
  };
}
