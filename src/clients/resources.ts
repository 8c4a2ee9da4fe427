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
  create(input: unknown, info?: RequestInfo, by?: By): Promise<Resource>;
  /** `false`: there was none. */
  remove(identifier: string, info?: RequestInfo, by?: By): Promise<boolean>;
}

interface By {
  /** An account id, or `cli`. */
  readonly actorId: string;
}

export function createResources(deps: { store: ResourceStore; audit: Audit; clock: Clock }): Resources {
  const { store, audit, clock } = deps;
  return {
    find: (identifier) => store.find(identifier),
    list: () => store.list(),
    async create(input, info, by) {
      const now = clock.now();
      const resource: Resource = { ...parseResource(input), createdAt: now, updatedAt: now };
      const detail = { resource: resource.identifier, token_format: resource.tokenFormat };
      const step = audit.step({ event: 'resource.created', ...info, ...by, detail });
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
    remove: (identifier, info, by) =>
      store.remove(identifier, [
        audit.step({ event: 'resource.deleted', ...info, ...by, detail: { resource: identifier } }),
      ]),
  };
}
