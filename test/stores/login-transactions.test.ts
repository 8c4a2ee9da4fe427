import { beforeEach, expect, test } from '@jest/globals';
import { newId, sha256 } from '../../src/platform/crypto/ids.js';
import type { Database } from '../../src/platform/database/database.js';
import {
  createLoginTransactionStore,
  type LoginKey,
  type LoginTransactionStore,
  type StoredLogin,
} from '../../src/stores/login-transaction-store.js';
import { describeOnBothDatabases } from '../support/databases.js';

const NOW = 1_700_000_000_000;

const login = (more: Partial<StoredLogin> = {}): StoredLogin => ({
  key: sha256(newId()),
  stage: 'begun',
  browser: sha256('this browser'),
  upstreamId: 'orcid',
  door: 'page',
  sealed: 'sealed',
  createdAt: NOW,
  expiresAt: NOW + 600_000,
  ...more,
});

const keyOf = ({ key, stage, browser }: StoredLogin, more: Partial<LoginKey> = {}): LoginKey => ({
  key,
  stage,
  browsers: [sha256('its other cookie'), browser],
  now: NOW,
  ...more,
});

describeOnBothDatabases('login transactions', (open) => {
  let database: Database;
  let store: LoginTransactionStore;
  let made: StoredLogin;

  beforeEach(async () => {
    database = await open();
    store = createLoginTransactionStore(database);
    made = login();
    await store.insert(made);
  });

  test.each<[string, Partial<LoginKey>]>([
    ['another browser', { browsers: [sha256('another browser')] }],
    ['another stage', { stage: 'sign_up' }],
    ['another state', { key: sha256('guess') }],
    ['too late', { now: NOW + 600_000 }],
  ])('A80: %s takes nothing and leaves the row to its own browser', async (_name, wrong) => {
    expect(await store.find(keyOf(made, wrong))).toBeUndefined();
    expect(await store.take(keyOf(made, wrong))).toBeUndefined();
    expect(await database.write([store.takeStep(keyOf(made, wrong))])).toBe(false);
    expect(await store.take(keyOf(made))).toEqual(made);
  });

  test('one of twenty at once takes it', async () => {
    const taken = await Promise.all(Array.from({ length: 20 }, () => store.take(keyOf(made))));
    expect(taken.filter((found) => found !== undefined)).toEqual([made]);
    expect(await store.find(keyOf(made))).toBeUndefined();
  });

  test('one of twenty units that take it is written', async () => {
    const units = Array.from({ length: 20 }, () => {
      const other = login();
      return database.write([
        store.takeStep(keyOf(made)),
        { query: database.sql('login_transactions').insert({ ...rowOf(other) }) },
      ]);
    });
    expect((await Promise.all(units)).filter(Boolean)).toHaveLength(1);
    expect(await database.all(database.sql('login_transactions'))).toHaveLength(1);
  });

  test('what ended is pruned, what lives stays', async () => {
    const old = login({ expiresAt: NOW - 1 });
    await store.insert(old);
    expect(await store.prune(NOW, 100)).toBe(1);
    expect(await store.find(keyOf(made))).toEqual(made);
  });
});

const rowOf = (one: StoredLogin) => ({
  key: one.key,
  stage: one.stage,
  browser: one.browser,
  upstream_id: one.upstreamId,
  door: one.door,
  sealed: one.sealed,
  created_at: one.createdAt,
  expires_at: one.expiresAt,
});
