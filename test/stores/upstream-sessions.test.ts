import { beforeEach, expect, test } from '@jest/globals';
import { newId } from '../../src/platform/crypto/ids.js';
import type { Database } from '../../src/platform/database/database.js';
import { createSessionFactStore } from '../../src/stores/session-fact-store.js';
import {
  createUpstreamSessionStore,
  type StoredUpstreamSession,
  type UpstreamSessionStore,
} from '../../src/stores/upstream-session-store.js';
import { describeOnBothDatabases } from '../support/databases.js';

const NOW = 1_700_000_000_000;

const session = (more: Partial<StoredUpstreamSession> = {}): StoredUpstreamSession => ({
  sessionUid: newId(),
  accountId: 'alice',
  identityId: newId(),
  upstreamId: 'example',
  issuer: 'https://id.example',
  subject: '7',
  sid: 'there',
  sealed: 'sealed',
  createdAt: NOW,
  expiresAt: NOW + 1000,
  ...more,
});

describeOnBothDatabases('upstream sessions', (open) => {
  let database: Database;
  let store: UpstreamSessionStore;

  beforeEach(async () => {
    database = await open();
    store = createUpstreamSessionStore(database);
  });

  test('a later sign-in in the same session replaces the earlier one', async () => {
    const first = session();
    const second = session({ sessionUid: first.sessionUid, subject: '8', sid: undefined, upstreamId: 'b' });
    await store.put(first);
    await store.put(second);
    expect(await store.find(first.sessionUid)).toEqual(second);
    await store.remove(first.sessionUid);
    expect(await store.find(first.sessionUid)).toBeUndefined();
  });

  test('are found by what the upstream calls them, never by nothing', async () => {
    const [one, two] = [session(), session({ sid: 'another' })];
    const foreign = session({ issuer: 'https://other.example' });
    for (const it of [one, two, foreign]) await store.put(it);
    const uids = async (of: Parameters<UpstreamSessionStore['listByUpstream']>[0]) =>
      (await store.listByUpstream(of)).map(({ sessionUid }) => sessionUid).sort();
    const { issuer } = one;
    expect(await uids({ issuer, sid: 'there' })).toEqual([one.sessionUid]);
    expect(await uids({ issuer, subject: '7' })).toEqual([one.sessionUid, two.sessionUid].sort());
    expect(await uids({ issuer, subject: '8', sid: 'there' })).toEqual([]);
    expect(await uids({ issuer })).toEqual([]);
    expect(await store.listOf('alice')).toHaveLength(3);
  });

  test('what ended is pruned, but for sessions that are still in use', async () => {
    const [gone, used, live] = [session(), session(), session({ expiresAt: NOW + 9000 })];
    for (const it of [gone, used, live]) await store.put(it);
    await createSessionFactStore(database).see({
      id: newId(),
      sessionUid: used.sessionUid,
      accountId: 'alice',
      userAgent: undefined,
      ip: undefined,
      firstSeenAt: NOW,
      lastSeenAt: NOW,
      expiresAt: NOW + 9000,
    });
    expect(await store.prune(NOW + 5000, 100)).toBe(1);
    expect(await store.find(gone.sessionUid)).toBeUndefined();
    expect(await store.find(used.sessionUid)).toEqual(used);
    expect(await store.find(live.sessionUid)).toEqual(live);
  });
});
