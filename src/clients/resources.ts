import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { UniqueViolation } from '../platform/database/database.js';
import { InvalidInput } from '../platform/errors/errors.js';
import type { ResourceStore } from '../stores/resource-store.js';
import { parseResource, type Resource } from './resource.js';

export interface Resources {
  find(identifier: string): Promise<Resource | undefined>;
  list(): Promise<Resource[]>;
  /**
   * @param input `{identifier, name?, scopes?, token_format?, signing_alg?, lifetime_seconds?}`
   * @throws {InvalidInput} field by field
   */
  create(input: unknown, info?: RequestInfo): Promise<Resource>;
  /** `false`: there was none. */
  remove(identifier: string, info?: RequestInfo): Promise<boolean>;
}

export function createResources(deps: { store: ResourceStore; audit: Audit; clock: Clock }): Resources {
  const { store, audit, clock } = deps;
  return {
    find: (identifier) => store.find(identifier),
    list: () => store.list(),
    async create(input, info) {
      const now = clock.now();
      const resource: Resource = { ...parseResource(input), createdAt: now, updatedAt: now };
      const detail = { resource: resource.identifier, token_format: resource.tokenFormat };
      const step = audit.step({ event: 'resource.created', ...info, detail });
      try {
        await store.insert(resource, [step]);
      } catch (error) {
        if (!(error instanceof UniqueViolation)) throw error;
        throw new InvalidInput([
          { field: 'identifier', message: 'A resource of this identifier exists already.' },
        ]);
      }
      return resource;
    },
    remove: (identifier, info) =>
      store.remove(identifier, [
        audit.step({ event: 'resource.deleted', ...info, detail: { resource: identifier } }),
      ]),
  };
}
