import { beforeEach, describe, expect, test } from '@jest/globals';
import type { ClientRecord } from '../../../src/clients/client.js';
import { type ClientDocument, type Clients, createClients } from '../../../src/clients/register.js';
import { createClientSecrets } from '../../../src/clients/secrets.js';
import { DEFAULT_RULES } from '../../../src/clients/server-rules.js';
import { type AuditEvent, createAudit } from '../../../src/platform/audit/audit.js';
import { createSecretBox } from '../../../src/platform/crypto/secret-box.js';
import { InvalidInput } from '../../../src/platform/errors/errors.js';
import type { ClientStore } from '../../../src/stores/client-store.js';

const METADATA = { client_name: 'App', redirect_uris: ['https://app.example/cb'] };

let now: number;
let kept: Map<string, ClientRecord>;
let events: AuditEvent[];
let judged: ClientDocument[];
let judge: (client: ClientDocument) => Promise<void>;
let clients: Clients;
let beforeRotate: () => void;
const secrets = createClientSecrets({
  box: createSecretBox(['k'], 'client-secret'),
  clock: { now: () => now },
});

/** What the store promises, without a database; `test/stores` holds the real one to it. */
const store: ClientStore = {
  find: async (clientId) => kept.get(clientId),
  findVersion: async (clientId) => kept.get(clientId)?.version,
  listOf: async (ownerId) => [...kept.values()].filter((client) => client.ownerId === ownerId),
  listAll: async () => [...kept.values()],
  publicAddresses: async () => [],
  insert: async (client) => {
    kept.set(client.clientId, client);
  },
  rotate: async (client, { fresh, keep }) => {
    beforeRotate();
    const current = kept.get(client.clientId);
    if (current?.version !== client.version) return false;
    const old = current.secrets
      .filter((secret) => secret.id === keep?.id)
      .map((secret) => ({ ...secret, expiresAt: keep?.endAt ?? 0 }));
    kept.set(client.clientId, { ...current, version: current.version + 1, secrets: [...old, fresh] });
    return true;
  },
  update: async (client, { secrets: change, ...changed }) => {
    const current = kept.get(client.clientId);
    if (current?.version !== client.version) return false;
    const secretsNow = change === 'keep' ? current.secrets : change === 'drop' ? [] : [change];
    kept.set(client.clientId, { ...current, ...changed, version: current.version + 1, secrets: secretsNow });
    return true;
  },
  endSecret: async (client, secretId) => {
    const current = kept.get(client.clientId);
    if (current?.version !== client.version) return false;
    const left = current.secrets.filter(({ id }) => id !== secretId);
    kept.set(client.clientId, { ...current, version: current.version + 1, secrets: left });
    return true;
  },
  remove: async (clientId) => kept.delete(clientId),
};

const audit = createAudit({
  store: {
    step(record) {
      events.push(record);
      return { query: { toSQL: () => undefined as never } };
    },
    add: async () => undefined,
  },
  clock: { now: () => now },
});

beforeEach(() => {
  now = 1_000_000;
  kept = new Map();
  events = [];
  judged = [];
  judge = async () => undefined;
  beforeRotate = () => undefined;
  const asked = async (client: ClientDocument) => {
    judged.push(client);
    await judge(client);
  };
  clients = createClients({
    store,
    secrets,
    rules: DEFAULT_RULES,
    judge: asked,
    audit,
    clock: { now: () => now },
  });
});

describe('nothing is saved', () => {
  test('when a rule is broken, and the library is not asked', async () => {
    const bad = clients.register({ owner: 'a', metadata: { redirect_uris: ['javascript:alert(1)'] } });
    await expect(bad).rejects.toBeInstanceOf(InvalidInput);
    expect([kept.size, judged.length, events.length]).toEqual([0, 0, 0]);
  });

  test('when the library refuses', async () => {
    judge = async () => {
      throw new InvalidInput([{ field: 'scope', message: 'no' }]);
    };
    await expect(clients.register({ metadata: METADATA })).rejects.toThrow('scope: no');
    expect([kept.size, events.length]).toEqual([0, 0]);
  });
});

