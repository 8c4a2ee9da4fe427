import { beforeEach, describe, expect, test } from '@jest/globals';
import { type Bootstrapped, bootstrapAdmin } from '../../src/accounts/bootstrap-admin.js';
import { createDisableAccounts } from '../../src/accounts/disable.js';
import { createPasswords } from '../../src/accounts/passwords.js';
import { createRegister, type Registration } from '../../src/accounts/register.js';
import { createRoles } from '../../src/accounts/roles.js';
import { createSetPassword } from '../../src/accounts/set-password.js';
import { createAudit } from '../../src/platform/audit/audit.js';
import type { Database } from '../../src/platform/database/database.js';
import { InvalidInput } from '../../src/platform/errors/errors.js';
import { createAccountStore } from '../../src/stores/account-store.js';
import { createAuditStore } from '../../src/stores/audit-store.js';
import { createLinkStore } from '../../src/stores/link-store.js';
import { createRoleStore } from '../../src/stores/role-store.js';
import { describeOnBothDatabases } from '../support/databases.js';
import { countingArgon2, movingClock } from '../unit/accounts/fakes.js';

const PASSWORD = 'pine wood hut';
const BY = { actorId: 'cli' };
const DAY = 24 * 60 * 60;

function setUp(database: Database) {
  const clock = movingClock();
  const argon2 = countingArgon2();
  const passwords = createPasswords(argon2);
  const store = createAccountStore(database);
  const trail = createAuditStore(database);
  const audit = createAudit({ store: trail, clock });
  const deps = { store, passwords, audit, clock };
  const { register, signUp } = createRegister(deps);
  return {
    clock,
    argon2,
    passwords,
    store,
    trail,
    register,
    signUp,
    setPassword: createSetPassword({ ...deps, links: createLinkStore(database) }),
    access: createDisableAccounts({ ...deps, endAccess: async () => {} }),
    roles: createRoles({ store: createRoleStore(database), audit, clock }),
    bootstrap: (settings = {}) => bootstrapAdmin({ ...deps, register }, settings),
    /** Whether the account now has this password. */
    async opens(username: string, password: string) {
      const found = await store.findCredentials({ usernameKey: username });
      return passwords.verify(found?.password?.hash, password);
    },
  };
}

const faultsOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(InvalidInput);
  return (error as InvalidInput).faults.map(({ field }) => field);
};

