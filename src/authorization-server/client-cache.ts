import { type AllClientMetadata, type Client, errors, type Provider } from 'oidc-provider';
import type { ClientRecord, RedirectLease } from '../clients/client.js';
import type { ClientDocument } from '../clients/register.js';
import { type ClientSecrets, keepsText, needsSecret } from '../clients/secrets.js';
import type { Clock } from '../platform/crypto/clock.js';
import { randomToken } from '../platform/crypto/ids.js';
import { InvalidInput } from '../platform/errors/errors.js';
import { type MaybeLater, whenThere } from '../platform/database/maybe-later.js';
import type { ClientStore } from '../stores/client-store.js';
import type { RedirectLeaseStore } from '../stores/redirect-lease-store.js';
import type { UnitsOfWork } from './unit-of-work.js';

/**
 * Stands for the library's own client look-up: one cheap read of the row's version per request, the built
 * client kept while it has not changed, so that an edit is seen at once by every process. Secrets are
 * compared with their hashes. Where the library wants a text it gets a random one that nobody knows: a
 * constant would become the HMAC key of a `client_secret_jwt` client whose secrets have ended.
 */

const KEPT = 1000;

export interface ClientFeatures {
  readonly grantTypes: ReadonlySet<string>;
  readonly responseTypes: ReadonlySet<string>;
  readonly scopes: ReadonlySet<string>;
}

interface Dependencies {
  readonly clients: Pick<ClientStore, 'find' | 'findVersion'>;
  readonly leases: Pick<RedirectLeaseStore, 'listOf'>;
  readonly units: Pick<UnitsOfWork, 'reading'>;
  readonly secrets: ClientSecrets;
  readonly tests: TestRights;
  readonly clock: Clock;
  /** What this server offers now. A stored client may name more: the library would refuse all its requests. */
  readonly features: ClientFeatures;
}

/** What a client may do while its owner tests it, in that request alone; see `client-tests.ts`. */
export interface TestRights {
  mayRedirect(clientId: string, redirectUri: string): boolean;
  /** Whether the client is taken to be known without having shown who it is. */
  isVouchedFor(clientId: string): boolean;
}

export interface ClientCache {
  /** Makes `provider.Client` find clients here. */
  install(provider: Provider): void;
  recordOf(client: Client): ClientRecord;
  /** Its redirect leases that have not ended. */
  leasesOf(client: Client): readonly RedirectLease[];
  /**
   * The library's own judgement of metadata that is about to be saved.
   * @throws {InvalidInput}
   */
  judge(provider: Provider, document: ClientDocument): Promise<void>;
}

