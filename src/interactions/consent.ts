import type { Account } from '../accounts/account.js';
import type { PendingInteraction } from '../authorization-server/interactions.js';
import type { ClientRecord } from '../clients/client.js';
import { scopeText } from '../platform/web/scope-texts.js';
import type { ClientCard, ConsentModel } from '../platform/web/views.js';

/** What a person is told of the client that asks. The texts are the client's own and untrusted. */
export function clientCard({ clientId, metadata }: ClientRecord): ClientCard {
  const name = metadata.client_name || clientId;
  return metadata.client_uri ? { name, uri: metadata.client_uri } : { name };
}

/** The host a browser is sent back to; a native application is named by its scheme. */
export function redirectHost(redirectUri: string | undefined): string {
  if (!redirectUri) return 'your device';
  const { protocol, host } = new URL(redirectUri);
  return protocol === 'http:' || protocol === 'https:' ? host : protocol.slice(0, -1);
}

/** The consent page: who asks, who is asked, what for, and what of it is new. */
export function consentModel(pending: PendingInteraction, account: Account, action: string): ConsentModel {
  const news = new Set(pending.missing.scopes);
  const before = pending.asked.scopes.some((scope) => !news.has(scope));
  return {
    action,
    client: clientCard(pending.client),
    redirectHost: redirectHost(pending.redirectUri),
    account: { name: account.username, switchHref: `/logout` },
    scopes: pending.asked.scopes.map((scope) => ({ ...scopeText(scope), isNew: before && news.has(scope) })),
    resources: Object.entries(pending.asked.resources).map(([name, scopes]) => ({ name, scopes })),
    claims: pending.asked.claims,
  };
}
