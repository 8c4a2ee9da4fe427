import { beforeEach, describe, expect, test } from '@jest/globals';
import type { OpenDatabase } from '../../src/platform/database/open.js';
import { createAccountStore } from '../../src/stores/account-store.js';
import { createConsentStore } from '../../src/stores/consent-store.js';
import { createLeavingStore } from '../../src/stores/leaving-store.js';
import { createPayloadStore } from '../../src/stores/open-payload-store.js';
import type { PayloadRow } from '../../src/stores/payload-store.js';
import { createSessionFactStore, type SessionFacts } from '../../src/stores/session-fact-store.js';
import { describeOnBothDatabases } from '../support/databases.js';

const NOW = 1_800_000_000_000;
const LATER = NOW + 3_600_000;
const clock = { now: () => NOW };

const facts = (more: Partial<SessionFacts> = {}): SessionFacts => ({
  id: 'f1',
  sessionUid: 'u1',
  accountId: 'alice',
  userAgent: 'Firefox',
  ip: '192.0.2.1',
  firstSeenAt: NOW,
  lastSeenAt: NOW,
  expiresAt: LATER,
  ...more,
});

const row = (more: Partial<PayloadRow>): PayloadRow => ({
  key: 'k1',
  kind: 'Session',
  grantKey: null,
  sessionUid: 'u1',
  userCode: null,
  accountId: 'alice',
  clientId: null,
  expiresAt: LATER,
  payload: '{}',
  sealed: null,
  ...more,
});

const account = (id: string, roles: readonly string[] = ['admin']) => ({
  account: { id, username: id, emailVerified: false, roles, createdAt: 1, updatedAt: 1 },
  usernameKey: id,
  createdBy: 'cli',
});

