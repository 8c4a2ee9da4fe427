import { beforeEach, describe, expect, test } from '@jest/globals';
import { newId } from '../../src/platform/crypto/ids.js';
import { type Database, UniqueViolation } from '../../src/platform/database/database.js';
import { createAccountStore, type NewAccount } from '../../src/stores/account-store.js';
import {
  createFederatedIdentityStore,
  type FederatedIdentity,
  type FederatedIdentityStore,
} from '../../src/stores/federated-identity-store.js';
import { describeOnBothDatabases } from '../support/databases.js';

const NOW = 1_700_000_000_000;

const account = (id: string, password?: NewAccount['password']): NewAccount => ({
  account: {
    id,
    username: id,
    emailVerified: false,
    roles: [],
    createdAt: NOW,
    updatedAt: NOW,
  },
  usernameKey: id,
  createdBy: 'test',
  ...(password ? { password } : {}),
});

const identity = (more: Partial<FederatedIdentity> = {}): FederatedIdentity => ({
  id: newId(),
  accountId: 'alice',
  issuer: 'https://id.example',
  subject: newId(),
  upstreamId: 'example',
  attributes: { user_id: '1', groups: ['a', 'b'] },
  extra: {},
  linkedBy: 'sign_up',
  undoUntil: undefined,
  createdAt: NOW,
  updatedAt: NOW,
  lastUsedAt: undefined,
  ...more,
});

describeOnBothDatabases('federated identities', (open) => {
  let database: Database;
  let store: FederatedIdentityStore;
  const add = (one: FederatedIdentity) => store.write([store.insertStep(one)]);

  beforeEach(async () => {
    database = await open();
    store = createFederatedIdentityStore(database);
  });

  test('A85: the same subject at another issuer is another identity', async () => {
    const here = identity({ subject: '7' });
    const there = identity({ subject: '7', issuer: 'https://other.example', accountId: 'bob' });
    await add(here);
    await add(there);
    expect((await store.find(here.issuer, '7'))?.accountId).toBe('alice');
    expect((await store.find(there.issuer, '7'))?.accountId).toBe('bob');
    expect(await store.find('https://third.example', '7')).toBeUndefined();
  });

  test('row 95: one identity belongs to one account, whatever else the unit holds', async () => {
    const first = identity({ subject: '7' });
    await add(first);
    const second = store.write([
      store.insertStep(identity({ subject: '8', accountId: 'bob' })),
      store.insertStep(identity({ subject: '7', accountId: 'bob' })),
    ]);
    await expect(second).rejects.toThrow(UniqueViolation);
    expect(await store.listOf('bob')).toEqual([]);
    expect(await store.findById(first.id)).toEqual(first);
  });

  test('the violation names the index', async () => {
    await add(identity({ subject: '7' }));
    const again = add(identity({ subject: '7' }));
    await expect(again).rejects.toMatchObject({ constraint: 'federated_identities_issuer_subject_unique' });
  });

  test('a sign-in is noted', async () => {
    const made = identity();
    await add(made);
    const seen = { upstreamId: 'renamed', attributes: { user_id: '2' }, at: NOW + 5 };
    const touch = (accountId: string) => store.write([store.touchStep(made.id, accountId, seen)]);
    expect(await touch('bob')).toBe(false);
    expect(await store.findById(made.id)).toEqual(made);
    expect(await touch('alice')).toBe(true);
    expect(await store.findById(made.id)).toEqual({
      ...made,
      upstreamId: 'renamed',
      attributes: { user_id: '2' },
      updatedAt: NOW + 5,
      lastUsedAt: NOW + 5,
    });
  });

  test('lists page by page', async () => {
    const ids = [identity(), identity(), identity()];
    for (const one of ids) await add(one);
    const sorted = ids.map(({ id }) => id).sort();
    expect((await store.list({ limit: 2 })).map(({ id }) => id)).toEqual(sorted.slice(0, 2));
    expect((await store.list({ after: sorted[1], limit: 2 })).map(({ id }) => id)).toEqual(sorted.slice(2));
  });

  test('is removed by its own account alone', async () => {
    const made = identity();
    await add(made);
    expect(await store.write([store.removeStep(made.id, 'bob')])).toBe(false);
    expect(await store.write([store.removeStep(made.id, 'alice')])).toBe(true);
    expect(await store.write([store.removeStep(made.id, 'alice')])).toBe(false);
  });

  describe('A89: the last way in', () => {
    const HASH = { hash: 'h', setAt: NOW, mustChange: false };
    const people = () => createAccountStore(database);
    const remove = (id: string, ways = ['example', 'other']) =>
      store.write(store.removeSpareSteps(id, 'alice', ways, NOW + 1));

    test('stays without a password', async () => {
      await people().insert(account('alice'), []);
      const only = identity();
      await add(only);
      expect(await remove(only.id)).toBe(false);
      expect(await store.findById(only.id)).toEqual(only);
    });

    test('stays with a password that ends', async () => {
      await people().insert(account('alice', { ...HASH, expiresAt: NOW + 1000 }), []);
      const only = identity();
      await add(only);
      expect(await remove(only.id)).toBe(false);
    });

    test('stays beside an identity whose upstream is not in use any more', async () => {
      await people().insert(account('alice'), []);
      const only = identity();
      await add(only);
      await add(identity({ upstreamId: 'gone' }));
      expect(await remove(only.id)).toBe(false);
    });

    test("stays beside another account's identity", async () => {
      await people().insert(account('alice'), []);
      const only = identity();
      await add(only);
      await add(identity({ accountId: 'bob' }));
      expect(await remove(only.id)).toBe(false);
    });

    test('goes with a password, or with another identity', async () => {
      await people().insert(account('alice'), []);
      const [first, second] = [identity(), identity({ upstreamId: 'other' })];
      await add(first);
      await add(second);
      expect(await remove(first.id)).toBe(true);
      expect(await remove(second.id)).toBe(false);
      await people().setPassword('alice', HASH, undefined, []);
      expect(await remove(second.id)).toBe(true);
      expect(await store.listOf('alice')).toEqual([]);
    });

    test('of two that are removed at once, one stays', async () => {
      await people().insert(account('alice'), []);
      for (let round = 0; round < 10; round += 1) {
        const pair = [identity(), identity()] as const;
        for (const one of pair) await add(one);
        const done = await Promise.all(pair.map(({ id }) => remove(id)));
        expect(done.filter(Boolean)).toHaveLength(1);
        const [left] = await store.listOf('alice');
        expect(await store.listOf('alice')).toHaveLength(1);
        await store.write([store.removeStep(left?.id ?? '', 'alice')]);
      }
    });
  });
});
