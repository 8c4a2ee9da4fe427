import type { Database } from '../platform/database/database.js';
import { type ApiKeyStore, createApiKeyStore } from './api-key-store.js';
import { createDserverNameStore, type DserverNameStore } from './dserver-name-store.js';
import { createDserverRightsStore, type DserverRightsStore } from './dserver-rights-store.js';
import { createMintedTokenStore, type MintedTokenStore } from './minted-token-store.js';

/** The tables behind dserver tokens. */
export interface DserverStores {
  readonly names: DserverNameStore;
  readonly rights: DserverRightsStore;
  readonly tokens: MintedTokenStore;
  readonly apiKeys: ApiKeyStore;
}

export const createDserverStores = (database: Database): DserverStores => ({
  names: createDserverNameStore(database),
  rights: createDserverRightsStore(database),
  tokens: createMintedTokenStore(database),
  apiKeys: createApiKeyStore(database),
});
