import { beforeEach, describe, expect, test } from '@jest/globals';
import type { ClientRecord, ClientSecret, RedirectLease } from '../../src/clients/client.js';
import { completeMetadata } from '../../src/clients/complete-metadata.js';
import { newId, randomLetters, sha256 } from '../../src/platform/crypto/ids.js';
import type { Database, Step } from '../../src/platform/database/database.js';
import { type ClientStore, createClientStore } from '../../src/stores/client-store.js';
import { createClientUsageStore } from '../../src/stores/client-usage-store.js';
import { createRedirectLeaseStore, type RedirectLeaseStore } from '../../src/stores/redirect-lease-store.js';
import { describeOnBothDatabases } from '../support/databases.js';

const NOW = 1_700_000_000_000;

const secret = (): ClientSecret => ({ id: newId(), hash: sha256(newId()), createdAt: NOW });

const client = (more: Partial<ClientRecord> = {}): ClientRecord => ({
  clientId: randomLetters(24),
  metadata: completeMetadata({ redirect_uris: ['https://a.example/cb'] }),
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

const lease = (clientId: string, more: Partial<RedirectLease> = {}): RedirectLease => ({
  id: newId(),
  clientId,
  redirectUri: `https://${newId()}.example/cb`,
  createdAt: NOW,
  expiresAt: NOW + 1000,
  createdBy: 'test',
  ...more,
});

describeOnBothDatabases('what changes about a client', (open) => {
  let database: Database;
  let clients: ClientStore;
  let leases: RedirectLeaseStore;
  let made: ClientRecord;

  beforeEach(async () => {
    database = await open();
    clients = createClientStore(database);
    leases = createRedirectLeaseStore(database);
    made = client();
    await clients.insert(made, []);
  });

  /** A step that fails: nothing of its unit may stay. */
  const failing = (): Step => ({
    query: database.sql('clients').insert({
      client_id: made.clientId,
      metadata: '{}',
      created_at: NOW,
      updated_at: NOW,
    }),
  });
  const versionOf = (clientId: string) => clients.findVersion(clientId);

  describe('redirect leases', () => {
    test('are added to no client that is not there', async () => {
      expect(await leases.add(lease('nobody'), [])).toBe(false);
      expect(await leases.listOf('nobody', NOW)).toEqual([]);
    });

    test('are not written when a step beside them fails', async () => {
      await expect(leases.add(lease(made.clientId), [failing()])).rejects.toThrow();
      expect(await leases.listOf(made.clientId, NOW)).toEqual([]);
      expect(await versionOf(made.clientId)).toBe(1);
    });

    test('are removed by the client that has them alone', async () => {
      const other = client();
      await clients.insert(other, []);
      const kept = lease(made.clientId);
      await leases.add(kept, []);
      expect(await leases.remove(other.clientId, kept.id, [])).toBe(false);
      expect(await leases.remove(made.clientId, newId(), [])).toBe(false);
      expect(await leases.listOf(made.clientId, NOW)).toEqual([kept]);
      expect(await versionOf(other.clientId)).toBe(1);
    });

    test('count the version up when they come and when they go', async () => {
      const one = lease(made.clientId);
      expect(await leases.add(one, [])).toBe(true);
      expect(await versionOf(made.clientId)).toBe(2);
      expect(await leases.remove(made.clientId, one.id, [])).toBe(true);
      expect(await versionOf(made.clientId)).toBe(3);
      expect(await leases.remove(made.clientId, one.id, [])).toBe(false);
    });

    test('are listed while they live, oldest first, and swept when the next one comes', async () => {
      const [short, long] = [
        lease(made.clientId),
        lease(made.clientId, { createdAt: NOW + 1, expiresAt: NOW + 9000 }),
      ];
      await leases.add(short, []);
      await leases.add(long, []);
      expect(await leases.listOf(made.clientId, NOW)).toEqual([short, long]);
      expect(await leases.listOf(made.clientId, short.expiresAt)).toEqual([long]);
      const later = lease(made.clientId, { createdAt: NOW + 2000, expiresAt: NOW + 9000 });
      await leases.add(later, []);
      expect(await leases.listOf(made.clientId, NOW)).toEqual([long, later]);
    });

    test('of browser clients are told apart', async () => {
      const browser = client({
        secrets: [],
        metadata: completeMetadata({
          redirect_uris: ['https://b.example/cb'],
          token_endpoint_auth_method: 'none',
        }),
        options: { allowedOrigins: ['https://c.example'] },
      });
      await clients.insert(browser, []);
      await leases.add(lease(made.clientId), []);
      const own = lease(browser.clientId);
      await leases.add(own, []);
      expect(await leases.listOfPublic(NOW)).toEqual([own]);
      expect(await leases.listOfPublic(own.expiresAt)).toEqual([]);
      expect(await clients.publicAddresses()).toEqual(['https://b.example/cb', 'https://c.example']);
    });

    test('go with their client', async () => {
      await leases.add(lease(made.clientId), []);
      expect(await clients.remove(made.clientId, [])).toBe(true);
      expect(await leases.listOf(made.clientId, NOW)).toEqual([]);
    });
  });

  describe('update', () => {
    const change = (more = {}) => ({
      metadata: completeMetadata({ client_name: 'New', redirect_uris: ['https://n.example/cb'] }),
      requirePkce: true,
      options: { requireNonce: true },
      updatedAt: NOW + 5,
      secrets: 'keep' as const,
      ...more,
    });

    test('writes nothing over a change made meanwhile', async () => {
      expect(await clients.update(made, change(), [])).toBe(true);
      const first = await clients.find(made.clientId);
      expect(await clients.update(made, change({ requirePkce: false, secrets: 'drop' }), [])).toBe(false);
      expect(await clients.find(made.clientId)).toEqual(first);
    });

    test('of two at once one wins', async () => {
      const outcomes = await Promise.all([1, 2].map(() => clients.update(made, change(), [])));
      expect(outcomes.toSorted()).toEqual([false, true]);
      expect(await versionOf(made.clientId)).toBe(2);
    });

    test('is undone whole', async () => {
      await expect(clients.update(made, change({ secrets: 'drop' }), [failing()])).rejects.toThrow();
      expect(await clients.find(made.clientId)).toEqual(made);
    });

    test('keeps, drops or replaces the secrets', async () => {
      await clients.update(made, change(), []);
      const { secrets: _secrets, ...said } = change();
      const kept = { ...made, ...said, version: 2 };
      expect(await clients.find(made.clientId)).toEqual(kept);
      const fresh = secret();
      await clients.update(kept, change({ secrets: fresh, options: {} }), []);
      const replaced = { ...kept, options: {}, version: 3, secrets: [fresh] };
      expect(await clients.find(made.clientId)).toEqual(replaced);
      await clients.update(replaced, change({ secrets: 'drop' }), []);
      expect((await clients.find(made.clientId))?.secrets).toEqual([]);
    });
  });

  describe('endSecret', () => {
    test('touches no other client’s, and nothing that changed meanwhile', async () => {
      const other = client();
      await clients.insert(other, []);
      expect(await clients.endSecret(made, other.secrets[0]?.id ?? '', NOW, [])).toBe(false);
      expect(await versionOf(made.clientId)).toBe(1);
      expect(await clients.endSecret({ ...made, version: 9 }, made.secrets[0]?.id ?? '', NOW, [])).toBe(
        false,
      );
      expect(await clients.find(made.clientId)).toEqual(made);
      expect(await clients.find(other.clientId)).toEqual(other);
    });

    test('ends the one it names', async () => {
      const two = client({ secrets: [secret(), { ...secret(), createdAt: NOW + 1 }] });
      await clients.insert(two, []);
      expect(await clients.endSecret(two, two.secrets[0]?.id ?? '', NOW + 3, [])).toBe(true);
      expect(await clients.find(two.clientId)).toEqual({
        ...two,
        version: 2,
        updatedAt: NOW + 3,
        secrets: [two.secrets[1]],
      });
    });
  });

  test('usage counts live grants and consents of the client alone', async () => {
    const usage = createClientUsageStore(database);
    const grant = (more: object) => ({
      key: newId(),
      kind: 'Grant',
      client_id: made.clientId,
      account_id: newId(),
      expires_at: NOW + 1,
      payload: '{}',
      ...more,
    });
    const rows = [
      grant({}),
      grant({ expires_at: null }),
      grant({ expires_at: NOW }),
      grant({ revoked_at: NOW }),
      grant({ client_id: 'another' }),
      grant({ kind: 'AccessToken' }),
    ];
    const consent = { scopes: '[]', claims: '[]', resources: '{}', created_at: NOW, updated_at: NOW };
    const consents = [made.clientId, 'another'].map((client_id) => ({
      account_id: 'a',
      client_id,
      ...consent,
    }));
    await database.write([
      ...rows.map((row) => ({ query: database.sql('oidc_payloads').insert(row) })),
      ...consents.map((row) => ({ query: database.sql('consents').insert(row) })),
    ]);
    expect(await usage.of(made.clientId, NOW)).toEqual({ grants: 2, consents: 1 });
    expect(await usage.of('nobody', NOW)).toEqual({ grants: 0, consents: 0 });
  });

  test('what has ended is pruned, a batch at a time', async () => {
    const live = lease(made.clientId, { expiresAt: NOW + 5000 });
    for (const one of [lease(made.clientId), lease(made.clientId), lease(made.clientId), live])
      await leases.add({ ...one, createdAt: NOW }, []);
    expect(await leases.prune(NOW + 1000, 9)).toBe(0);
    expect(await leases.prune(NOW + 1001, 2)).toBe(2);
    expect(await leases.prune(NOW + 1001, 2)).toBe(1);
    expect((await leases.listOf(made.clientId, NOW)).map(({ id }) => id)).toEqual([live.id]);
  });
});
