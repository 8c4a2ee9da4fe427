import { beforeEach, describe, expect, test } from '@jest/globals';
import type { MintedToken, TokenFamily } from '../../src/dserver/ledger.js';
import { createRegister, type Register } from '../../src/accounts/register.js';
import { createPasswords } from '../../src/accounts/passwords.js';
import { createApiKeys } from '../../src/dserver/api-keys.js';
import { createMint } from '../../src/dserver/mint.js';
import { createNames } from '../../src/dserver/names.js';
import { MintRefused } from '../../src/dserver/refused.js';
import type { DserverKey } from '../../src/keys/dserver-key.js';
import { type Audit, createAudit } from '../../src/platform/audit/audit.js';
import { UniqueViolation } from '../../src/platform/database/database.js';
import type { OpenDatabase } from '../../src/platform/database/open.js';
import { type AccountStore, createAccountStore } from '../../src/stores/account-store.js';
import { createApiKeyStore } from '../../src/stores/api-key-store.js';
import { createAuditStore } from '../../src/stores/audit-store.js';
import { createDserverNameStore, type DserverNameStore } from '../../src/stores/dserver-name-store.js';
import { createDserverRightsStore } from '../../src/stores/dserver-rights-store.js';
import { createLeavingStore } from '../../src/stores/leaving-store.js';
import { createMintedTokenStore, type MintedTokenStore } from '../../src/stores/minted-token-store.js';
import { createPayloadStore } from '../../src/stores/open-payload-store.js';
import { describeOnBothDatabases } from '../support/databases.js';
import { countingArgon2, type MovingClock, movingClock } from '../unit/accounts/fakes.js';

const HOUR = 3_600_000;

