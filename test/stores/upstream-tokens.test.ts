/**
 * Tokens of upstreams as they are kept (seed rows 98 and 99, goal 32): sealed, refreshed once among all
 * processes. Each vault here has a database handle of its own, as processes have.
 */
import { afterEach, describe, expect, test } from '@jest/globals';
import { createSecretBox } from '../../src/platform/crypto/secret-box.js';
import { newId } from '../../src/platform/crypto/ids.js';
import type { Database } from '../../src/platform/database/database.js';
import { migrateUp } from '../../src/platform/database/migrate.js';
import { Unavailable, UpstreamError } from '../../src/platform/errors/errors.js';
import { createAudit } from '../../src/platform/audit/audit.js';
import type { UpstreamTokens } from '../../src/relying-party/connector.js';
import { createRefreshToken, LEASE_MS } from '../../src/relying-party/refresh-token.js';
import { createTokenSeal } from '../../src/relying-party/token-seal.js';
import { createVault, NoUpstreamToken, type Vault } from '../../src/relying-party/vault.js';
import { createAuditStore } from '../../src/stores/audit-store.js';
import { createUpstreamTokenStore, type UpstreamTokenStore } from '../../src/stores/upstream-token-store.js';
import { createDatabaseFixture, DIALECTS } from '../support/databases.js';
import { sampleUpstream } from '../support/sample-upstream.js';

const SECRET = 'the secret that seals, long enough to be one';
const ACCOUNT = 'account-1';
const LAB = 'lab';
const LEEWAY = 10;
const START = 1_800_000_000_000;

/** An upstream that rotates refresh tokens and ends everything at the second use of one. */
function rotatingUpstream() {
  let live = 'refresh-token-0';
  let compromised = false;
  const seen: string[] = [];
  const upstream = {
    refreshes: 0,
    /** What it does instead of answering. */
    trouble: undefined as UpstreamError | undefined,
    /** Held up until somebody opens it. */
    gate: Promise.resolve() as Promise<unknown>,
    seen,
    lifetime: 3600,
    silentAboutRefresh: false,
    async refresh(_upstream: unknown, refreshToken: string): Promise<UpstreamTokens> {
      upstream.refreshes += 1;
      seen.push(refreshToken);
      await upstream.gate;
      if (upstream.trouble) throw upstream.trouble;
      if (compromised || refreshToken !== live) {
        compromised = true;
        throw new UpstreamError('refused', 'The upstream refused.', { answer: 'invalid_grant' });
      }
      const number = upstream.refreshes;
      if (!upstream.silentAboutRefresh) live = `refresh-token-${number}`;
      return {
        accessToken: `access-token-${number}`,
        ...(upstream.silentAboutRefresh ? {} : { refreshToken: live }),
        expiresAt: clockNow() + upstream.lifetime * 1000,
      };
    },
  };
  return upstream;
}

let now = START;
const clockNow = () => now;
const clock = { now: clockNow };
const EXPIRED: UpstreamTokens = {
  accessToken: 'access-token-0',
  refreshToken: 'refresh-token-0',
  idToken: 'id-token-0',
  scope: 'openid files',
  expiresAt: START - 1000,
};

