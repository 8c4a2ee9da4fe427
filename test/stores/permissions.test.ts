import { beforeEach, describe, expect, test } from '@jest/globals';
import { createRoles } from '../../src/accounts/roles.js';
import type { PermissionProfile } from '../../src/permission-service/profile.js';
import { ALREADY_SET, createProfiles, type Profiles } from '../../src/permission-service/profiles.js';
import { createServices, type Services } from '../../src/permission-service/services.js';
import { type Audit, createAudit } from '../../src/platform/audit/audit.js';
import { newId } from '../../src/platform/crypto/ids.js';
import { type Database, UniqueViolation } from '../../src/platform/database/database.js';
import { createAccountStore } from '../../src/stores/account-store.js';
import { createAuditStore } from '../../src/stores/audit-store.js';
import { createLeavingStore } from '../../src/stores/leaving-store.js';
import {
  createPermissionProfileStore,
  type PermissionProfileStore,
} from '../../src/stores/permission-profile-store.js';
import { createPermissionTokenStore } from '../../src/stores/permission-token-store.js';
import { createRoleStore } from '../../src/stores/role-store.js';
import { createServiceStore } from '../../src/stores/service-store.js';
import { describeOnBothDatabases } from '../support/databases.js';
import { movingClock } from '../unit/accounts/fakes.js';

const NOW = 1_800_000_000_000;
const INFO = { ip: '192.0.2.1', requestId: 'r' };
const BY = { actorId: 'cli' };