describeOnBothDatabases('dserver stores', (open) => {
  let database: OpenDatabase;
  let clock: MovingClock;
  let accounts: AccountStore;
  let audit: Audit;
  let register: Register;
  let tokens: MintedTokenStore;
  let names: DserverNameStore;

  beforeEach(async () => {
    database = await open();
    clock = movingClock();
    accounts = createAccountStore(database);
    audit = createAudit({ store: createAuditStore(database), clock });
    register = createRegister({
      store: accounts,
      passwords: createPasswords(countingArgon2()),
      audit,
      clock,
    });
    tokens = createMintedTokenStore(database);
    names = createDserverNameStore(database);
  });

  const person = (username: string) => register.register({ username, createdBy: 'cli' });

  describe('the ledger', () => {
    const family = (id: string, more: Partial<TokenFamily> = {}): TokenFamily => ({
      id,
      accountId: 'a',
      beganAt: clock.now(),
      endsAt: clock.now() + HOUR,
      ...more,
    });
    const token = (jti: string, of: TokenFamily, more: Partial<MintedToken> = {}): MintedToken => ({
      jti,
      family: of,
      subject: 'alice',
      kind: 'dserver',
      reason: 'login',
      audience: 'dserver',
      createdAt: clock.now(),
      expiresAt: of.endsAt,
      ...more,
    });

    test('a revoked family takes no further token, and nothing of that unit is written', async () => {
      const one = family('f');
      expect(await tokens.write(tokens.insertSteps(token('1', one), 'new'))).toBe(true);
      expect(await tokens.revoke({ id: 'f' }, clock.now())).toBe(true);
      expect(await tokens.write(tokens.insertSteps(token('2', one), 'there'))).toBe(false);
      expect(await tokens.find('2')).toBeUndefined();
      expect((await tokens.find('1'))?.family.revokedAt).toBe(clock.now());
      expect(await tokens.revoke({ id: 'f' }, clock.now())).toBe(false);
    });

    test('of a refresh and a revocation at once, no live token is left', async () => {
      for (let round = 0; round < 10; round += 1) {
        const one = family(`r${round}`);
        await tokens.write(tokens.insertSteps(token(`r${round}-1`, one), 'new'));
        await Promise.all([
          tokens.write(tokens.insertSteps(token(`r${round}-2`, one), 'there')),
          tokens.revoke({ id: one.id }, clock.now()),
        ]);
        const later = await tokens.find(`r${round}-2`);
        expect(later === undefined || later.family.revokedAt !== undefined).toBe(true);
      }
    });

    test('revokes by account, session, key; and nothing where nothing is named', async () => {
      await tokens.write(tokens.insertSteps(token('1', family('f1', { sessionUid: 's' })), 'new'));
      await tokens.write(tokens.insertSteps(token('2', family('f2', { apiKeyId: 'k' })), 'new'));
      await tokens.write(tokens.insertSteps(token('3', family('f3', { accountId: 'b' })), 'new'));
      expect(await tokens.revoke({}, clock.now())).toBe(false);
      expect(await tokens.revoke({ accountId: undefined }, clock.now())).toBe(false);
      expect(await tokens.revoke({ sessionUid: 's' }, clock.now())).toBe(true);
      expect((await tokens.list({ liveAt: clock.now(), limit: 9 })).map(({ jti }) => jti).sort()).toEqual([
        '2',
        '3',
      ]);
      expect(await tokens.revoke({ apiKeyId: 'k' }, clock.now())).toBe(true);
      expect((await tokens.listLiveFamilies({ accountId: 'a' }, clock.now())).length).toBe(0);
      expect((await tokens.list({ accountId: 'b', limit: 9 })).map(({ jti }) => jti)).toEqual(['3']);
    });

    test('the token of a session is found with its claims, until it is revoked', async () => {
      const claims = { sub: 'alice', exp: 7 };
      await tokens.write(tokens.insertSteps(token('1', family('f', { sessionUid: 's' }), { claims }), 'new'));
      expect((await tokens.findOfSession('s', 'a'))?.claims).toEqual(claims);
      expect(await tokens.findOfSession('s', 'b')).toBeUndefined();
      await tokens.revoke({ sessionUid: 's' }, clock.now());
      expect(await tokens.findOfSession('s', 'a')).toBeUndefined();
    });

    test('what has ended is removed; a family lives as long as its last token; one without end stays', async () => {
      const one = family('f');
      await tokens.write(tokens.insertSteps(token('1', one), 'new'));
      const longer = { ...one, endsAt: clock.now() + 3 * HOUR };
      await tokens.write(tokens.insertSteps(token('2', longer), 'there'));
      const endless = family('e', { endsAt: undefined });
      await tokens.write(tokens.insertSteps(token('3', endless, { expiresAt: undefined }), 'new'));
      expect(await tokens.prune(clock.now() + 2 * HOUR, 100)).toBe(1);
      expect((await tokens.find('2'))?.family.endsAt).toBe(longer.endsAt);
      expect(await tokens.prune(clock.now() + 4 * HOUR, 100)).toBe(2);
      expect(await tokens.find('2')).toBeUndefined();
      expect((await tokens.find('3'))?.expiresAt).toBeUndefined();
    });

    test('the guard on the account holds for a living one alone', async () => {
      const rights = createDserverRightsStore(database);
      const { id } = await person('alice');
      const may = () => tokens.write([rights.livingStep(id)]);
      expect(await may()).toBe(true);
      await accounts.setDisabled(id, true, clock.now(), []);
      expect(await may()).toBe(false);
      await accounts.setDisabled(id, false, clock.now(), []);
      await createLeavingStore(database, 'admin').setDeleteAt(id, clock.now() + HOUR, []);
      expect(await may()).toBe(false);
      expect(await tokens.write([rights.livingStep('nobody')])).toBe(false);
    });

    test('the guard on what an administrator said holds unless tokens were ended', async () => {
      const rights = createDserverRightsStore(database);
      const { id } = await person('alice');
      const may = () => tokens.write([rights.allowedStep(id)]);
      expect(await may()).toBe(true);
      await rights.set(id, { allowed: false }, clock.now(), []);
      expect(await may()).toBe(false);
      for (const allowed of [true, undefined]) {
        await rights.set(id, { allowed }, clock.now(), []);
        expect(await may()).toBe(true);
      }
    });

    test('of a token being made while its key or its account is refused more, none is left alive', async () => {
      const rights = createDserverRightsStore(database);
      const keyStore = createApiKeyStore(database);
      const apiKeys = createApiKeys({ store: keyStore, audit, clock });
      const input = { label: 'at once', permissions: ['search'], days: 2, createdBy: 'cli' };
      const settings = { issuer: 'i', audience: 'd', expiryHours: 1 };
      const key = { sign: async () => 'signed' } as unknown as DserverKey;
      const mint = createMint({ key, store: tokens, rights, apiKeys: keyStore, settings, audit, clock });
      const { id } = await person('alice');
      for (let round = 0; round < 10; round += 1) {
        await rights.set(id, {}, clock.now(), []);
        const { apiKey } = await apiKeys.create(id, input, ['search']);
        const facts = { permissions: [] };
        const order = { subject: 'alice', facts, reason: 'api_key', accountId: id } as const;
        const deny = async () => {
          await rights.set(id, { allowed: false }, clock.now(), []);
          await tokens.revoke({ accountId: id }, clock.now());
        };
        await Promise.allSettled([
          mint({ ...order, apiKeyId: apiKey.id }),
          ...(round % 2 === 0 ? [apiKeys.revoke(id, apiKey.id, 'cli')] : [deny()]),
        ]);
        expect(await tokens.list({ accountId: id, liveAt: clock.now(), limit: 9 })).toEqual([]);
        await apiKeys.revoke(id, apiKey.id, 'cli');
      }
    });
  });

  test('of a token being made while its browser session ends, none is left alive', async () => {
    const rights = createDserverRightsStore(database);
    const payloads = createPayloadStore(database, clock);
    const settings = { issuer: 'i', audience: 'd', expiryHours: 1 };
    const key = { sign: async () => 'signed' } as unknown as DserverKey;
    const apiKeys = createApiKeyStore(database);
    const mint = createMint({ key, store: tokens, rights, apiKeys, settings, audit, clock });
    const { id } = await person('alice');
    const facts = { permissions: [] };
    const order = { subject: 'alice', facts, reason: 'session', accountId: id } as const;
    const unit = { kill: new Set<string>(), retire: new Set<string>(), notes: [] };
    for (let round = 0; round < 10; round += 1) {
      const sessionUid = `uid-${round}`;
      const session = { key: `key-${round}`, kind: 'Session', sessionUid, accountId: id } as const;
      const rest = { grantKey: null, userCode: null, clientId: null, payload: '{}', sealed: null };
      const row = { ...session, ...rest, expiresAt: clock.now() + HOUR };
      await payloads.apply({ ...unit, end: new Set(), put: new Map([[row.key, row]]) });
      await expect(mint({ ...order, sessionUid })).resolves.toMatchObject({ token: 'signed' });
      const end = async () => {
        if (round % 2 === 0) await payloads.endSessions(id, { only: sessionUid });
        else await payloads.apply({ ...unit, end: new Set([sessionUid]), put: new Map() });
        await tokens.revoke({ accountId: id, sessionUid }, clock.now());
      };
      await Promise.allSettled([mint({ ...order, sessionUid }), end(), mint({ ...order, sessionUid })]);
      expect(await tokens.list({ accountId: id, liveAt: clock.now(), limit: 9 })).toEqual([]);
      await expect(mint({ ...order, sessionUid })).rejects.toBeInstanceOf(MintRefused);
    }
  });

  describe('names', () => {
    const wanted = (name: string, sourceKey?: string) => ({ name, source: 'upstream:x', sourceKey });

    test('one name is one account’s, whatever its case; and one account has one name', async () => {
      const use = createNames({ store: names, clock });
      const take = async (accountId: string, name: string) => {
        const { steps, name: settled } = await use.settle(accountId, wanted(name));
        if (steps.length > 0) await names.write(steps);
        return settled;
      };
      expect(await take('a', 'Alice')).toBe('Alice');
      expect(await take('a', 'another')).toBe('Alice');
      await expect(take('b', 'aLICE')).rejects.toMatchObject({ code: 'name_taken' });
      expect(await take('b', 'bob')).toBe('bob');
    });

    test('of two who take a name at once, one has it', async () => {
      const use = createNames({ store: names, clock });
      const both = await Promise.all(['a', 'b'].map((id) => use.settle(id, wanted('carol'))));
      const done = await Promise.allSettled(both.map(({ steps }) => names.write(steps)));
      const lost = done.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
      expect(lost).toHaveLength(1);
      expect(lost[0]?.reason).toBeInstanceOf(UniqueViolation);
      expect(lost[0]?.reason.constraint).toBe('dserver_names_pkey');
    });

    test('a name outlives its account, and goes back to the same upstream identity alone', async () => {
      const use = createNames({ store: names, clock });
      const { id } = await person('alice');
      const first = await use.settle(id, wanted('0000-0002-1825-0097', 'identity'));
      await names.write(first.steps);
      const leaving = createLeavingStore(database, 'admin');
      await leaving.setDeleteAt(id, clock.now(), []);
      expect(await leaving.remove(id, clock.now(), [])).toBe(true);
      for (const key of [undefined, 'another']) {
        await expect(use.settle('new', wanted('0000-0002-1825-0097', key))).rejects.toMatchObject({
          code: 'name_taken',
        });
      }
      const again = await use.settle('new', wanted('0000-0002-1825-0097', 'identity'));
      expect(await names.write(again.steps)).toBe(true);
      expect((await names.findByAccount('new'))?.name).toBe('0000-0002-1825-0097');
      expect(await names.write(again.steps)).toBe(false);
    });

    test('those to be made known come until they are, and wait after a failure', async () => {
      const add = (name: string, accountId?: string) =>
        names.write([
          names.insertStep({ nameKey: name, name, accountId, source: 'local', createdAt: clock.now() }),
        ]);
      await add('a', '1');
      await add('b', '2');
      await add('gone');
      const due = async () => (await names.listUnsynced(clock.now(), 9)).map(({ name }) => name).sort();
      expect(await due()).toEqual(['a', 'b']);
      await names.setSynced('a', clock.now());
      await names.setSyncAfter('b', clock.now() + 1000);
      expect(await due()).toEqual([]);
      clock.forward(1);
      expect(await due()).toEqual(['b']);
    });
  });

  describe('rights', () => {
    test('are nothing until somebody says something, and nothing again', async () => {
      const store = createDserverRightsStore(database);
      expect(await store.find('a')).toEqual({ allowed: undefined, permissions: undefined });
      await store.set('a', { allowed: false, permissions: [] }, 1, []);
      expect(await store.find('a')).toEqual({ allowed: false, permissions: [] });
      await store.set('a', { allowed: true }, 2, []);
      expect(await store.find('a')).toEqual({ allowed: true, permissions: undefined });
    });
  });

  describe('API keys', () => {
    const input = { label: 'nightly run', permissions: ['search'], days: 2, createdBy: 'cli' };
    let id: string;
    beforeEach(async () => {
      ({ id } = await person('alice'));
    });

    test('a key is known by its hash, until it ends or is ended; its tokens go with it', async () => {
      const use = createApiKeys({ store: createApiKeyStore(database), audit, clock });
      const { apiKey, secret } = await use.create(id, input, ['search', 'retrieve']);
      expect(secret).toMatch(/^pdk_[A-Za-z0-9]{43}$/);
      expect(JSON.stringify(await database.all(database.sql('api_keys')))).not.toContain(secret);
      expect((await use.findLive(secret))?.id).toBe(apiKey.id);
      expect(await use.findLive(`${secret}x`)).toBeUndefined();
      const of = { id: 'f', accountId: 'a', apiKeyId: apiKey.id, beganAt: 1, endsAt: 9e15 };
      const minted = {
        jti: '1',
        family: of,
        subject: 's',
        kind: 'dserver',
        reason: 'api_key',
        audience: 'd',
        createdAt: 1,
      };
      await tokens.write(tokens.insertSteps(minted, 'new'));
      expect(await use.revoke('somebody-else', apiKey.id, 'x')).toBe(false);
      expect((await tokens.find('1'))?.family.revokedAt).toBeUndefined();
      expect(await use.revoke(id, apiKey.id, 'a')).toBe(true);
      expect((await tokens.find('1'))?.family.revokedAt).toBe(clock.now());
      expect(await use.findLive(secret)).toBeUndefined();
      expect(await use.listOf(id)).toEqual([]);
      expect(await use.revoke(id, apiKey.id, 'a')).toBe(false);
    });

    test('a key ends by itself', async () => {
      const use = createApiKeys({ store: createApiKeyStore(database), audit, clock });
      const { secret, apiKey } = await use.create(id, input, ['search']);
      clock.forward(2 * 86_400 + 1);
      expect(await use.findLive(secret)).toBeUndefined();
      expect(await use.findLiveById(apiKey.id)).toBeUndefined();
    });

    describe('an account has at most 20', () => {
      test('however many are asked for at once, and leaves no trace of the others', async () => {
        const use = createApiKeys({ store: createApiKeyStore(database), audit, clock });
        const asked = Array.from({ length: 30 }, () => use.create(id, input, ['search']));
        const done = await Promise.allSettled(asked);
        const refused = done.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
        expect(refused).toHaveLength(10);
        expect(refused[0]?.reason).toMatchObject({
          faults: [{ field: '', message: 'An account has at most 20 keys. End one first.' }],
        });
        expect(await use.listOf(id)).toHaveLength(20);
        const events = await createAuditStore(database).list({ accountId: id, limit: 99 });
        expect(events.filter(({ event }) => event === 'api_key.created')).toHaveLength(20);
      });

      test('that are good: neither one that ran out counts, nor one that was ended', async () => {
        const use = createApiKeys({ store: createApiKeyStore(database), audit, clock });
        const one = () => use.create(id, input, ['search']);
        for (let count = 0; count < 20; count += 1) await one();
        await expect(one()).rejects.toThrow(/at most 20/);
        await use.create((await person('bob')).id, input, ['search']);
        const [first] = await use.listOf(id);
        expect(await use.revoke(id, first?.id ?? '', id)).toBe(true);
        await one();
        await expect(one()).rejects.toThrow(/at most 20/);
        clock.forward(2 * 86_400);
        await one();
      });
    });

    test('the guard on a key holds until it ends or is ended', async () => {
      const store = createApiKeyStore(database);
      const use = createApiKeys({ store, audit, clock });
      const { apiKey } = await use.create(id, input, ['search']);
      const holds = () => database.write([store.livingStep(apiKey.id, clock.now())]);
      expect(await holds()).toBe(true);
      clock.forward(2 * 86_400);
      expect(await holds()).toBe(false);
      const { apiKey: other } = await use.create(id, input, ['search']);
      expect(await use.revoke(id, other.id, 'a')).toBe(true);
      expect(await database.write([store.livingStep(other.id, clock.now())])).toBe(false);
    });

    test.each([
      [{ label: ' ' }, 'label'],
      [{ label: 'x'.repeat(61) }, 'label'],
      [{ permissions: [] }, 'permissions'],
      [{ permissions: ['admin'] }, 'permissions'],
      [{ days: 0 }, 'days'],
      [{ days: 366 }, 'days'],
      [{ days: Number.NaN }, 'days'],
    ])('%j is refused', async (change, field) => {
      const use = createApiKeys({ store: createApiKeyStore(database), audit, clock });
      await expect(use.create(id, { ...input, ...change }, ['search'])).rejects.toMatchObject({
        faults: [expect.objectContaining({ field })],
      });
    });
  });
});
