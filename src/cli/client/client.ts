import type { ClientRecord } from '../../clients/client.js';
import type { Container } from '../../container.js';
import { CliFault } from '../faults.js';
import { facts, time } from '../table.js';

export async function requireClient({ clients }: Container, clientId: string): Promise<ClientRecord> {
  const client = await clients.find(clientId);
  if (client === undefined) throw new CliFault(`There is no client ${clientId}.`);
  return client;
}

/** A client in the words of RFC 7591 §3.2.1, and what we know besides. Never a secret, nor its hash. */
export const clientDocument = (client: ClientRecord) => ({
  client_id: client.clientId,
  client_id_issued_at: Math.floor(client.createdAt / 1000),
  ...client.metadata,
  require_pkce: client.requirePkce,
  options: client.options,
  resource_server: client.resourceServer,
  lifetimes: client.ttl,
  owner_id: client.ownerId,
  secrets: client.secrets.map(({ id, createdAt, expiresAt }) => ({
    id,
    created_at: time(createdAt),
    expires_at: expiresAt === undefined ? undefined : time(expiresAt),
  })),
});

export function clientLines(client: ClientRecord, secret?: string): string[] {
  const { metadata } = client;
  return facts([
    ['client_id', client.clientId],
    ['client_secret', secret && `${secret}   (shown only now)`],
    ['client_name', metadata.client_name],
    ['client_uri', metadata.client_uri],
    ['redirect_uris', metadata.redirect_uris.join(' ')],
    ['scope', metadata.scope],
    ['grant_types', metadata.grant_types.join(' ')],
    ['response_types', metadata.response_types.join(', ')],
    ['token_endpoint_auth_method', metadata.token_endpoint_auth_method],
    ['require_pkce', client.requirePkce ? 'yes' : 'no'],
    ['resource_server', client.resourceServer ? 'yes: may introspect tokens of other clients' : undefined],
    [
      'lifetimes',
      Object.entries(client.ttl)
        .map(([name, seconds]) => `${name} ${seconds} s`)
        .join(', ') || undefined,
    ],
    ['owner', client.ownerId],
    ...client.secrets.map(
      ({ createdAt, expiresAt }) =>
        [
          'secret',
          `made ${time(createdAt)}${expiresAt === undefined ? '' : `, ends ${time(expiresAt)}`}`,
        ] as const,
    ),
  ]);
}
