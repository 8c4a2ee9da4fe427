import type {
  ClientMetadata,
  ClientOptions,
  ClientRecord,
  ClientSecret,
  ClientTtl,
} from '../clients/client.js';
import type { Database, Step } from '../platform/database/database.js';
import { type MaybeLater, whenThere } from '../platform/database/maybe-later.js';

/**
 * Clients and their secrets. Every change is one atomic unit, counts `version` up and carries the audit
 * steps of whoever asked for it. A secret is never here as text: hashed or sealed.
 */
export interface ClientStore {
  /** One statement; secrets that ended are among them until the next rotation. */
  find(clientId: string): Promise<ClientRecord | undefined>;
  /** The version alone, for a cache that wants to know whether it is stale. */
  findVersion(clientId: string): MaybeLater<number | undefined>;
  /** Oldest first. */
  listOf(ownerId: string): Promise<ClientRecord[]>;
  listAll(): Promise<ClientRecord[]>;
  /** Redirect URIs and allowed origins of all clients that authenticate with `none`. */
  publicAddresses(): Promise<string[]>;
  /** @throws {UniqueViolation} when the client_id is taken */
  insert(client: ClientRecord, also: readonly Step[]): Promise<void>;
  /**
   * Adds `fresh`; of the former secrets only `keep` stays, until `endAt`.
   * `false`: the client changed since `client` was read, or is gone; nothing is written.
   */
  rotate(client: ClientRecord, change: SecretChange, also: readonly Step[]): Promise<boolean>;
  /**
   * Writes metadata and boxes as `changed` has them, and the secrets: `keep`, `drop`, or one in place of all.
   * `false`: the client changed since `client` was read, or is gone; nothing is written.
   */
  update(client: ClientRecord, changed: ClientChange, also: readonly Step[]): Promise<boolean>;
  /** `false` as with `update`, or where the client has no such secret. */
  endSecret(client: ClientRecord, secretId: string, at: number, also: readonly Step[]): Promise<boolean>;
  /** Removes the client, its secrets, its redirect leases and the consents given to it; `false`: there was none. */
  remove(clientId: string, also: readonly Step[]): Promise<boolean>;
}

export interface SecretChange {
  readonly fresh: ClientSecret;
  readonly keep?: { readonly id: string; readonly endAt: number };
}

export interface ClientChange {
  readonly metadata: ClientMetadata;
  readonly requirePkce: boolean;
  readonly options: ClientOptions;
  readonly updatedAt: number;
  readonly secrets: 'keep' | 'drop' | ClientSecret;
}

interface JoinedRow {
  client_id: string;
  owner_id: string | null;
  metadata: string;
  resource_server: number;
  require_pkce: number;
  options: string | null;
  ttl: string | null;
  version: number;
  created_at: number | string;
  updated_at: number | string;
  created_by: string | null;
  secret_id: string | null;
  hash: string | null;
  sealed: string | null;
  secret_created_at: number | string | null;
  expires_at: number | string | null;
}

