import type { Database } from '../platform/database/database.js';
import { createFederatedIdentityStore, type FederatedIdentityStore } from './federated-identity-store.js';
import { createLoginTransactionStore, type LoginTransactionStore } from './login-transaction-store.js';
import { createUpstreamRoleStore, type UpstreamRoleStore } from './upstream-role-store.js';
import { createUpstreamSessionStore, type UpstreamSessionStore } from './upstream-session-store.js';
import { createUpstreamTokenStore, type UpstreamTokenStore } from './upstream-token-store.js';

/** The tables of signing in through others. */
export interface UpstreamStores {
  readonly identities: FederatedIdentityStore;
  readonly transactions: LoginTransactionStore;
  readonly sessions: UpstreamSessionStore;
  readonly tokens: UpstreamTokenStore;
  readonly roles: UpstreamRoleStore;
}

export const createUpstreamStores = (database: Database): UpstreamStores => ({
  identities: createFederatedIdentityStore(database),
  transactions: createLoginTransactionStore(database),
  sessions: createUpstreamSessionStore(database),
  tokens: createUpstreamTokenStore(database),
  roles: createUpstreamRoleStore(database),
});
