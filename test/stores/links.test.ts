import { beforeEach, describe, expect, test } from '@jest/globals';
import { createEmailAddress } from '../../src/accounts/email-address.js';
import { createInvitations } from '../../src/accounts/invitations.js';
import { createLinks, type Links } from '../../src/accounts/links.js';
import { createMailLimits } from '../../src/accounts/mail-limits.js';
import { createPasswords } from '../../src/accounts/passwords.js';
import { createRecovery } from '../../src/accounts/recovery.js';
import { createRegister, type Register } from '../../src/accounts/register.js';
import { createSetPassword } from '../../src/accounts/set-password.js';
import { type Audit, createAudit } from '../../src/platform/audit/audit.js';
import type { Database } from '../../src/platform/database/database.js';
import { InvalidInput } from '../../src/platform/errors/errors.js';
import type { Postman } from '../../src/platform/mail/postman.js';
import { type AccountStore, createAccountStore } from '../../src/stores/account-store.js';
import { type AuditStore, createAuditStore } from '../../src/stores/audit-store.js';
import { createLinkStore, type LinkStore } from '../../src/stores/link-store.js';
import { describeOnBothDatabases } from '../support/databases.js';
import { countingArgon2, type MovingClock, movingClock } from '../unit/accounts/fakes.js';

const INFO = { ip: '192.0.2.1', requestId: 'r' };
const MINUTE = 60;
const never = {
  check: async () => 0,
  fail: async () => 0,
  hold: async () => 0,
  confirm: async () => {},
  release: async () => {},
  giveBack: async () => {},
  clear: async () => {},
};

/** Keeps the links it was to mail, by address. */
function collectingPostman() {
  const links = new Map<string, string>();
  const jobs: Promise<void>[] = [];
  const keep = (to: string, { link }: { link: string }) =>
    void links.set(to, new URL(link).searchParams.get('token') ?? link);
  const postman: Postman = {
    available: true,
    require: () => {},
    requireRoom: () => {},
    async send(_name, to, model) {
      keep(to, model);
      return {};
    },
    post: (_name, to, model) => keep(to, model),
    later: (work) => void jobs.push(work()),
    idle: async () => void (await Promise.all(jobs)),
    close: async () => {},
  };
  return { postman, links };
}

