import type { Database } from '../platform/database/database.js';
import { createPermissionProfileStore, type PermissionProfileStore } from './permission-profile-store.js';
import { createPermissionTokenStore, type PermissionTokenStore } from './permission-token-store.js';
import { createServiceStore, type ServiceStore } from './service-store.js';

/** The tables of the permission service. */
export interface PermissionStores {
  readonly profiles: PermissionProfileStore;
  readonly tokens: PermissionTokenStore;
  readonly services: ServiceStore;
}

export const createPermissionStores = (database: Database): PermissionStores => ({
  profiles: createPermissionProfileStore(database),
  tokens: createPermissionTokenStore(database),
  services: createServiceStore(database),
});