export function createClientCache(deps: Dependencies): ClientCache {
  const { clients, secrets, features, tests, clock } = deps;
  const records = new WeakMap<Client, ClientRecord>();
  const leases = new WeakMap<Client, readonly RedirectLease[]>();
  const kept = new Map<string, { version: number; client: Client; provider: Provider }>();

  function offered(metadata: ClientRecord['metadata']): AllClientMetadata {
    const { scope, grant_types, response_types, ...rest } = metadata;
    const scopes = scope?.split(' ').filter((value) => features.scopes.has(value));
    return {
      ...(rest as AllClientMetadata),
      grant_types: (grant_types ?? ['authorization_code']).filter((type) => features.grantTypes.has(type)),
      response_types: (response_types ?? ['code']).filter((type) =>
        features.responseTypes.has(type),
      ) as AllClientMetadata['response_types'],
      scope: scopes?.length ? scopes.join(' ') : undefined,
    };
  }

  function build(provider: Provider, record: ClientRecord, leased: readonly RedirectLease[]): Client {
    const method = record.metadata.token_endpoint_auth_method;
    const texts = keepsText(method) ? secrets.texts(record) : [];
    const LibraryClient = provider.Client as unknown as new (metadata: AllClientMetadata) => Client;
    const client = new LibraryClient({
      ...offered(record.metadata),
      client_id: record.clientId,
      ...(needsSecret(method) ? { client_secret: texts[0] ?? randomToken() } : {}),
    });
    for (const secret of texts.slice(1)) addSymmetricKey(client, secret);
    records.set(client, record);
    leases.set(client, leased);
    return client;
  }

  function recordOf(client: Client): ClientRecord {
    const record = records.get(client);
    if (!record) throw new Error(`client ${client.clientId} was not found through the client cache`);
    return record;
  }

  const leasesOf = (client: Client): readonly RedirectLease[] => {
    const now = clock.now();
    return (leases.get(client) ?? []).filter(({ expiresAt }) => expiresAt > now);
  };

  function find(provider: Provider, clientId: unknown): MaybeLater<Client | undefined> {
    // PostgreSQL refuses a NUL even as a question.
    if (typeof clientId !== 'string' || clientId === '' || clientId.includes('\0')) return undefined;
    return whenThere(clients.findVersion(clientId), (version) => {
      const known = kept.get(clientId);
      const current = known?.version === version && known?.provider === provider;
      if (version !== undefined && current && !tests.isVouchedFor(clientId)) return known?.client;
      return load(provider, clientId, version);
    });
  }

  async function load(
    provider: Provider,
    clientId: string,
    version: number | undefined,
  ): Promise<Client | undefined> {
    kept.delete(clientId);
    const record = version === undefined ? undefined : await clients.find(clientId);
    if (!record) return undefined;
    // Read after the record: a lease that came between counts the version up, and all is read again.
    const leased = await deps.leases.listOf(clientId, clock.now());
    if (tests.isVouchedFor(clientId)) return build(provider, withoutSecret(record), leased);
    const client = build(provider, record, leased);
    // client_secret_jwt keys are derived when the client is built, so they must not outlive a secret's end.
    if (!keepsText(record.metadata.token_endpoint_auth_method))
      keep(clientId, { version: record.version, client, provider });
    return client;
  }

  /** With the provider it belongs to: when keys change there is a new one, with a client class of its own. */
  function keep(clientId: string, entry: { version: number; client: Client; provider: Provider }): void {
    const [oldest] = kept.keys();
    if (kept.size >= KEPT && oldest !== undefined) kept.delete(oldest);
    kept.set(clientId, entry);
  }

  return {
    install(provider) {
      Object.assign(provider.Client, {
        // Typed as a promise, and awaited by the library everywhere; so must we.
        find: (clientId: unknown) => deps.units.reading(() => find(provider, clientId)),
      });
      const { redirectUriAllowed } = provider.Client.prototype;
      Object.assign(provider.Client.prototype, {
        redirectUriAllowed(this: Client, uri: string) {
          return (
            Reflect.apply(redirectUriAllowed, this, [uri]) ||
            leasesOf(this).some(({ redirectUri }) => redirectUri === uri) ||
            tests.mayRedirect(this.clientId, uri)
          );
        },
        async compareClientSecret(this: Client, presented: string) {
          return secrets.matches(recordOf(this), presented);
        },
      });
    },
    recordOf,
    leasesOf,
    async judge(provider, { client_id, client_secret, ...metadata }) {
      const LibraryClient = provider.Client as unknown as { validate(all: AllClientMetadata): Promise<void> };
      try {
        await LibraryClient.validate({ ...offered(metadata), client_id, client_secret });
      } catch (error) {
        if (!(error instanceof errors.OIDCProviderError)) throw error;
        throw new InvalidInput([faultOf(metadata, error)]);
      }
    },
  };
}

/** The same client without the grant and the method that need a secret. */
function withoutSecret({ metadata, ...record }: ClientRecord): ClientRecord {
  const { token_endpoint_auth_signing_alg: _alg, ...rest } = metadata;
  const grant_types = metadata.grant_types.filter((type) => type !== 'client_credentials');
  return { ...record, metadata: { ...rest, token_endpoint_auth_method: 'none', grant_types } };
}

/** The library's message begins with the member it is about, or names it somewhere. */
function faultOf(metadata: object, error: errors.OIDCProviderError) {
  const message = error.error_description ?? error.message;
  const named = [...Object.keys(metadata), 'redirect_uris'].find((member) => message.includes(member));
  return { field: named ?? 'client', message };
}

/** The second live secret of a client that signs its assertions with them. */
function addSymmetricKey(client: Client, secret: string): void {
  const { symmetricKeyStore } = client as unknown as { symmetricKeyStore: { add(jwk: object): void } };
  for (const alg of ['HS256', 'HS384', 'HS512']) {
    symmetricKeyStore.add({ alg, use: 'sig', kty: 'oct', k: Buffer.from(secret).toString('base64url') });
  }
}
