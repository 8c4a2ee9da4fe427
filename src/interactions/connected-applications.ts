import type { ConnectedApplication } from '../accounts/own-account-routes.js';
import type { ClientRecord } from '../clients/client.js';
import { scopeText } from '../platform/web/scope-texts.js';
import { clientCard } from './consent.js';

interface RememberedConsent {
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly claims: readonly string[];
  readonly resources: Readonly<Record<string, readonly string[]>>;
  readonly createdAt: number;
}

interface Sources {
  readonly consents: { listOf(accountId: string): Promise<readonly RememberedConsent[]> };
  readonly payloads: { listGrantedClients(accountId: string): Promise<readonly string[]> };
  readonly clients: { find(clientId: string): Promise<ClientRecord | undefined> };
  readonly auditStore: { lastIssued(accountId: string): Promise<ReadonlyMap<string, number>> };
}

/** What may use an account: by remembered consent, or by tokens got with its password. */
export async function connectedApplications(
  { consents, payloads, clients, auditStore }: Sources,
  accountId: string,
): Promise<ConnectedApplication[]> {
  const [remembered, lastIssued] = await Promise.all([
    consents.listOf(accountId),
    auditStore.lastIssued(accountId),
  ]);
  const ids = new Set(remembered.map(({ clientId }) => clientId));
  for (const clientId of await payloads.listGrantedClients(accountId)) ids.add(clientId);
  const found = await Promise.all([...ids].map((clientId) => clients.find(clientId)));
  return found.flatMap((client) => {
    if (!client) return [];
    const consent = remembered.find(({ clientId }) => clientId === client.clientId);
    const { scopes = [], claims = [], resources = {} } = consent ?? {};
    const purposes = [
      ...scopes.map((scope) => scopeText(scope).text),
      ...claims.map((claim) => `Read “${claim}” of your account`),
      ...Object.entries(resources).map(([name, granted]) =>
        [`Use ${name} for you`, granted.join(', ')].filter(Boolean).join(': '),
      ),
    ];
    const { clientId } = client;
    const times = { since: consent?.createdAt, lastUsed: lastIssued.get(clientId) };
    return [{ clientId, ...clientCard(client), ...times, purposes }];
  });
}
