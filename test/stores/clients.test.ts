import { beforeEach, describe, expect, test } from '@jest/globals';
import type { ClientRecord, ClientSecret } from '../../src/clients/client.js';
import { completeMetadata } from '../../src/clients/complete-metadata.js';
import type { Resource } from '../../src/clients/resource.js';
import { newId, randomLetters, sha256 } from '../../src/platform/crypto/ids.js';
import { type Database, type Step, UniqueViolation } from '../../src/platform/database/database.js';
import { type ClientStore, createClientStore } from '../../src/stores/client-store.js';
import { createResourceStore } from '../../src/stores/resource-store.js';
import { describeOnBothDatabases } from '../support/databases.js';

const NOW = 1_700_000_000_000;

const secret = (more: Partial<ClientSecret> = {}): ClientSecret => ({
  id: newId(),
  hash: sha256(newId()),
  createdAt: NOW,
  ...more,
});

const client = (more: Partial<ClientRecord> = {}): ClientRecord => ({
  clientId: randomLetters(24),
  metadata: completeMetadata({ client_name: 'Ünï 🙂', redirect_uris: ['https://a.example/cb'] }),
  resourceServer: false,
  requirePkce: false,
  options: {},
  ttl: {},
  version: 1,
  createdAt: NOW,
  updatedAt: NOW,
  createdBy: 'test',
  secrets: [secret()],
  ...more,
});

const resource = (more: Partial<Resource> = {}): Resource => ({
  identifier: `https://api.example/${newId()}`,
  name: 'API',
  scopes: ['read', 'write'],
  tokenFormat: 'jwt',
  signingAlg: 'ES256',
  lifetimeSeconds: 300,
  createdAt: NOW,
  updatedAt: NOW,
  ...more,
});