describe.each(DIALECTS)('upstream tokens on %s', (dialect) => {
  const fixture = createDatabaseFixture();
  afterEach(async () => {
    now = START;
    await fixture.close();
  });

  async function world({ secrets = [SECRET], vaults = 1 } = {}) {
    const settings = await fixture.settingsOf(dialect);
    await migrateUp(settings);
    const upstream = rotatingUpstream();
    const warnings: object[] = [];
    const waits: number[] = [];
    async function process(keys: readonly string[] = secrets) {
      const database = await fixture.open(settings);
      const store = createUpstreamTokenStore(database);
      const seal = createTokenSeal(createSecretBox(keys, 'upstream-token'));
      const auditStore = createAuditStore(database);
      const log = { warn: (fields: object) => void warnings.push(fields) };
      const refreshToken = createRefreshToken({
        store,
        seal,
        audit: createAudit({ store: auditStore, clock }),
        clock,
        log,
        wait: async (ms) => void waits.push(ms),
      });
      const vault = createVault({
        store,
        write: database.write,
        seal,
        refreshToken,
        findUpstream: (id) => (id === 'gone' ? undefined : sampleUpstream({ id })),
        connectorOf: ({ id }) =>
          id === 'old-style'
            ? { start: unused, redeem: unused }
            : { start: unused, redeem: unused, refresh: upstream.refresh },
        clock,
        leeway: LEEWAY,
        wait: async (ms) => {
          waits.push(ms);
          await new Promise((done) => setImmediate(done));
        },
      });
      return { vault, store, database, auditStore };
    }
    const all = await Promise.all(Array.from({ length: vaults }, () => process()));
    const first = all[0] as Awaited<ReturnType<typeof process>>;
    return { ...first, all, upstream, warnings, waits, another: process };
  }

  const unused = async (): Promise<never> => {
    throw new Error('nobody asks for this');
  };
  const key = { accountId: ACCOUNT, upstreamId: LAB };
  const reason = (asked: Promise<unknown>) =>
    asked.then(
      () => 'none',
      (error: unknown) => (error instanceof NoUpstreamToken ? error.reason : String(error)),
    );
  /** A guard that holds nothing. */
  const gone = (database: Database) => ({
    query: database.sql('federated_identities').where({ id: 'gone' }).update({ extra: '{}' }),
    guard: true,
  });
  const stored = (database: Database) =>
    database.all<{ sealed: string }>(database.sql('upstream_tokens').select('*'));
  const events = async (auditStore: { list(filter: object): Promise<{ event: string }[]> }) =>
    (await auditStore.list({ accountId: ACCOUNT, limit: 50 })).map(({ event }) => event);

  test('what was never kept is not found, and what was forgotten neither', async () => {
    const { vault, database } = await world();
    await expect(vault.tokenFor(ACCOUNT, LAB)).rejects.toMatchObject({ reason: 'none', status: 404 });
    await vault.keep(ACCOUNT, LAB, EXPIRED);
    await database.write(vault.forgetSteps(ACCOUNT, LAB));
    await expect(vault.tokenFor(ACCOUNT, LAB)).rejects.toMatchObject({ reason: 'none' });
  });

  test('row 98: nothing of a pair stands in the database as it is', async () => {
    const { vault, database } = await world();
    await vault.keep(ACCOUNT, LAB, { ...EXPIRED, secret: 'oauth1-secret' });
    const text = JSON.stringify(await stored(database));
    for (const value of ['access-token-0', 'refresh-token-0', 'id-token-0', 'oauth1-secret', 'files'])
      expect(text).not.toContain(value);
  });

  test('a row moved to another account or upstream, or sealed under a lost key, opens nothing', async () => {
    const { vault, database, another } = await world();
    await vault.keep(ACCOUNT, LAB, { ...EXPIRED, expiresAt: undefined });
    const [row] = await stored(database);
    for (const place of [{ account_id: 'thief' }, { upstream_id: 'elsewhere' }])
      await database.run(database.sql('upstream_tokens').insert({ ...row, ...place }));
    expect(await reason(vault.tokenFor('thief', LAB))).toBe('expired');
    expect(await reason(vault.tokenFor(ACCOUNT, 'elsewhere'))).toBe('expired');
    const stranger = await another(['another secret altogether, long enough']);
    expect(await reason(stranger.vault.tokenFor(ACCOUNT, LAB))).toBe('expired');
    const heir = await another(['the new first secret, also long enough', SECRET]);
    expect((await heir.vault.tokenFor(ACCOUNT, LAB)).accessToken).toBe('access-token-0');
  });

  test('a database that is away for a moment does not cost the pair the upstream has just exchanged', async () => {
    const { vault, store, upstream, waits, another } = await world();
    await vault.keep(ACCOUNT, LAB, EXPIRED);
    const replace = store.replace.bind(store);
    let away = 3;
    Object.assign(store, {
      async replace(...args: Parameters<typeof replace>) {
        away -= 1;
        if (away >= 0) throw new Unavailable('the database is away');
        return replace(...args);
      },
    });
    const { accessToken } = await vault.tokenFor(ACCOUNT, LAB);
    expect([upstream.refreshes, waits]).toEqual([1, [200, 1_000, 2_000]]);
    // Kept, for others too.
    const other = await another();
    expect((await other.vault.tokenFor(ACCOUNT, LAB)).accessToken).toBe(accessToken);
    expect(upstream.refreshes).toBe(1);
  });

  test.each([
    ['a second more than the leeway', LEEWAY * 1000 + 1000, 0],
    ['just the leeway', LEEWAY * 1000, 0],
    ['a millisecond less than the leeway', LEEWAY * 1000 - 1, 1],
    ['no time any more', -1, 1],
  ])('row 99: good for %s', async (_name, left, refreshes) => {
    const { vault, upstream } = await world();
    await vault.keep(ACCOUNT, LAB, { ...EXPIRED, expiresAt: START + left });
    const { accessToken } = await vault.tokenFor(ACCOUNT, LAB);
    expect(accessToken).toBe(`access-token-${refreshes}`);
    expect(upstream.refreshes).toBe(refreshes);
  });

  test('row 99: without an end it is given out as it is', async () => {
    const { vault, upstream } = await world();
    await vault.keep(ACCOUNT, LAB, { ...EXPIRED, expiresAt: undefined });
    now += 365 * 86_400_000;
    expect((await vault.tokenFor(ACCOUNT, LAB)).accessToken).toBe('access-token-0');
    expect(upstream.refreshes).toBe(0);
  });

  test('row 99, goal 32: a refresh saves the new pair; what the answer leaves out stays', async () => {
    const { vault, another, auditStore, upstream } = await world();
    await vault.keep(ACCOUNT, LAB, EXPIRED);
    await vault.tokenFor(ACCOUNT, LAB);
    const { vault: other } = await another();
    expect(await other.tokenFor(ACCOUNT, LAB)).toEqual({
      accessToken: 'access-token-1',
      refreshToken: 'refresh-token-1',
      idToken: 'id-token-0',
      scope: 'openid files',
      expiresAt: START + 3_600_000,
    });
    upstream.silentAboutRefresh = true;
    now += 3_600_000;
    expect(await other.tokenFor(ACCOUNT, LAB)).toMatchObject({ refreshToken: 'refresh-token-1' });
    expect(await events(auditStore)).toEqual(['upstream_token.refreshed', 'upstream_token.refreshed']);
  });

  const SIGN_IN: UpstreamTokens = { accessToken: 'access-token-of-today', expiresAt: START + 3_600_000 };
  const held = async (store: UpstreamTokenStore) => {
    const row = await store.find(key);
    return row && createTokenSeal(createSecretBox([SECRET], 'upstream-token')).open(row);
  };

  test.each<[string, Partial<UpstreamTokens>, string | undefined]>([
    ['says nothing of the scope', {}, 'refresh-token-0'],
    ['has the same scope in other words', { scope: 'files,openid' }, 'refresh-token-0'],
    ['has more', { scope: 'openid files more' }, 'refresh-token-0'],
    ['has less', { scope: 'openid' }, undefined],
    ['brings one of its own', { refreshToken: 'refresh-token-9' }, 'refresh-token-9'],
  ])('a sign-in without a refresh token leaves the kept one: %s', async (_name, more, expected) => {
    const { vault, store } = await world();
    await vault.keep(ACCOUNT, LAB, { ...EXPIRED, scope: 'openid files offline_access' });
    await vault.keep(ACCOUNT, LAB, { ...SIGN_IN, ...more });
    const { refreshToken, ...rest } = (await held(store)) ?? {};
    expect(refreshToken).toBe(expected);
    // Nothing else is of the pair before.
    const { refreshToken: _own, ...brought } = { ...SIGN_IN, ...more };
    expect(rest).toEqual(brought);
  });

  test('a refresh token that was refused does not come back with a sign-in', async () => {
    const { vault, store } = await world();
    await vault.keep(ACCOUNT, LAB, { ...EXPIRED, refreshToken: 'revoked' });
    expect(await reason(vault.tokenFor(ACCOUNT, LAB))).toBe('expired');
    await vault.keep(ACCOUNT, LAB, SIGN_IN);
    expect(await held(store)).toEqual(SIGN_IN);
  });

  test('a sign-in during a refresh does not bring the used refresh token back', async () => {
    const { vault, store, upstream } = await world();
    await vault.keep(ACCOUNT, LAB, EXPIRED);
    let open = (): void => undefined;
    upstream.gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const refreshed = vault.tokenFor(ACCOUNT, LAB);
    while (upstream.refreshes === 0) await new Promise((done) => setImmediate(done));
    await vault.keep(ACCOUNT, LAB, SIGN_IN);
    open();
    expect(await refreshed).toMatchObject({ accessToken: 'access-token-1' });
    expect(await held(store)).toMatchObject({ refreshToken: 'refresh-token-1' });
  });

  test('behind a guard that holds nothing, nothing is kept: neither first, nor later, nor during a refresh', async () => {
    const { vault, store, database } = await world();
    const behind = (holds: boolean) => [{ ...gone(database), guard: !holds }];
    expect(await vault.keep(ACCOUNT, LAB, SIGN_IN, behind(false))).toBe(false);
    expect(await store.find(key)).toBeUndefined();
    expect(await vault.keep(ACCOUNT, LAB, EXPIRED, behind(true))).toBe(true);
    const before = await store.find(key);
    expect(await vault.keep(ACCOUNT, LAB, SIGN_IN, behind(false))).toBe(false);
    expect(await store.find(key)).toEqual(before);
    const { revision = '' } = before ?? {};
    const lease = { holder: 'another', until: START + LEASE_MS, now: START };
    expect(await store.takeLease({ ...key, revision }, lease)).toBe(true);
    expect(await vault.keep(ACCOUNT, LAB, SIGN_IN, behind(false))).toBe(false);
    expect(await vault.keep(ACCOUNT, LAB, SIGN_IN, behind(true))).toBe(true);
    expect(await held(store)).toEqual(EXPIRED);
  });

  test('row 99: no refresh token, no way to refresh, an upstream taken away: a clear error, nothing changed', async () => {
    const { vault, upstream, store } = await world();
    await vault.keep(ACCOUNT, LAB, { ...EXPIRED, refreshToken: undefined });
    await vault.keep(ACCOUNT, 'old-style', EXPIRED);
    await vault.keep(ACCOUNT, 'gone', EXPIRED);
    for (const id of [LAB, 'old-style', 'gone']) {
      await expect(vault.tokenFor(ACCOUNT, id)).rejects.toMatchObject({
        reason: 'expired',
        status: 409,
        code: 'upstream_sign_in_needed',
      });
    }
    expect(upstream.refreshes).toBe(0);
    expect((await store.find(key))?.deadAt).toBeUndefined();
  });

  test('a refused refresh marks the pair: nobody asks again until the person has signed in there', async () => {
    const { vault, upstream, auditStore, warnings } = await world();
    await vault.keep(ACCOUNT, LAB, { ...EXPIRED, refreshToken: 'a refresh token used before' });
    expect(await reason(vault.tokenFor(ACCOUNT, LAB))).toBe('expired');
    expect(await reason(vault.tokenFor(ACCOUNT, LAB))).toBe('expired');
    expect(upstream.refreshes).toBe(1);
    expect(await events(auditStore)).toEqual(['upstream_token.refused']);
    expect(warnings).toHaveLength(1);
    await vault.keep(ACCOUNT, LAB, { ...EXPIRED, accessToken: 'signed-in-again', expiresAt: START + 60_000 });
    expect((await vault.tokenFor(ACCOUNT, LAB)).accessToken).toBe('signed-in-again');
  });

  test.each([
    new UpstreamError('unreachable', 'The upstream does not answer.', { status: 502 }),
    new UpstreamError('refused', 'The upstream does not know us.', { answer: 'invalid_client' }),
  ])('an upstream in trouble ($fault) ends nothing: the next one asks again', async (trouble) => {
    const { vault, upstream, store } = await world();
    await vault.keep(ACCOUNT, LAB, EXPIRED);
    upstream.trouble = trouble;
    await expect(vault.tokenFor(ACCOUNT, LAB)).rejects.toBe(upstream.trouble);
    expect(await store.find(key)).toMatchObject({ deadAt: undefined, leasedUntil: undefined });
    upstream.trouble = undefined;
    expect((await vault.tokenFor(ACCOUNT, LAB)).accessToken).toBe('access-token-2');
  });

  test('goal 32, keycloak#49341: twelve callers of four processes meet an expired pair: one refresh, one pair for all', async () => {
    const { all, upstream } = await world({ vaults: 4 });
    const vaults = all.map(({ vault }) => vault);
    await (vaults[0] as Vault).keep(ACCOUNT, LAB, EXPIRED);
    for (let round = 1; round <= 5; round += 1) {
      let open: (value: unknown) => void = () => {};
      upstream.gate = new Promise((resolve) => {
        open = resolve;
      });
      const asked = Array.from({ length: 12 }, (_, at) => (vaults[at % 4] as Vault).tokenFor(ACCOUNT, LAB));
      // All have met the lease before the upstream answers.
      while (upstream.refreshes < round) await new Promise((done) => setImmediate(done));
      for (let turn = 0; turn < 20; turn += 1) await new Promise((done) => setImmediate(done));
      open(undefined);
      const got = await Promise.all(asked);
      expect(new Set(got.map(({ accessToken }) => accessToken))).toEqual(new Set([`access-token-${round}`]));
      expect(upstream.refreshes).toBe(round);
      now += 2 * 3_600_000;
    }
  });

  test('a holder that died: its lease ends, and another one refreshes', async () => {
    const { vault, store, upstream, waits } = await world();
    await vault.keep(ACCOUNT, LAB, EXPIRED);
    const row = await store.find(key);
    const lease = { holder: 'the dead one', until: now + LEASE_MS, now };
    expect(await store.takeLease({ ...key, revision: row?.revision ?? '' }, lease)).toBe(true);
    const asked = vault.tokenFor(ACCOUNT, LAB);
    while (waits.length < 3) await new Promise((done) => setImmediate(done));
    expect(upstream.refreshes).toBe(0);
    now += LEASE_MS + 1;
    expect((await asked).accessToken).toBe('access-token-1');
  });

  test('a holder that was slow, not dead: what it brings counts, though the next one was refused meanwhile', async () => {
    const { all, upstream } = await world({ vaults: 2 });
    const [slow, next] = all.map(({ vault }) => vault) as [Vault, Vault];
    await slow.keep(ACCOUNT, LAB, EXPIRED);
    let open = (): void => undefined;
    upstream.gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const asked = slow.tokenFor(ACCOUNT, LAB);
    while (upstream.refreshes === 0) await new Promise((done) => setImmediate(done));
    // To the next one's clock the lease has ended.
    now += LEASE_MS + 1;
    upstream.gate = Promise.resolve();
    upstream.trouble = new UpstreamError('refused', 'Used before.', { answer: 'invalid_grant' });
    expect(await reason(next.tokenFor(ACCOUNT, LAB))).toBe('expired');
    upstream.trouble = undefined;
    open();
    const { accessToken } = await asked;
    expect((await next.tokenFor(ACCOUNT, LAB)).accessToken).toBe(accessToken);
  });

  test('a holder that never ends: whoever waits is told to try again', async () => {
    const { vault, store } = await world();
    await vault.keep(ACCOUNT, LAB, EXPIRED);
    const row = await store.find(key);
    const lease = { holder: 'one that hangs', until: Number.MAX_SAFE_INTEGER, now };
    await store.takeLease({ ...key, revision: row?.revision ?? '' }, lease);
    await expect(vault.tokenFor(ACCOUNT, LAB)).rejects.toMatchObject({ fault: 'unreachable', status: 503 });
  });

  test('leases are taken by one, of the pair that was read, and given back by their holder alone', async () => {
    const { vault, store } = await world();
    await vault.keep(ACCOUNT, LAB, EXPIRED);
    const revision = (await store.find(key))?.revision ?? '';
    const take = (holder: string, at = now, of = revision) =>
      store.takeLease({ ...key, revision: of }, { holder, until: at + 1000, now: at });
    expect(await take('one', now, 'an older pair')).toBe(false);
    const taken = await Promise.all(Array.from({ length: 8 }, (_, at) => take(`holder-${at}`)));
    expect(taken.filter(Boolean)).toHaveLength(1);
    await store.endLease(key, 'not the holder');
    expect(await take('two')).toBe(false);
    expect(await take('two', now + 1000)).toBe(true);
    await store.endLease(key, 'two');
    expect(await take('three')).toBe(true);
  });

  test('a sign-in with a pair of its own while the pair is refreshed wins: the late answer writes nothing over it', async () => {
    const { vault, upstream, store } = await world();
    await vault.keep(ACCOUNT, LAB, EXPIRED);
    let open: (value: unknown) => void = () => {};
    upstream.gate = new Promise((resolve) => {
      open = resolve;
    });
    const asked = vault.tokenFor(ACCOUNT, LAB);
    while (upstream.refreshes === 0) await new Promise((done) => setImmediate(done));
    const pair = { accessToken: 'of the sign-in', refreshToken: 'of it too', expiresAt: START + 60_000 };
    await vault.keep(ACCOUNT, LAB, pair);
    open(undefined);
    expect((await asked).accessToken).toBe('of the sign-in');
    // Nor does a late refusal end the new pair.
    const former = { ...key, revision: newId() };
    expect(await store.bury(former, now, [])).toBe(false);
    expect((await vault.tokenFor(ACCOUNT, LAB)).accessToken).toBe('of the sign-in');
  });

  test('listed in order, a page at a time, with the names of accounts', async () => {
    const { vault, store, database } = await world();
    await database.run(
      database.sql('accounts').insert({
        id: 'b',
        username: 'Bea',
        username_key: 'bea',
        created_at: now,
        updated_at: now,
      }),
    );
    for (const [account, upstreamId] of [
      ['b', 'two'],
      ['a', 'one'],
      ['b', 'one'],
      ['c', 'one'],
    ] as const)
      await vault.keep(account, upstreamId, EXPIRED);
    const names = async (page: Parameters<typeof store.list>[0]) =>
      (await store.list(page)).map((row) => [row.accountId, row.upstreamId, row.username]);
    expect(await names({ limit: 2 })).toEqual([
      ['a', 'one', undefined],
      ['b', 'one', 'Bea'],
    ]);
    expect(await names({ limit: 9, after: { accountId: 'b', upstreamId: 'one' } })).toEqual([
      ['b', 'two', 'Bea'],
      ['c', 'one', undefined],
    ]);
    expect(await names({ limit: 9, accountId: 'a' })).toEqual([['a', 'one', undefined]]);
  });
});