describeOnBothDatabases('links', (open) => {
  let database: Database;
  let clock: MovingClock;
  let store: LinkStore;
  let accounts: AccountStore;
  let auditStore: AuditStore;
  let audit: Audit;
  let links: Links;
  let register: Register;
  const argon2 = countingArgon2();
  const limits = createMailLimits({ recipient: never, address: never });

  beforeEach(async () => {
    database = await open();
    clock = movingClock();
    store = createLinkStore(database);
    accounts = createAccountStore(database);
    auditStore = createAuditStore(database);
    audit = createAudit({ store: auditStore, clock });
    links = createLinks({ store, issuer: 'http://localhost:5000', clock });
    register = createRegister({ store: accounts, passwords: createPasswords(argon2), audit, clock });
  });

  const tokenOf = (url: string): string => [...new URL(url).searchParams.values()][0] ?? '';

  async function issue(...args: Parameters<Links['issue']>): Promise<string> {
    const { url, step } = links.issue(...args);
    await store.write([step]);
    return tokenOf(url);
  }
  const person = (username: string, more = {}) =>
    register.register({
      username,
      password: 'pine wood hut',
      email: `${username}@example.org`,
      createdBy: 'cli',
      ...more,
    });

  test('an unknown, a used, an expired link and one of another purpose are one refusal', async () => {
    const used = await issue('verify_email', { accountId: 'a' });
    expect(await store.write([links.consumeStep('verify_email', used)])).toBe(true);
    const late = await issue('reset_password', { accountId: 'a' });
    const fresh = await issue('change_email', { accountId: 'a' });
    clock.forward(30 * MINUTE);
    for (const [purpose, token] of [
      ['verify_email', ''],
      ['verify_email', undefined],
      ['verify_email', 'x'.repeat(43)],
      ['verify_email', used],
      ['verify_email', fresh],
      ['reset_password', late],
    ] as const) {
      await expect(links.require(purpose, token)).rejects.toMatchObject({ status: 410, code: 'link_ended' });
      expect(await store.write([links.consumeStep(purpose, token ?? '')])).toBe(false);
    }
    expect(await links.require('change_email', fresh)).toMatchObject({ accountId: 'a', detail: {} });
  });

  test('the value of a link is nowhere in the database', async () => {
    const token = await issue('invitation', { email: 'a@example.org' });
    expect(JSON.stringify(await database.all(database.sql('links')))).not.toContain(token);
  });

  test('20 use one reset link at once: one password is set, 19 are refused', async () => {
    const { id } = await person('anna', { emailVerified: true });
    const { postman, links: mailed } = collectingPostman();
    let ended = 0;
    const recovery = createRecovery({
      store: accounts,
      links,
      limits,
      postman,
      setPassword: createSetPassword({
        store: accounts,
        links: store,
        passwords: createPasswords(argon2),
        audit,
        clock,
      }),
      endAccess: async () => {
        ended += 1;
      },
      signInThrottle: never,
      saveLink: store.write,
      tellPasswordChanged: () => {},
      audit,
    });
    await recovery.request('ANNA@example.org', INFO);
    await postman.idle();
    const token = mailed.get('anna@example.org');
    const tries = Array.from({ length: 20 }, (_, n) => recovery.reset(token, `pine wood number ${n}`, INFO));
    const results = await Promise.allSettled(tries);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    // Before, by each that could still win, and once more after.
    expect(ended).toBeGreaterThan(1);
    const winner = results.findIndex(({ status }) => status === 'fulfilled');
    const kept = await accounts.findCredentials({ id });
    expect(kept?.password?.hash).toBe(`hash of pine wood number ${winner}`);
    const events = (await auditStore.list({ limit: 50 })).filter(
      ({ event }) => event === 'account.password_changed',
    );
    expect(events).toHaveLength(1);
  });

  describe('access ends before the link is used up, and once more after', () => {
    /** Ends nothing while the database is away; what it says is the order in which things were done. */
    function failingOnce(seen: () => Promise<unknown>) {
      const calls: unknown[] = [];
      const endAccess = async () => {
        calls.push(await seen());
        if (calls.length === 1) throw new Error('the database is away');
      };
      return { calls, endAccess };
    }

    test('a reset whose ending failed can be tried again; a refused password signs nobody out', async () => {
      const { id } = await person('anna', { emailVerified: true });
      const { postman, links: mailed } = collectingPostman();
      const hash = async () => (await accounts.findCredentials({ id }))?.password?.hash;
      const { calls, endAccess } = failingOnce(hash);
      const recovery = createRecovery({
        store: accounts,
        links,
        limits,
        postman,
        setPassword: createSetPassword({
          store: accounts,
          links: store,
          passwords: createPasswords(argon2),
          audit,
          clock,
        }),
        endAccess,
        signInThrottle: never,
        saveLink: store.write,
        tellPasswordChanged: () => {},
        audit,
      });
      await recovery.request('anna', INFO);
      await postman.idle();
      const token = mailed.get('anna@example.org');
      await expect(recovery.reset(token, 'short', INFO)).rejects.toThrow(InvalidInput);
      expect(calls).toEqual([]);
      await expect(recovery.reset(token, 'pine wood number 1', INFO)).rejects.toThrow('away');
      expect(await hash()).toBe('hash of pine wood hut');
      await recovery.reset(token, 'pine wood number 1', INFO);
      expect(calls.slice(1)).toEqual(['hash of pine wood hut', 'hash of pine wood number 1']);
    });

    test('an undone change of address, too', async () => {
      const { id } = await person('anna', { email: 'thief@example.org' });
      const { postman } = collectingPostman();
      const { calls, endAccess } = failingOnce(async () => (await accounts.findById(id))?.email);
      const emailAddress = createEmailAddress({
        store: accounts,
        write: store.write,
        links,
        limits,
        postman,
        endAccess,
        disconnectSince: async () => [],
        audit,
        clock,
      });
      const token = await issue('undo_email_change', { accountId: id, email: 'anna@example.org' });
      await expect(emailAddress.undoChange(token, INFO)).rejects.toThrow('away');
      expect(await accounts.findById(id)).toMatchObject({ email: 'thief@example.org' });
      await emailAddress.undoChange(token, INFO);
      expect(calls.slice(1)).toEqual(['thief@example.org', 'anna@example.org']);
    });
  });

  test('20 use one confirmation at once: one proves the address', async () => {
    const { id } = await person('anna');
    const { postman } = collectingPostman();
    const emailAddress = createEmailAddress({
      store: accounts,
      write: store.write,
      links,
      limits,
      postman,
      endAccess: async () => {},
      disconnectSince: async () => [],
      audit,
      clock,
    });
    const token = await issue('verify_email', { accountId: id, email: 'anna@example.org' });
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => emailAddress.verify(token, INFO)),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await accounts.findById(id)).toMatchObject({ emailVerified: true });
  });

  test('20 use one invitation at once: one account is made', async () => {
    const { postman, links: mailed } = collectingPostman();
    const invitations = createInvitations({ store, links, postman, audit, clock });
    await invitations.invite({ email: 'new@example.org', roles: ['editor'], createdBy: 'cli' });
    const token = tokenOf(mailed.get('new@example.org') ?? '');
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, async (_, n) => {
        const invited = await invitations.open(token);
        return register.signUp({ username: `new${n}`, password: 'pine wood hut' }, INFO, invited);
      }),
    );
    const made = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(made).toHaveLength(1);
    expect(await accounts.list({ limit: 50 })).toEqual([
      expect.objectContaining({
        id: made[0]?.id,
        email: 'new@example.org',
        emailVerified: true,
        roles: ['editor'],
      }),
    ]);
    expect(await invitations.list()).toEqual([]);
  });

  test('a link to a former address proves nothing of the present one', async () => {
    const { id } = await person('anna');
    const token = await issue('verify_email', { accountId: id, email: 'anna@example.org' });
    const address = { email: 'other@example.org', verified: false, at: clock.now() };
    await store.write([accounts.setEmailStep(id, address)]);
    const guards = [
      links.consumeStep('verify_email', token),
      accounts.proveEmailStep(id, 'anna@example.org', clock.now()),
    ];
    expect(await store.write(guards)).toBe(false);
    expect(await accounts.findById(id)).toMatchObject({ email: 'other@example.org', emailVerified: false });
    // Nothing of the unit was written: the link is not used up.
    await links.require('verify_email', token);
  });

  test('a guard on the former address holds for a missing one, too', async () => {
    const { id } = await person('bert', { email: undefined });
    const to = (email: string) => ({ email, verified: true, at: clock.now() });
    const set = (email: string, former: string | undefined) =>
      store.write([accounts.setEmailStep(id, to(email), { email: former })]);
    expect(await set('b@example.org', 'a@example.org')).toBe(false);
    expect(await set('b@example.org', undefined)).toBe(true);
    expect(await set('c@example.org', undefined)).toBe(false);
    expect(await set('c@example.org', 'b@example.org')).toBe(true);
  });

  test('only enabled accounts with a proven address can be recovered, by name or address', async () => {
    const find = async (key: string) =>
      (await accounts.listRecoverable({ usernameKey: key, emailKey: key }, 5)).map(
        ({ account }) => account.username,
      );
    await person('unproven');
    const { id } = await person('disabled', { emailVerified: true });
    await accounts.setDisabled(id, true, clock.now(), []);
    await person('proven', { emailVerified: true });
    await person('twin', { email: 'Proven@Example.org', emailVerified: true });
    for (const key of ['unproven', 'unproven@example.org', 'disabled', 'disabled@example.org', 'nobody']) {
      expect(await find(key)).toEqual([]);
    }
    expect(await find('proven')).toEqual(['proven']);
    expect((await find('proven@example.org')).toSorted()).toEqual(['proven', 'twin']);
  });

  test('those of a moment and later end, older ones go on', async () => {
    const older = await issue('undo_email_change', { accountId: 'a' });
    clock.forward(1);
    const at = clock.now();
    const same = await issue('undo_email_change', { accountId: 'a' });
    clock.forward(1);
    const younger = await issue('undo_email_change', { accountId: 'a' });
    const others = await issue('undo_email_change', { accountId: 'b' });
    await store.write([store.endStep('a', ['undo_email_change'], at)]);
    for (const token of [same, younger]) {
      await expect(links.require('undo_email_change', token)).rejects.toMatchObject({ status: 410 });
    }
    await links.require('undo_email_change', older);
    await links.require('undo_email_change', others);
  });

  test('an account’s links of a kind end together, and the ended are pruned in batches', async () => {
    const one = await issue('reset_password', { accountId: 'a' });
    const other = await issue('reset_password', { accountId: 'b' });
    await store.write([links.endStep('a', ['reset_password'])]);
    await expect(links.require('reset_password', one)).rejects.toMatchObject({ status: 410 });
    await links.require('reset_password', other);
    await issue('reset_password', { accountId: 'c' });
    await issue('undo_email_change', { accountId: 'c' });
    clock.forward(31 * MINUTE);
    expect(await store.prune(clock.now(), 1)).toBe(1);
    expect(await store.prune(clock.now(), 9)).toBe(1);
    expect(await store.prune(clock.now(), 9)).toBe(0);
  });
});