describeOnBothDatabases('what belongs to an account', (open) => {
  let database: OpenDatabase;
  beforeEach(async () => {
    database = await open();
  });
  const put = async (...rows: PayloadRow[]) => {
    const payloads = createPayloadStore(database, clock);
    for (const one of rows) await payloads.once(one);
    return payloads;
  };

  describe('session facts', () => {
    test('only those of living sessions of the account are listed, the last seen first', async () => {
      const store = createSessionFactStore(database);
      await put(
        row({}),
        row({ key: 'k2', sessionUid: 'u2' }),
        row({ key: 'k3', sessionUid: 'u3', expiresAt: NOW }),
        row({ key: 'k4', sessionUid: 'u4', accountId: 'bob' }),
      );
      for (const n of [1, 2, 3, 4, 5])
        await store.see(facts({ id: `f${n}`, sessionUid: `u${n}`, lastSeenAt: NOW + n }));
      expect((await store.listLive('alice', NOW)).map(({ id }) => id)).toEqual(['f2', 'f1']);
      expect(await store.listLive('bob', NOW)).toEqual([]);
    });

    test('a later sighting changes what is last, not what was first', async () => {
      const store = createSessionFactStore(database);
      await store.see(facts());
      await store.see(facts({ id: 'other', ip: '192.0.2.9', firstSeenAt: NOW + 5, lastSeenAt: NOW + 5 }));
      expect(await store.find('alice', 'f1')).toEqual(facts({ ip: '192.0.2.9', lastSeenAt: NOW + 5 }));
      expect(await store.find('bob', 'f1')).toBeUndefined();
    });

    test('are removed one, all but one, or all; and pruned', async () => {
      const store = createSessionFactStore(database);
      const fill = async () => {
        for (const n of [1, 2, 3]) await store.see(facts({ id: `f${n}`, sessionUid: `u${n}` }));
      };
      const left = async () => {
        const ids = await Promise.all(['f1', 'f2', 'f3'].map((id) => store.find('alice', id)));
        return ids.flatMap((one) => one?.id ?? []);
      };
      await fill();
      await store.remove('bob');
      await store.remove('alice', { only: 'u1' });
      expect(await left()).toEqual(['f2', 'f3']);
      await store.remove('alice', { except: 'u3' });
      expect(await left()).toEqual(['f3']);
      await fill();
      expect(await store.prune(LATER + 1, 2)).toBe(2);
      expect(await store.prune(LATER + 1, 2)).toBe(1);
    });
  });

  describe('sessions and grants', () => {
    test('sessions end one, all but one, or all, only of the account', async () => {
      const sessions = [1, 2, 3].map((n) => row({ key: `k${n}`, sessionUid: `u${n}` }));
      const payloads = await put(...sessions, row({ key: 'k9', sessionUid: 'u9', accountId: 'bob' }));
      expect(await payloads.endSessions('alice', { only: 'u9' })).toBe(0);
      expect(await payloads.endSessions('alice', { only: 'u1' })).toBe(1);
      expect(await payloads.endSessions('alice', { except: 'u2' })).toBe(1);
      expect(await payloads.findSessionByUid('u2')).toBeDefined();
      expect(await payloads.endSessions('alice')).toBe(1);
      expect(await payloads.findSessionByUid('u9')).toBeDefined();
    });

    test('clients with living grants are named once each', async () => {
      const grant = (key: string, clientId: string, more = {}) =>
        row({ key, kind: 'Grant', sessionUid: null, clientId, ...more });
      const payloads = await put(
        grant('g1', 'b'),
        grant('g2', 'a', { expiresAt: null }),
        grant('g3', 'a'),
        grant('g4', 'c', { expiresAt: NOW }),
        grant('g5', 'd', { accountId: 'bob' }),
        row({ key: 't1', kind: 'AccessToken', clientId: 'e' }),
      );
      expect(await payloads.listGrantedClients('alice')).toEqual(['a', 'b']);
      await payloads.revokeGrants({ accountId: 'alice', clientId: 'a' }, NOW);
      expect(await payloads.listGrantedClients('alice')).toEqual(['b']);
    });

    test('a consent loses what was withdrawn and keeps the rest', async () => {
      const store = createConsentStore(database, clock);
      const agreed = (scopes: string[]) => ({ scopes, claims: [], resources: {} });
      await store.add('alice', 'a', agreed(['openid', 'profile', 'email']));
      await store.add('alice', 'a', agreed(['roles']), [], ['email']);
      expect((await store.find('alice', 'a'))?.scopes).toEqual(['openid', 'profile', 'roles']);
    });
  });

  describe('profile', () => {
    test('is written with its sources, unless the account changed meanwhile', async () => {
      const store = createAccountStore(database);
      await store.insert(account('alice'), []);
      const profile = { displayName: 'Ada', givenName: undefined, familyName: undefined, locale: 'en' };
      const change = { profile, sources: { displayName: 'self' }, at: 7 };
      expect(await store.setProfile('alice', change, 6, [])).toBe(false);
      expect((await store.findCredentials({ id: 'alice' }))?.sources).toEqual({});
      expect(await store.setProfile('alice', change, 1, [])).toBe(true);
      const found = await store.findCredentials({ id: 'alice' });
      expect(found).toMatchObject({
        sources: { displayName: 'self' },
        account: { displayName: 'Ada', locale: 'en', updatedAt: 7 },
      });
    });
  });

  describe('leaving', () => {
    test('is asked for once and taken back once', async () => {
      const store = createLeavingStore(database, 'admin');
      await createAccountStore(database).insert(account('alice', []), []);
      expect(await store.setDeleteAt('alice', undefined, [])).toBe(false);
      expect(await store.setDeleteAt('alice', NOW, [])).toBe(true);
      expect(await store.setDeleteAt('alice', NOW + 1, [])).toBe(false);
      expect(await store.listDue(NOW - 1, 10)).toEqual([]);
      expect(await store.listDue(NOW, 10)).toEqual([{ accountId: 'alice', username: 'alice' }]);
      expect(await store.setDeleteAt('alice', undefined, [])).toBe(true);
      expect(await store.listDue(NOW, 10)).toEqual([]);
    });

    test('the last administrator stays, also when two of them go at once', async () => {
      const store = createLeavingStore(database, 'admin');
      const accounts = createAccountStore(database);
      for (const id of ['alice', 'bob', 'carol']) await accounts.insert(account(id), []);
      await accounts.insert(account('dave', []), []);
      await accounts.setDisabled('carol', true, NOW, []);
      expect(await store.isLastHolder('alice')).toBe(false);
      const asked = await Promise.all(['alice', 'bob'].map((id) => store.setDeleteAt(id, NOW, [])));
      expect(asked.filter(Boolean)).toHaveLength(1);
      const [stays, goes] = asked[0] ? ['bob', 'alice'] : ['alice', 'bob'];
      expect(await store.isLastHolder(stays)).toBe(true);
      expect(await store.isLastHolder('dave')).toBe(false);
      expect(await store.setDeleteAt('dave', NOW, [])).toBe(true);
      // Asked for while there was another one, who is shut out by the time it is done.
      await accounts.setDisabled(stays, true, NOW, []);
      expect(await store.remove(goes, NOW, [])).toBe(false);
      expect(await accounts.findById(goes)).toBeDefined();
      await accounts.setDisabled(stays, false, NOW, []);
      expect(await store.remove(goes, NOW, [])).toBe(true);
    });

    test('who took it back at the last moment loses nothing; who did not, everything, and nobody else does', async () => {
      const store = createLeavingStore(database, 'admin');
      const accounts = createAccountStore(database);
      const { sql } = database;
      for (const id of ['alice', 'bob']) {
        await accounts.insert(account(id), []);
        await database.run(
          sql('clients').insert({
            client_id: `of-${id}`,
            owner_id: id,
            metadata: '{}',
            created_at: 1,
            updated_at: 1,
          }),
        );
        await database.run(
          sql('client_secrets').insert({ id: `s-${id}`, client_id: `of-${id}`, created_at: 1 }),
        );
        await createConsentStore(database, clock).add(id, 'of-alice', {
          scopes: ['openid'],
          claims: [],
          resources: {},
        });
      }
      await createConsentStore(database, clock).add('bob', 'of-bob', {
        scopes: [],
        claims: [],
        resources: {},
      });
      expect(await store.remove('alice', NOW, [])).toBe(false);
      expect(await accounts.findById('alice')).toBeDefined();
      expect(await database.all(sql('clients'))).toHaveLength(2);

      await store.setDeleteAt('alice', NOW, []);
      expect(await store.remove('alice', NOW, [])).toBe(true);
      expect(await accounts.findById('alice')).toBeUndefined();
      expect(await accounts.findById('bob')).toMatchObject({ roles: ['admin'] });
      const left = async (table: string) => await database.all<Record<string, string>>(sql(table));
      expect(await left('clients')).toEqual([expect.objectContaining({ client_id: 'of-bob' })]);
      expect(await left('client_secrets')).toEqual([expect.objectContaining({ id: 's-bob' })]);
      expect(await left('consents')).toEqual([expect.objectContaining({ client_id: 'of-bob' })]);
      expect(await left('account_roles')).toEqual([expect.objectContaining({ account_id: 'bob' })]);
    });
  });
});