describeOnBothDatabases('the permission service', (open) => {
  let database: Database;
  let store: PermissionProfileStore;
  let profiles: Profiles;
  let services: Services;
  let audit: Audit;
  const warnings: object[] = [];
  const clock = movingClock();
  const log = { warn: (fields: object) => void warnings.push(fields) };

  beforeEach(async () => {
    database = await open();
    store = createPermissionProfileStore(database);
    audit = createAudit({ store: createAuditStore(database), clock });
    profiles = createProfiles({ store, audit, clock, log });
    services = createServices({ store: createServiceStore(database), audit, clock });
    warnings.length = 0;
  });

  async function account(username: string, more: object = {}) {
    const fresh = {
      id: newId(),
      username,
      emailVerified: true,
      email: `${username}@example.org`,
      roles: [],
      createdAt: NOW,
      updatedAt: NOW,
      ...more,
    };
    const made = { account: fresh, usernameKey: username, createdBy: 'cli' };
    await createAccountStore(database).insert(made, []);
    return { ...fresh, disabled: false, mustChangePassword: false, accessEpoch: 0 };
  }
  const hints = (username: string, providerId = 'google:1') => ({ username, providerId });
  const nameOf = async (accountId: string) => (await store.findByAccount(accountId))?.username;

  describe('names', () => {
    test('row 57: are stored lower case, and a second bob becomes bob1', async () => {
      const [first, second, third] = [await account('a'), await account('b'), await account('c')];
      expect((await profiles.ensure(first, hints('Bob'))).profile.username).toBe('bob');
      expect((await profiles.ensure(second, hints('BOB'))).profile.username).toBe('bob1');
      expect((await profiles.ensure(third, hints('bob'))).profile.username).toBe('bob2');
    });

    test('row 52: stay as they are at every later login, where the original flipped them', async () => {
      const bob = await account('x');
      await profiles.ensure(bob, hints('bob'));
      const again = await profiles.ensure(bob, hints('robert', 'github:9'));
      expect(again).toMatchObject({ created: false, profile: { username: 'bob', providerId: 'github:9' } });
      expect(await store.findByAccount(bob.id)).toMatchObject({ username: 'bob', providerId: 'github:9' });
    });

    test('are never another account’s user name, nor reserved', async () => {
      const [, mine] = [await account('carol'), await account('y')];
      expect((await profiles.ensure(mine, hints('carol'))).profile.username).toBe('carol1');
      const root = await account('z');
      expect((await profiles.ensure(root, hints('admin'))).profile.username).toBe('admin1');
      const own = await account('dora');
      expect((await profiles.ensure(own, hints('dora'))).profile.username).toBe('dora');
    });

    test('that will not do become user, with a number', async () => {
      const names = ['0000-0002-1825-0097', 'a b', '../x', 'me@example.org', ''];
      const got: (string | undefined)[] = [];
      for (const [index, name] of names.entries()) {
        const person = await account(`p${index}`);
        got.push((await profiles.ensure(person, hints(name))).profile.username);
      }
      // `user` itself is reserved.
      expect(got).toEqual(['user1', 'user2', 'user3', 'user4', 'user5']);
    });

    test('twenty first logins at once make one profile, and one of them is told that it is new', async () => {
      const bob = await account('q');
      const all = await Promise.all(Array.from({ length: 20 }, () => profiles.ensure(bob, hints('bob'))));
      expect(all.filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(all.map(({ profile }) => profile.username))).toEqual(new Set(['bob']));
    });

    test('twenty people of one name get twenty names', async () => {
      const people = await Promise.all(Array.from({ length: 20 }, (_, index) => account(`n${index}`)));
      const all = await Promise.all(people.map((person) => profiles.ensure(person, hints('bob'))));
      expect(new Set(all.map(({ profile }) => profile.username)).size).toBe(20);
    });
  });

  describe('row 52: the one choice of a name', () => {
    test('succeeds once out of twenty at the same moment', async () => {
      const bob = await account('q');
      await profiles.ensure(bob, hints('bob'));
      const wanted = Array.from({ length: 20 }, (_, index) => `chosen${index}`);
      const answers = await Promise.all(wanted.map((name) => profiles.chooseUsername(bob.id, name, INFO)));
      const winners = wanted.filter((_, index) => answers[index] === undefined);
      expect(winners).toHaveLength(1);
      expect(answers.filter((answer) => answer === ALREADY_SET)).toHaveLength(19);
      expect(await nameOf(bob.id)).toBe(winners[0]);
    });

    test('gives one name to one of twenty people who want it at the same moment', async () => {
      const people = await Promise.all(Array.from({ length: 20 }, (_, index) => account(`n${index}`)));
      for (const person of people) await profiles.ensure(person, hints(person.username));
      const answers = await Promise.all(people.map(({ id }) => profiles.chooseUsername(id, 'Wanted', INFO)));
      expect(answers.filter((answer) => answer === undefined)).toHaveLength(1);
      expect(new Set(answers)).toEqual(new Set([undefined, 'This username is taken.']));
      const names = await Promise.all(people.map(({ id }) => nameOf(id)));
      expect(names.filter((name) => name === 'wanted')).toHaveLength(1);
      // Who did not get it may still choose another one.
      const loser = people.find((_, index) => names[index] !== 'wanted');
      expect(await profiles.chooseUsername(loser?.id ?? '', 'other', INFO)).toBeUndefined();
    });

    test('is audited, refuses names that will not do, and leaves the choice open', async () => {
      const bob = await account('q');
      await account('carol');
      await profiles.ensure(bob, hints('bob'));
      for (const name of ['', 'a b', 'admin', 'x@example.org', 'nul\0', 'carol', 'a'.repeat(65)]) {
        expect([name, await profiles.chooseUsername(bob.id, name, INFO)]).toEqual([name, expect.any(String)]);
      }
      expect(await profiles.chooseUsername(bob.id, 'Bobby', INFO)).toBeUndefined();
      const [event] = await createAuditStore(database).list({ accountId: bob.id, limit: 1 });
      expect(event).toMatchObject({
        event: 'permission.username_chosen',
        ip: INFO.ip,
        detail: { username: 'bobby' },
      });
    });
  });

  test('what an extension changed is taken as far as it is free and fits', async () => {
    const [bob, carol] = [await account('b'), await account('c')];
    const { profile } = await profiles.ensure(bob, hints('bob'));
    const other = await profiles.ensure(carol, hints('carla'));
    const user = {
      id: profile.userId,
      provider_id: null,
      username: 'bob',
      name: null,
      email: 'b@example.org',
      avatar_url: null,
      join_date: '',
      idhash: null,
    };
    const changed = await profiles.change(profile, user, {
      ...user,
      id: 'new-user',
      username: 'Robert',
      name: 'Robert B.',
      avatar_url: 'https://example.org/b.png',
      email: 'mallory@example.org',
    });
    expect(changed).toMatchObject({
      userId: 'new-user',
      username: 'robert',
      chosen: false,
      name: 'Robert B.',
      avatarUrl: 'https://example.org/b.png',
    });
    const greedy = await profiles.change(changed, user, {
      ...user,
      id: other.profile.userId,
      username: 'carla',
      name: 'x\0',
      avatar_url: 'javascript:alert(1)',
    });
    expect(greedy).toMatchObject({ userId: 'new-user', username: 'robert', name: 'Robert B.' });
    expect(warnings).toHaveLength(2);
  });

  test('an id that was given away is refused by the index', async () => {
    const profile = (more: Partial<PermissionProfile>): PermissionProfile => ({
      accountId: newId(),
      userId: newId(),
      username: newId(),
      chosen: false,
      createdAt: NOW,
      updatedAt: NOW,
      ...more,
    });
    await store.insert(profile({ userId: 'one', username: 'a' }), 'a', []);
    const twice = store.insert(profile({ userId: 'one', username: 'b' }), 'b', []);
    await expect(twice).rejects.toMatchObject({ constraint: 'permission_profiles_user_id_unique' });
    await expect(twice).rejects.toBeInstanceOf(UniqueViolation);
  });

  describe('user tokens', () => {
    const row = (accountId: string) => ({
      jti: newId(),
      accountId,
      createdAt: NOW,
      expiresAt: NOW + 1000,
    });

    test('are for an account that is there and not shut', async () => {
      const tokens = createPermissionTokenStore(database);
      const { id } = await account('a');
      const accounts = createAccountStore(database);
      await accounts.setDisabled(id, true, NOW, []);
      const epoch = (await accounts.findById(id))?.accessEpoch ?? -1;
      for (const shut of [row(id), row(newId())]) {
        expect(await tokens.insert(shut, epoch, [])).toBe(false);
        expect(await tokens.findOwner(shut.jti, NOW)).toBeUndefined();
      }
    });

    test('are for nobody who proved who they are before all access was ended', async () => {
      const [tokens, accounts] = [createPermissionTokenStore(database), createAccountStore(database)];
      const { id } = await account('a');
      await accounts.beginAccessEpoch(id);
      expect(await tokens.insert(row(id), 0, [])).toBe(false);
      expect(await tokens.insert(row(id), 1, [])).toBe(true);
    });

    test('have an owner until they end or are ended', async () => {
      const tokens = createPermissionTokenStore(database);
      const [{ id: a }, { id: b }] = [await account('a'), await account('b')];
      const [one, two, other] = [row(a), row(a), row(b)];
      for (const each of [one, two, other]) expect(await tokens.insert(each, 0, [])).toBe(true);
      expect(await tokens.findOwner(one.jti, NOW)).toBe(a);
      expect(await tokens.findOwner(one.jti, NOW + 1000)).toBeUndefined();
      expect(await tokens.findOwner(newId(), NOW)).toBeUndefined();
      const ends = await Promise.all([1, 2].map(() => tokens.revoke(one.jti, NOW, [])));
      expect(ends.toSorted()).toEqual([false, true]);
      expect(await tokens.findOwner(one.jti, NOW)).toBeUndefined();
      expect(await tokens.findOwner(two.jti, NOW)).toBe(a);
      await tokens.revokeAll(a, NOW);
      expect(await tokens.findOwner(two.jti, NOW)).toBeUndefined();
      expect(await tokens.findOwner(other.jti, NOW)).toBe(b);
      expect(await tokens.prune(NOW + 1000, 10)).toBe(0);
      expect(await tokens.prune(NOW + 1001, 2)).toBe(2);
      expect(await tokens.prune(NOW + 1001, 2)).toBe(1);
    });
  });

  describe('services', () => {
    const grant = (permission: string, grantee: Parameters<Services['grant']>[0]['grantee']) =>
      services.grant({ service: 'editor', permission, grantee }, BY);

    test('answer what is granted to the account and to its roles, each once', async () => {
      const bob = await account('bob', { roles: ['staff'] });
      await services.create({ name: 'editor', title: 'The editor' }, BY);
      await services.create({ name: 'viewer' }, BY);
      const me = { kind: 'account', accountId: bob.id } as const;
      expect(await grant('write', me)).toBe(true);
      expect(await grant('write', me)).toBe(false);
      expect(await grant('write', { kind: 'role', role: 'staff' })).toBe(true);
      expect(await grant('read', { kind: 'role', role: 'staff' })).toBe(true);
      expect(await grant('burn', { kind: 'role', role: 'chief' })).toBe(true);
      expect(await grant('shut', { kind: 'account', accountId: newId() })).toBe(true);
      expect(await services.permissionsOf('editor', bob.id)).toEqual(['read', 'write']);
      expect(await services.permissionsOf('viewer', bob.id)).toEqual([]);
      expect(await services.permissionsOf('nowhere', bob.id)).toBeUndefined();
      const names = (await services.listGrants('editor')).map(({ permission, granteeName }) =>
        [permission, granteeName].join(' '),
      );
      expect(names).toContain('write bob');
      expect(names).toContain('write staff');
      expect(await services.revoke({ service: 'editor', permission: 'write', grantee: me }, BY)).toBe(true);
      expect(await services.revoke({ service: 'editor', permission: 'write', grantee: me }, BY)).toBe(false);
      expect(await services.permissionsOf('editor', bob.id)).toEqual(['read', 'write']);
      await createRoleStore(database).revoke(bob.id, 'staff', []);
      expect(await services.permissionsOf('editor', bob.id)).toEqual([]);
    });

    test('have names that can be audiences, once each', async () => {
      for (const name of ['', 'a b', 'auth', '../x', 'https://x', 'x'.repeat(65), 'nul\0']) {
        await expect(services.create({ name }, BY)).rejects.toThrow(/^name: /);
      }
      await services.create({ name: 'editor' }, BY);
      await expect(services.create({ name: 'editor' }, BY)).rejects.toThrow(/already/);
      expect(await grant('write', { kind: 'role', role: 'x' })).toBe(true);
      await expect(grant('', { kind: 'role', role: 'x' })).rejects.toThrow(/^permission: /);
      const nowhere = {
        service: 'nowhere',
        permission: 'read',
        grantee: { kind: 'role', role: 'x' },
      } as const;
      expect(await services.grant(nowhere, BY)).toBe(false);
    });

    test('go with everything granted in them, so that a later one of that name begins empty', async () => {
      const bob = await account('bob');
      await services.create({ name: 'editor' }, BY);
      await grant('write', { kind: 'account', accountId: bob.id });
      expect(await services.remove('editor', BY)).toBe(true);
      expect(await services.remove('editor', BY)).toBe(false);
      await services.create({ name: 'editor' }, BY);
      expect(await services.permissionsOf('editor', bob.id)).toEqual([]);
    });

    test('a role that is deleted takes its permissions with it', async () => {
      const roles = createRoles({ store: createRoleStore(database), audit, clock });
      const bob = await account('bob', { roles: ['staff'] });
      await services.create({ name: 'editor' }, BY);
      await grant('write', { kind: 'role', role: 'staff' });
      expect(await roles.createRole({ name: 'staff' }, BY)).toBe(false);
      expect(await roles.createRole({ name: 'chief', description: 'Decides' }, BY)).toBe(true);
      await expect(roles.createRole({ name: '1' }, BY)).rejects.toThrow(/role/);
      expect(await roles.listFacts()).toEqual([
        { name: 'chief', description: 'Decides', holders: 0 },
        { name: 'staff', description: undefined, holders: 1 },
      ]);
      expect(await roles.removeRole('staff', BY)).toBe(true);
      expect(await roles.removeRole('staff', BY)).toBe(false);
      await expect(roles.removeRole('admin', BY)).rejects.toThrow(/nobody could administer/);
      await roles.createRole({ name: 'staff' }, BY);
      await roles.grantRole(bob.id, 'staff', BY);
      expect(await services.permissionsOf('editor', bob.id)).toEqual([]);
    });

    test('an account that leaves takes its grants, its profile and its tokens with it', async () => {
      const bob = await account('bob');
      await services.create({ name: 'editor' }, BY);
      await grant('write', { kind: 'account', accountId: bob.id });
      await profiles.ensure(bob, hints('bob'));
      const leaving = createLeavingStore(database, 'admin');
      await leaving.setDeleteAt(bob.id, NOW, []);
      expect(await leaving.remove(bob.id, NOW, [])).toBe(true);
      expect(await services.listGrants()).toEqual([]);
      expect(await store.findByAccount(bob.id)).toBeUndefined();
    });
  });
});