describeOnBothDatabases('clients', (open) => {
  let database: Database;
  let store: ClientStore;

  beforeEach(async () => {
    database = await open();
    store = createClientStore(database);
  });

  const counted = async (table: string, clientId: string): Promise<number> => {
    const query = database.sql(table).where('client_id', clientId).count({ n: '*' });
    return Number((await database.first<{ n: number | string }>(query))?.n);
  };
  /** A second insert of one row: the unit it is part of must leave nothing behind. */
  const failing = (made: ClientRecord): Step => ({
    query: database.sql('clients').insert({
      client_id: made.clientId,
      metadata: '{}',
      created_at: NOW,
      updated_at: NOW,
    }),
  });

  describe('insert', () => {
    test('refuses a taken client_id and leaves the first as it was', async () => {
      const made = client();
      await store.insert(made, []);
      const again = client({ clientId: made.clientId, ownerId: 'other' });
      await expect(store.insert(again, [])).rejects.toBeInstanceOf(UniqueViolation);
      expect(await store.find(made.clientId)).toEqual(made);
      expect(await counted('client_secrets', made.clientId)).toBe(1);
    });

    test('writes nothing when a step beside it fails', async () => {
      const first = client();
      await store.insert(first, []);
      const made = client();
      await expect(store.insert(made, [failing(first)])).rejects.toBeInstanceOf(UniqueViolation);
      expect(await store.find(made.clientId)).toBeUndefined();
      expect(await counted('client_secrets', made.clientId)).toBe(0);
    });

    test('gives every member back', async () => {
      const full = client({
        ownerId: newId(),
        resourceServer: true,
        requirePkce: true,
        ttl: { accessToken: 60 },
        secrets: [
          secret({ createdAt: NOW - 1 }),
          { id: newId(), sealed: 'x', createdAt: NOW, expiresAt: NOW + 1 },
        ],
      });
      await store.insert(full, []);
      expect(await store.find(full.clientId)).toEqual(full);
      const bare = client({ secrets: [] });
      await store.insert(bare, []);
      expect(await store.find(bare.clientId)).toEqual(bare);
      expect(await store.findVersion(bare.clientId)).toBe(1);
    });
  });

  test('an unknown client is undefined', async () => {
    expect(await store.find('nobody')).toBeUndefined();
    expect(await store.find("' or 1=1 --")).toBeUndefined();
    expect(await store.findVersion('nobody')).toBeUndefined();
  });

  test('lists are one’s own, oldest first', async () => {
    const ownerId = newId();
    const [second, first] = [
      client({ ownerId, createdAt: NOW + 1 }),
      client({ ownerId, secrets: [secret(), secret()] }),
    ];
    const other = client({ ownerId: newId() });
    for (const made of [second, first, other]) await store.insert(made, []);
    expect((await store.listOf(ownerId)).map((made) => made.clientId)).toEqual([
      first.clientId,
      second.clientId,
    ]);
    expect((await store.listOf(ownerId))[0]?.secrets).toHaveLength(2);
    expect((await store.listAll()).map((made) => made.clientId)).toEqual(
      expect.arrayContaining([other.clientId]),
    );
  });

  describe('rotate', () => {
    test('of a stale record, or of a removed client, writes nothing', async () => {
      const made = client();
      await store.insert(made, []);
      expect(await store.rotate({ ...made, version: 2 }, { fresh: secret() }, [])).toBe(false);
      expect(await store.find(made.clientId)).toEqual(made);
      expect(await store.rotate(client(), { fresh: secret() }, [])).toBe(false);
    });

    test('keeps the named secret until it ends, drops the others, counts up', async () => {
      const [oldest, newest] = [secret({ createdAt: NOW - 2 }), secret({ createdAt: NOW - 1 })];
      const made = client({ secrets: [oldest, newest] });
      await store.insert(made, []);
      const fresh = secret({ createdAt: NOW + 5 });
      const keep = { id: newest.id, endAt: NOW + 1000 };
      expect(await store.rotate(made, { fresh, keep }, [])).toBe(true);
      expect(await store.find(made.clientId)).toEqual({
        ...made,
        version: 2,
        updatedAt: NOW + 5,
        secrets: [{ ...newest, expiresAt: NOW + 1000 }, fresh],
      });
    });

    test('at the same moment has one winner', async () => {
      const made = client();
      await store.insert(made, []);
      const all = Array.from({ length: 8 }, () => store.rotate(made, { fresh: secret() }, []));
      expect((await Promise.all(all)).filter(Boolean)).toHaveLength(1);
      expect((await store.find(made.clientId))?.secrets).toHaveLength(1);
      expect(await store.findVersion(made.clientId)).toBe(2);
    });
  });

  test('remove takes secrets and consents along, of that client alone', async () => {
    const [gone, stays] = [client(), client()];
    for (const made of [gone, stays]) {
      await store.insert(made, []);
      const consent = {
        account_id: newId(),
        client_id: made.clientId,
        scopes: '[]',
        claims: '[]',
        resources: '{}',
      };
      await database.run(database.sql('consents').insert({ ...consent, created_at: NOW, updated_at: NOW }));
    }
    expect(await store.remove(gone.clientId, [])).toBe(true);
    expect(await store.remove(gone.clientId, [failing(stays)])).toBe(false);
    expect(await store.find(gone.clientId)).toBeUndefined();
    for (const table of ['client_secrets', 'consents']) {
      expect(await counted(table, gone.clientId)).toBe(0);
      expect(await counted(table, stays.clientId)).toBe(1);
    }
  });
});

describeOnBothDatabases('resources', (open) => {
  test('are unique, found, listed by identifier and removed once', async () => {
    const store = createResourceStore(await open());
    const opaque: Resource = {
      identifier: `https://api.example/a-${newId()}`,
      name: 'A',
      scopes: [],
      tokenFormat: 'opaque',
      createdAt: NOW,
      updatedAt: NOW,
    };
    const jwt = resource({ identifier: `https://api.example/b-${newId()}` });
    await store.insert(jwt, []);
    await store.insert(opaque, []);
    await expect(store.insert(resource({ identifier: jwt.identifier }), [])).rejects.toBeInstanceOf(
      UniqueViolation,
    );
    expect(await store.find(jwt.identifier)).toEqual(jwt);
    expect(await store.find('https://unknown.example/')).toBeUndefined();
    const mine = (await store.list()).filter(({ identifier }) =>
      [jwt.identifier, opaque.identifier].includes(identifier),
    );
    expect(mine).toEqual([opaque, jwt]);
    expect(await store.remove(jwt.identifier, [])).toBe(true);
    expect(await store.remove(jwt.identifier, [])).toBe(false);
  });
});