describe('register', () => {
  test('makes an id of 24 and a secret of 48 letters and digits, and keeps the hash alone', async () => {
    const { client, secret } = await clients.register({ owner: 'alice', metadata: METADATA });
    expect(client.clientId).toMatch(/^[A-Za-z0-9]{24}$/);
    expect(secret).toMatch(/^[A-Za-z0-9]{48}$/);
    expect(client).toMatchObject({ ownerId: 'alice', createdBy: 'alice', version: 1, requirePkce: false });
    expect(JSON.stringify([...kept.values()])).not.toContain(secret);
    expect(JSON.stringify(events)).not.toContain(secret);
    expect(secrets.matches(client, secret ?? '')).toBe(true);
    expect(judged[0]).toMatchObject({ client_id: client.clientId, client_secret: secret, ...METADATA });
    expect(events).toEqual([
      expect.objectContaining({ event: 'client.created', clientId: client.clientId, actorId: 'alice' }),
    ]);
  });

  test('gives no secret to public and key clients', async () => {
    const jwks = { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }] };
    for (const more of [
      { token_endpoint_auth_method: 'none' },
      { token_endpoint_auth_method: 'private_key_jwt', jwks },
    ]) {
      const made = await clients.register({ metadata: { ...METADATA, ...more } });
      expect(made).not.toHaveProperty('secret');
      expect(made.client.secrets).toEqual([]);
    }
  });

  test('seals the secret of client_secret_jwt', async () => {
    const metadata = { ...METADATA, token_endpoint_auth_method: 'client_secret_jwt' };
    const { client, secret } = await clients.register({ metadata });
    expect(client.secrets).toEqual([expect.not.objectContaining({ hash: expect.anything() })]);
    expect(JSON.stringify(client)).not.toContain(secret);
    expect(secrets.texts(client)).toEqual([secret]);
  });

  test('stores nothing it was not asked for (A105)', async () => {
    const metadata = {
      ...METADATA,
      client_id: 'mine',
      client_secret: 's',
      is_admin: true,
      skip_consent: true,
    };
    const { client } = await clients.register({ metadata });
    expect(client.clientId).not.toBe('mine');
    expect(Object.keys(client.metadata)).toEqual(
      expect.not.arrayContaining(['client_id', 'client_secret', 'is_admin', 'skip_consent']),
    );
  });
});

describe('a client', () => {
  test('of somebody else is not found', async () => {
    const { client } = await clients.register({ owner: 'alice', metadata: METADATA });
    const unowned = await clients.register({ metadata: METADATA });
    expect(await clients.findOwned('bob', client.clientId)).toBeUndefined();
    expect(await clients.findOwned('bob', unowned.client.clientId)).toBeUndefined();
    expect(await clients.findOwned('alice', client.clientId)).toEqual(client);
    expect(await clients.listOf('bob')).toEqual([]);
    expect(await clients.listAll()).toHaveLength(2);
  });

  test('is removed once', async () => {
    const { client } = await clients.register({ owner: 'alice', metadata: METADATA });
    expect(await clients.remove(client.clientId, { actorId: 'alice' })).toBe(true);
    expect(await clients.remove(client.clientId)).toBe(false);
    expect(await clients.find(client.clientId)).toBeUndefined();
  });
});

describe('rotateSecret', () => {
  const matching = async (clientId: string, texts: readonly string[]) => {
    const client = await clients.find(clientId);
    return client === undefined ? [] : texts.filter((text) => secrets.matches(client, text));
  };

  test('refuses unknown clients and those without a secret', async () => {
    await expect(clients.rotateSecret('nobody')).rejects.toMatchObject({ status: 404 });
    const metadata = { ...METADATA, token_endpoint_auth_method: 'none' };
    const { client } = await clients.register({ metadata });
    await expect(clients.rotateSecret(client.clientId)).rejects.toMatchObject({ status: 409 });
  });

  test('ends the old secret now, unless told when', async () => {
    const { client, secret: first = '' } = await clients.register({ metadata: METADATA });
    const second = await clients.rotateSecret(client.clientId);
    expect(await matching(client.clientId, [first, second])).toEqual([second]);
    now += 1;
    const third = await clients.rotateSecret(client.clientId, { endOldAt: now + 100 });
    expect(await matching(client.clientId, [first, second, third])).toEqual([second, third]);
    now += 100;
    expect(await matching(client.clientId, [first, second, third])).toEqual([third]);
    expect((await clients.find(client.clientId))?.version).toBe(3);
  });

  test('keeps at most two, the newest, and never lengthens an old one', async () => {
    const { client, secret: first = '' } = await clients.register({ metadata: METADATA });
    const second = await clients.rotateSecret(client.clientId, { endOldAt: now + 100 });
    const third = await clients.rotateSecret(client.clientId, { endOldAt: now + 100 });
    expect(await matching(client.clientId, [first, second, third])).toEqual([second, third]);
    expect((await clients.find(client.clientId))?.secrets).toHaveLength(2);
  });

  test('follows a change made meanwhile', async () => {
    const { client } = await clients.register({ metadata: METADATA });
    let raced = false;
    beforeRotate = () => {
      if (raced) return;
      raced = true;
      kept.set(client.clientId, { ...client, version: 7 });
    };
    const secret = await clients.rotateSecret(client.clientId);
    expect(await matching(client.clientId, [secret])).toEqual([secret]);
    expect(await clients.findVersion(client.clientId)).toBe(8);
  });
});