describeOnBothDatabases('accounts', (open) => {
  let all: ReturnType<typeof setUp>;
  let database: Database;
  beforeEach(async () => {
    database = await open();
    all = setUp(database);
  });

  describe('sign-up', () => {
    test('tells all faults at once, field by field, and saves nothing', async () => {
      const { signUp, store, argon2 } = all;
      const input = { username: 'ad min', password: 'short', email: 'nowhere', displayName: 'a\nb' };
      expect(await faultsOf(signUp(input))).toEqual(['username', 'password', 'email', 'displayName']);
      expect(await store.list({ limit: 10 })).toEqual([]);
      expect(argon2.calls.hashed).toBe(0);
    });

    test.each([['admin'], ['0000-0002-1825-0097'], ['anna@example.org']])(
      '%s is refused to strangers, not to the command line',
      async (username) => {
        const { signUp, register } = all;
        expect(await faultsOf(signUp({ username, password: PASSWORD }))).toEqual(['username']);
        expect(await register({ username, password: PASSWORD, createdBy: 'cli' })).toMatchObject({
          username,
        });
      },
    );

    test('a taken name is refused whatever its case, for the cost of a hash', async () => {
      const { signUp, argon2 } = all;
      await signUp({ username: 'Änne', password: PASSWORD });
      expect(await faultsOf(signUp({ username: 'A\u0308NNE', password: PASSWORD }))).toEqual(['username']);
      expect(argon2.calls.hashed).toBe(2);
    });

    test('of ten at once with one name one gets it', async () => {
      const { signUp, store, trail } = all;
      const tries = Array.from({ length: 10 }, () => signUp({ username: 'anna', password: PASSWORD }));
      const results = await Promise.allSettled(tries);
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await store.list({ limit: 10 })).toHaveLength(1);
      expect(await trail.list({ limit: 20 })).toHaveLength(1);
    });

    test('extra fields are never stored (A105)', async () => {
      const { signUp, store } = all;
      const form = {
        username: 'anna',
        password: PASSWORD,
        id: 'chosen',
        sub: 'chosen',
        roles: ['admin'],
        is_admin: true,
        emailVerified: true,
        createdBy: 'cli',
        mustChangePassword: true,
        email: 'anna@example.org',
      };
      const { id } = await signUp(form);
      expect(id).not.toBe('chosen');
      expect(await store.findCredentials({ id })).toMatchObject({
        account: { roles: [], emailVerified: false, mustChangePassword: false },
        createdBy: 'self',
      });
    });
  });

  test('what was registered is read back, by id and by name', async () => {
    const { register, store, trail } = all;
    const input: Registration = {
      username: ' Anna ',
      password: PASSWORD,
      email: 'Anna@Example.org',
      emailVerified: true,
      displayName: 'Anna 🌲 Berg',
      givenName: 'Anna',
      familyName: 'Berg',
      locale: 'de',
      roles: ['editor', 'auditor', 'editor'],
      createdBy: 'cli',
    };
    const account = await register(input, { ip: '192.0.2.1', requestId: 'r1' });
    expect(account).toMatchObject({ username: 'Anna', roles: ['auditor', 'editor'], disabled: false });
    expect(await store.findById(account.id)).toEqual({ ...account, picture: undefined });
    expect(await store.findByUsernameKey('anna')).toMatchObject({ id: account.id });
    expect(await store.findById('nobody')).toBeUndefined();
    expect(await trail.list({ accountId: account.id, limit: 5 })).toMatchObject([
      { event: 'account.created', actorId: 'cli', ip: '192.0.2.1', detail: { username: 'Anna' } },
    ]);
  });

  test('an account without a password has none', async () => {
    const { register, store } = all;
    const { id } = await register({ username: 'anna', createdBy: 'cli' });
    expect((await store.findCredentials({ id }))?.password).toBeUndefined();
  });

  test('pages follow one another in order of names', async () => {
    const { register, store } = all;
    for (const username of ['carl', 'Anna', 'bert']) {
      await register({ username, roles: ['x', 'y'], createdBy: 'cli' });
    }
    const first = await store.list({ limit: 2 });
    expect(first.map(({ username }) => username)).toEqual(['Anna', 'bert']);
    expect(first[1]?.roles).toEqual(['x', 'y']);
    expect((await store.list({ after: 'bert', limit: 2 })).map(({ username }) => username)).toEqual(['carl']);
  });

  describe('setting a password', () => {
    test.each([['short'], ['Anna-Lena'], [PASSWORD]])('%s is refused', async (password) => {
      const { register, setPassword, opens } = all;
      const { id } = await register({ username: 'anna-lena', password: PASSWORD, createdBy: 'cli' });
      expect(await faultsOf(setPassword(id, password))).toEqual(['password']);
      expect(await opens('anna-lena', PASSWORD)).toBe(true);
    });

    test('nobody has no password to set', async () => {
      await expect(all.setPassword('nobody', PASSWORD)).rejects.toMatchObject({ status: 404 });
    });

    test('a one-time password is good for one change, and ten at once have one winner', async () => {
      const { register, setPassword, opens, store, trail } = all;
      const { id } = await register({
        username: 'anna',
        password: 'once and again',
        mustChangePassword: true,
        passwordExpiresAt: all.clock.now() + 1000,
        createdBy: 'cli',
      });
      const formerSetAt = (await store.findCredentials({ id }))?.password?.setAt;
      const change = (n: number) => setPassword(id, `mountain hut ${n}`, undefined, { formerSetAt });
      const results = await Promise.allSettled(Array.from({ length: 10 }, (_, n) => change(n)));
      const winner = results.findIndex(({ status }) => status === 'fulfilled');
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      await expect(change(11)).rejects.toMatchObject({ status: 409 });
      expect(await opens('anna', `mountain hut ${winner}`)).toBe(true);
      expect(await store.findCredentials({ id })).toMatchObject({
        account: { mustChangePassword: false },
        password: { expiresAt: undefined },
      });
      const events = (await trail.list({ accountId: id, limit: 20 })).map(({ event }) => event);
      expect(events.filter((event) => event === 'account.password_changed')).toHaveLength(1);
    });

    test('an account without a password can be given one', async () => {
      const { register, setPassword, opens } = all;
      const { id } = await register({ username: 'anna', createdBy: 'cli' });
      await setPassword(id, PASSWORD, undefined, { actorId: 'cli' });
      expect(await opens('anna', PASSWORD)).toBe(true);
    });
  });

  test('disabling and enabling, each once', async () => {
    const { register, access, store, trail } = all;
    const { id } = await register({ username: 'anna', createdBy: 'cli' });
    expect(await access.disable('nobody', BY)).toBe(false);
    expect(await access.enable(id, BY)).toBe(false);
    expect(await access.disable(id, BY)).toBe(true);
    expect(await access.disable(id, BY)).toBe(false);
    expect((await store.findById(id))?.disabled).toBe(true);
    expect(await access.enable(id, BY)).toBe(true);
    expect((await store.findById(id))?.disabled).toBe(false);
    expect(await trail.list({ accountId: id, limit: 9 })).toHaveLength(3);
  });

  test('roles are granted and taken once', async () => {
    const { register, roles, store, trail } = all;
    const { id } = await register({ username: 'anna', createdBy: 'cli' });
    expect(await faultsOf(roles.grantRole(id, 'no good', BY))).toEqual(['role']);
    expect(await roles.revokeRole(id, 'editor', BY)).toBe(false);
    expect(await roles.grantRole(id, 'editor', BY)).toBe(true);
    expect(await roles.grantRole(id, 'editor', BY)).toBe(false);
    expect((await store.findById(id))?.roles).toEqual(['editor']);
    expect(await roles.list()).toContain('editor');
    expect(await roles.revokeRole(id, 'editor', BY)).toBe(true);
    expect((await store.findById(id))?.roles).toEqual([]);
    expect(await trail.list({ accountId: id, limit: 9 })).toHaveLength(3);
  });

  describe('the first administrator (A114)', () => {
    test('bad settings are named as settings; nobody is made', async () => {
      const { bootstrap, store } = all;
      expect(await faultsOf(bootstrap({ username: 'a b', password: 'admin' }))).toEqual([
        'ADMIN_USERNAME',
        'ADMIN_PASSWORD',
      ]);
      expect(await store.list({ limit: 1 })).toEqual([]);
    });

    test('nobody becomes administrator by having the name', async () => {
      const { bootstrap, signUp, store } = all;
      await signUp({ username: 'anna', password: PASSWORD });
      expect(await bootstrap({ username: 'Anna' })).toEqual({ outcome: 'name_taken', username: 'Anna' });
      expect((await store.findByUsernameKey('anna'))?.roles).toEqual([]);
    });

    test('gets a one-time password for a day, once', async () => {
      const { bootstrap, store, opens, clock, trail } = all;
      const made = (await bootstrap()) as Bootstrapped & { outcome: 'created' };
      expect(made).toMatchObject({
        outcome: 'created',
        username: 'admin',
        expiresAt: clock.now() + DAY * 1000,
      });
      expect(made.oneTimePassword).toMatch(/^[A-Za-z0-9]{20}$/);
      expect(await opens('admin', made.oneTimePassword ?? '')).toBe(true);
      expect(await store.findByUsernameKey('admin')).toMatchObject({
        roles: ['admin'],
        mustChangePassword: true,
      });
      expect(await bootstrap()).toEqual({ outcome: 'exists' });
      expect(JSON.stringify(await trail.list({ limit: 9 }))).not.toContain(made.oneTimePassword);
    });

    test('whose password was chosen need not change it', async () => {
      const { bootstrap, store, clock } = all;
      expect(await bootstrap({ username: 'chief', password: PASSWORD })).toEqual({
        outcome: 'created',
        username: 'chief',
      });
      expect(await store.findByUsernameKey('chief')).toMatchObject({ mustChangePassword: false });
      clock.forward(2 * DAY);
      expect(await bootstrap()).toEqual({ outcome: 'exists' });
    });

    test('gets a new one-time password when the first ended unused, and not when it was used', async () => {
      const { bootstrap, store, clock, opens, setPassword } = all;
      const first = (await bootstrap()) as { oneTimePassword: string };
      clock.forward(DAY);
      const second = (await bootstrap()) as { outcome: string; oneTimePassword: string };
      expect(second).toMatchObject({
        outcome: 'renewed',
        username: 'admin',
        expiresAt: clock.now() + DAY * 1000,
      });
      expect(await opens('admin', first.oneTimePassword)).toBe(false);
      expect(await opens('admin', second.oneTimePassword)).toBe(true);
      const admin = await store.findByUsernameKey('admin');
      await setPassword(admin?.id ?? '', PASSWORD);
      clock.forward(2 * DAY);
      expect(await bootstrap()).toEqual({ outcome: 'exists' });
    });

    test('two nodes starting together make and renew one', async () => {
      const { bootstrap, store, clock } = all;
      const starts = () => Promise.all([bootstrap(), bootstrap(), bootstrap()]);
      const outcomes = (results: Bootstrapped[]) => results.map(({ outcome }) => outcome).sort();
      expect(outcomes(await starts())).toEqual(['created', 'exists', 'exists']);
      expect(await store.list({ limit: 9 })).toHaveLength(1);
      clock.forward(DAY);
      expect(outcomes(await starts())).toEqual(['exists', 'exists', 'renewed']);
    });
  });
});
