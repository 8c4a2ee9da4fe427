import type { Resource } from '../clients/resource.js';
import type { Database, Step } from '../platform/database/database.js';

/** The resources (RFC 8707) tokens can be asked for. */
export interface ResourceStore {
  find(identifier: string): Promise<Resource | undefined>;
  /** By identifier. */
  list(): Promise<Resource[]>;
  /** @throws {UniqueViolation} when the identifier is taken */
  insert(resource: Resource, also: readonly Step[]): Promise<void>;
  /** `false`: there was none. */
  remove(identifier: string, also: readonly Step[]): Promise<boolean>;
}

interface ResourceRow {
  identifier: string;
  name: string;
  scopes: string;
  token_format: Resource['tokenFormat'];
  signing_alg: Resource['signingAlg'] | null;
  lifetime_seconds: number | null;
  created_at: number | string;
  updated_at: number | string;
}

export function createResourceStore(database: Database): ResourceStore {
  const { sql } = database;
  const byIdentifier = database.reader<ResourceRow>(sql('resources').select('*').where({ identifier: '' }));
  return {
    async find(identifier) {
      const [row] = await byIdentifier(identifier);
      return row === undefined ? undefined : toResource(row);
    },
    async list() {
      const rows = await database.all<ResourceRow>(sql('resources').select('*').orderBy('identifier'));
      return rows.map(toResource);
    },
    async insert(resource, also) {
      await database.write([{ query: sql('resources').insert(toRow(resource)) }, ...also]);
    },
    remove: (identifier, also) =>
      database.write([{ query: sql('resources').where({ identifier }).delete(), guard: true }, ...also]),
  };
}

const toRow = (resource: Resource): ResourceRow => ({
  identifier: resource.identifier,
  name: resource.name,
  scopes: JSON.stringify(resource.scopes),
  token_format: resource.tokenFormat,
  signing_alg: resource.signingAlg ?? null,
  lifetime_seconds: resource.lifetimeSeconds ?? null,
  created_at: resource.createdAt,
  updated_at: resource.updatedAt,
});

const toResource = (row: ResourceRow): Resource => ({
  identifier: row.identifier,
  name: row.name,
  scopes: JSON.parse(row.scopes) as string[],
  tokenFormat: row.token_format,
  ...(row.signing_alg ? { signingAlg: row.signing_alg } : {}),
  ...(row.lifetime_seconds === null ? {} : { lifetimeSeconds: row.lifetime_seconds }),
  createdAt: Number(row.created_at),
  updatedAt: Number(row.updated_at),
});