export function createClientStore(database: Database): ClientStore {
  const { sql } = database;
  // Joined, not asked for separately: a cached record must never pair a version with older secrets.
  const joined = () =>
    sql('clients as c')
      .leftJoin('client_secrets as s', 's.client_id', 'c.client_id')
      .select('c.*', 's.id as secret_id', 's.hash', 's.sealed', 's.expires_at')
      .select('s.created_at as secret_created_at')
      .orderBy(['c.created_at', 'c.client_id', 's.created_at', 's.id']);
  const findRows = database.reader<JoinedRow>(joined().where('c.client_id', ''));
  const versions = database.reader<{ version: number }>(
    sql('clients').select('version').where('client_id', ''),
  );
  const secretRow = (clientId: string, secret: ClientSecret) => ({
    id: secret.id,
    client_id: clientId,
    hash: secret.hash ?? null,
    sealed: secret.sealed ?? null,
    created_at: secret.createdAt,
    expires_at: secret.expiresAt ?? null,
  });

  return {
    async find(clientId) {
      return toClients(await findRows(clientId))[0];
    },
    findVersion: (clientId) => whenThere(versions(clientId), ([row]) => row?.version),
    async listOf(ownerId) {
      return toClients(await database.all<JoinedRow>(joined().where('c.owner_id', ownerId)));
    },
    async listAll() {
      return toClients(await database.all<JoinedRow>(joined()));
    },
    async publicAddresses() {
      // The text is ours (`toRow`), so the database can sift it; what it finds is still looked at.
      const query = sql('clients')
        .select('metadata', 'options')
        .where('metadata', 'like', '%"token_endpoint_auth_method":"none"%');
      const rows = await database.all<Pick<JoinedRow, 'metadata' | 'options'>>(query);
      return rows
        .map((row) => ({ metadata: JSON.parse(row.metadata) as ClientMetadata, options: optionsOf(row) }))
        .filter(({ metadata }) => metadata.token_endpoint_auth_method === 'none')
        .flatMap(({ metadata, options }) => [...metadata.redirect_uris, ...(options.allowedOrigins ?? [])]);
    },
    async insert(client, also) {
      const secrets = client.secrets.map((secret) => secretRow(client.clientId, secret));
      await database.write([
        { query: sql('clients').insert(toRow(client)) },
        ...(secrets.length === 0 ? [] : [{ query: sql('client_secrets').insert(secrets) }]),
        ...also,
      ]);
    },
    rotate({ clientId, version }, { fresh, keep }, also) {
      const former = () => sql('client_secrets').where('client_id', clientId);
      return database.write([
        {
          query: sql('clients')
            .where({ client_id: clientId, version })
            .update({ version: version + 1, updated_at: fresh.createdAt }),
          guard: true,
        },
        { query: keep === undefined ? former().delete() : former().whereNot('id', keep.id).delete() },
        ...(keep === undefined
          ? []
          : [{ query: former().where('id', keep.id).update({ expires_at: keep.endAt }) }]),
        { query: sql('client_secrets').insert(secretRow(clientId, fresh)) },
        ...also,
      ]);
    },
    update({ clientId, version }, { metadata, requirePkce, options, updatedAt, secrets }, also) {
      const former = sql('client_secrets').where('client_id', clientId);
      const fresh =
        typeof secrets === 'object'
          ? [{ query: sql('client_secrets').insert(secretRow(clientId, secrets)) }]
          : [];
      return database.write([
        {
          query: sql('clients')
            .where({ client_id: clientId, version })
            .update({
              metadata: JSON.stringify(metadata),
              require_pkce: requirePkce ? 1 : 0,
              options: optionsText(options),
              version: version + 1,
              updated_at: updatedAt,
            }),
          guard: true,
        },
        ...(secrets === 'keep' ? [] : [{ query: former.delete() }]),
        ...fresh,
        ...also,
      ]);
    },
    endSecret: ({ clientId, version }, secretId, at, also) =>
      database.write([
        {
          query: sql('clients')
            .where({ client_id: clientId, version })
            .update({ version: version + 1, updated_at: at }),
          guard: true,
        },
        {
          query: sql('client_secrets').where({ client_id: clientId, id: secretId }).delete(),
          guard: true,
        },
        ...also,
      ]),
    remove: (clientId, also) =>
      database.write([
        { query: sql('clients').where('client_id', clientId).delete(), guard: true },
        { query: sql('client_secrets').where('client_id', clientId).delete() },
        { query: sql('redirect_leases').where('client_id', clientId).delete() },
        { query: sql('consents').where('client_id', clientId).delete() },
        ...also,
      ]),
  };
}

const optionsText = (options: ClientOptions): string | null =>
  Object.keys(options).length === 0 ? null : JSON.stringify(options);

const optionsOf = ({ options }: Pick<JoinedRow, 'options'>): ClientOptions =>
  options === null ? {} : (JSON.parse(options) as ClientOptions);

const toRow = (client: ClientRecord) => ({
  client_id: client.clientId,
  owner_id: client.ownerId ?? null,
  metadata: JSON.stringify(client.metadata),
  resource_server: client.resourceServer ? 1 : 0,
  require_pkce: client.requirePkce ? 1 : 0,
  options: optionsText(client.options),
  ttl: Object.keys(client.ttl).length === 0 ? null : JSON.stringify(client.ttl),
  version: client.version,
  created_at: client.createdAt,
  updated_at: client.updatedAt,
  created_by: client.createdBy,
});

function toClients(rows: readonly JoinedRow[]): ClientRecord[] {
  const secrets = new Map<string, ClientSecret[]>();
  const clients: ClientRecord[] = [];
  for (const row of rows) {
    let own = secrets.get(row.client_id);
    if (own === undefined) {
      own = [];
      secrets.set(row.client_id, own);
      clients.push(toClient(row, own));
    }
    if (row.secret_id !== null) own.push(toSecret(row, row.secret_id));
  }
  return clients;
}

const toClient = (row: JoinedRow, secrets: readonly ClientSecret[]): ClientRecord => ({
  clientId: row.client_id,
  ...(row.owner_id === null ? {} : { ownerId: row.owner_id }),
  metadata: JSON.parse(row.metadata) as ClientMetadata,
  resourceServer: row.resource_server === 1,
  requirePkce: row.require_pkce === 1,
  options: optionsOf(row),
  ttl: row.ttl === null ? {} : (JSON.parse(row.ttl) as ClientTtl),
  version: row.version,
  createdAt: Number(row.created_at),
  updatedAt: Number(row.updated_at),
  createdBy: row.created_by ?? 'system',
  secrets,
});

const toSecret = (row: JoinedRow, id: string): ClientSecret => ({
  id,
  ...(row.hash === null ? {} : { hash: row.hash }),
  ...(row.sealed === null ? {} : { sealed: row.sealed }),
  createdAt: Number(row.secret_created_at),
  ...(row.expires_at === null ? {} : { expiresAt: Number(row.expires_at) }),
});
