import { describe, expect, test } from '@jest/globals';
import type { Account } from '../../../src/accounts/account.js';
import {
  createAuthenticate,
  SIGN_IN_BY_ACCOUNT,
  SIGN_IN_BY_ADDRESS,
} from '../../../src/accounts/authenticate.js';
import { createPasswords } from '../../../src/accounts/passwords.js';
import { Unavailable } from '../../../src/platform/errors/errors.js';
import { createThrottle } from '../../../src/platform/throttle/throttle.js';
import type { Credentials } from '../../../src/stores/account-store.js';
import { countingArgon2, listeningAudit, memoryTable, movingClock } from './fakes.js';

const RIGHT = 'pine wood hut';
const home = { ip: '192.0.2.1', requestId: 'r1' };

function person(username: string, more: Partial<Account> = {}, password: object = {}): Credentials {
  const account: Account = {
    id: `id-${username}`,
    username,
    emailVerified: false,
    disabled: false,
    mustChangePassword: false,
    accessEpoch: 0,
    roles: [],
    createdAt: 1,
    updatedAt: 1,
    ...more,
  };
  return {
    account,
    password: { hash: `hash of ${RIGHT}`, setAt: 1, mustChange: false, ...password },
    createdBy: 'cli',
    sources: {},
    emailByMail: false,
  };
}

function setUp() {
  const clock = movingClock();
  const argon2 = countingArgon2();
  const audit = listeningAudit(clock);
  const store = memoryTable();
  const people = new Map<string, Credentials>(
    [
      person('anna'),
      person('bert', { disabled: true }),
      person('carl', {}, { mustChange: true, expiresAt: clock.now() + 60_000 }),
      person('dora', {}, { expiresAt: clock.now() + 60_000 }),
      { ...person('emil'), password: undefined },
    ].map((found) => [found.account.username, found]),
  );
  const looked: string[] = [];
  const find = async (key: string): Promise<Credentials | undefined> => {
    looked.push(key);
    return people.get(key);
  };
  const startProcess = () =>
    createAuthenticate({
      store: { findCredentials: (of) => find('usernameKey' in of ? of.usernameKey : of.id) },
      passwords: createPasswords(argon2),
      throttles: {
        account: createThrottle({ store, clock }, SIGN_IN_BY_ACCOUNT),
        address: createThrottle({ store, clock }, SIGN_IN_BY_ADDRESS),
      },
      audit,
      clock,
    });
  const authenticate = startProcess();
  const tryIt = (username: string, password: string, ip = home.ip) =>
    authenticate({ username, password }, { ...home, ip });
  return { clock, argon2, audit, looked, people, store, startProcess, tryIt };
}

describe('one answer and one hash for everything that is wrong (A112)', () => {
  test.each([
    ['a wrong password', 'anna', 'wrong password'],
    ['an unknown name', 'nobody-here', RIGHT],
    ['a disabled account', 'bert', RIGHT],
    ['an account without a password', 'emil', RIGHT],
    ['an empty name', '', RIGHT],
    ['an empty password', 'anna', ''],
    ['a name no database takes', 'anna\u0000', RIGHT],
    ['a password of two megabytes', 'anna', 'x'.repeat(2_000_000)],
  ])('%s', async (_what, username, password) => {
    const { tryIt, argon2 } = setUp();
    expect(await tryIt(username, password)).toEqual({ outcome: 'wrong' });
    expect(argon2.calls).toEqual({ hashed: 0, verified: 1 });
  });

  test('an expired password, must it be changed or not', async () => {
    const { tryIt, argon2, clock } = setUp();
    clock.forward(60);
    expect(await tryIt('carl', RIGHT)).toEqual({ outcome: 'wrong' });
    expect(await tryIt('dora', RIGHT)).toEqual({ outcome: 'wrong' });
    expect(argon2.calls.verified).toBe(2);
  });

  test('a name that cannot be one is not looked up', async () => {
    const { tryIt, looked } = setUp();
    await tryIt('anna\u0000', RIGHT);
    expect(looked).toEqual([]);
  });
});

describe('right passwords', () => {
  test('are right whatever the case of the name', async () => {
    const { tryIt } = setUp();
    expect(await tryIt(' ANNA ', RIGHT)).toMatchObject({ outcome: 'ok', account: { id: 'id-anna' } });
  });

  test('of one time only lead to choosing another', async () => {
    const { tryIt } = setUp();
    expect(await tryIt('carl', 'wrong password')).toEqual({ outcome: 'wrong' });
    expect(await tryIt('carl', RIGHT)).toMatchObject({ outcome: 'must_change', passwordSetAt: 1 });
  });
});

test('a password that is changed while it is being checked is wrong by then, and is counted', async () => {
  const { tryIt, argon2, people, audit, store } = setUp();
  const { verify } = argon2;
  argon2.verify = async (stored, password) => {
    people.set('anna', person('anna', { accessEpoch: 1 }, { hash: 'hash of another' }));
    return verify(stored, password);
  };
  expect(await tryIt('anna', RIGHT)).toEqual({ outcome: 'wrong' });
  expect(audit.events.at(-1)?.detail).toEqual({ reason: 'changed_meanwhile' });
  expect([...store.rows.values()].map(({ points }) => points)).toEqual([1, 1]);
});

describe('throttle (contract §6)', () => {
  test('after 10 failures the right password waits too, and costs no hash', async () => {
    const { tryIt, argon2, clock } = setUp();
    for (let n = 0; n < 10; n += 1) expect(await tryIt('anna', `guess ${n}`)).toEqual({ outcome: 'wrong' });
    expect(await tryIt('anna', RIGHT)).toEqual({ outcome: 'throttled', retryAfterSeconds: 900 });
    clock.forward(899);
    expect(await tryIt('Anna', RIGHT)).toEqual({ outcome: 'throttled', retryAfterSeconds: 1 });
    expect(argon2.calls.verified).toBe(10);
    clock.forward(1);
    expect(await tryIt('anna', RIGHT)).toMatchObject({ outcome: 'ok' });
  });

  test('an unknown name is throttled as a known one', async () => {
    const { tryIt } = setUp();
    for (let n = 0; n < 10; n += 1) await tryIt('nobody-here', `guess ${n}`);
    expect(await tryIt('nobody-here', RIGHT)).toEqual({ outcome: 'throttled', retryAfterSeconds: 900 });
  });

  test('30 guesses at the same moment get 10 checks', async () => {
    const { tryIt, argon2 } = setUp();
    const results = await Promise.all(Array.from({ length: 30 }, (_, n) => tryIt('anna', `guess ${n}`)));
    expect(results.filter(({ outcome }) => outcome === 'wrong')).toHaveLength(10);
    expect(results.filter(({ outcome }) => outcome === 'throttled')).toHaveLength(20);
    expect(argon2.calls.verified).toBe(10);
  });

  test('60 right ones at the same moment are no guesses', async () => {
    const { tryIt } = setUp();
    const results = await Promise.all(Array.from({ length: 60 }, () => tryIt('anna', RIGHT)));
    expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set(['ok']));
    expect(await tryIt('anna', RIGHT)).toMatchObject({ outcome: 'ok' });
  });

  /** What came of `attempts` of each of 20 processes, all at once and from one address. */
  async function atOnce(
    { startProcess }: ReturnType<typeof setUp>,
    attempts: readonly { username: string; password: string }[],
  ): Promise<string[]> {
    const processes = Array.from({ length: 20 }, startProcess);
    const tries = processes.flatMap((authenticate) => attempts.map((attempt) => authenticate(attempt, home)));
    const settled = await Promise.allSettled(tries);
    return settled.map((one) => {
      if (one.status === 'fulfilled') return one.value.outcome;
      if (one.reason instanceof Unavailable) return 'busy';
      throw one.reason;
    });
  }

  test('right ones at the same moment on many processes are no guesses: some come again, nobody is shut out', async () => {
    const world = setUp();
    const names = ['anna', 'fred', 'gerd', 'hans'];
    for (const name of names) world.people.set(name, person(name));
    const outcomes = await atOnce(
      world,
      names.map((username) => ({ username, password: RIGHT })),
    );
    expect(new Set(outcomes)).toEqual(new Set(['ok', 'busy']));
    for (const name of names) expect(await world.tryIt(name, RIGHT)).toMatchObject({ outcome: 'ok' });
  });

  test('guesses at the same moment on many processes get as many checks as points are there', async () => {
    const world = setUp();
    const spray = ['anna', 'fred', 'gerd', 'hans'].map((username) => ({ username, password: 'guess' }));
    const outcomes = await atOnce(world, spray);
    expect(outcomes.filter((outcome) => outcome === 'wrong').length).toBeLessThanOrEqual(40);
    expect(world.argon2.calls.verified).toBeLessThanOrEqual(40);
    for (let n = 0; n < 50; n += 1) await world.tryIt(`name-${n}`, 'guess');
    expect(world.argon2.calls.verified).toBe(50);
    expect(await world.tryIt('dora', RIGHT)).toMatchObject({ outcome: 'throttled' });
  });

  test('a check that could not be made holds no points', async () => {
    const { tryIt, people, store } = setUp();
    const { get } = people;
    people.get = () => {
      throw new Error('the database is away');
    };
    await expect(tryIt('anna', RIGHT)).rejects.toThrow('away');
    people.get = get;
    expect(store.underWay()).toEqual([0, 0]);
  });

  test('success forgets the failures of the account, not those of the address', async () => {
    const { tryIt } = setUp();
    for (let n = 0; n < 9; n += 1) await tryIt('anna', `guess ${n}`);
    expect(await tryIt('anna', RIGHT)).toMatchObject({ outcome: 'ok' });
    for (let n = 0; n < 9; n += 1) expect(await tryIt('anna', `guess ${n}`)).toEqual({ outcome: 'wrong' });
    for (let n = 0; n < 32; n += 1) expect(await tryIt(`name-${n}`, 'spray')).toEqual({ outcome: 'wrong' });
    expect(await tryIt('anna', RIGHT)).toEqual({ outcome: 'throttled', retryAfterSeconds: 900 });
    expect(await tryIt('anna', RIGHT, '198.51.100.7')).toMatchObject({ outcome: 'ok' });
  });

  test('a blocked address takes no points of anybody', async () => {
    const { tryIt } = setUp();
    for (let n = 0; n < 51; n += 1) await tryIt(`name-${n}`, 'spray');
    for (let n = 0; n < 20; n += 1) await tryIt('anna', 'guess');
    expect(await tryIt('anna', RIGHT, '198.51.100.7')).toMatchObject({ outcome: 'ok' });
  });

  test('a blocked account takes no points of an address', async () => {
    const { tryIt } = setUp();
    for (let n = 0; n < 200; n += 1) await tryIt('anna', 'guess');
    expect(await tryIt('dora', RIGHT)).toMatchObject({ outcome: 'ok' });
  });

  test('an IPv6 network is one address', async () => {
    const { tryIt } = setUp();
    for (let n = 0; n < 51; n += 1) await tryIt(`name-${n}`, 'spray', `2001:db8:1:2::${n.toString(16)}`);
    expect(await tryIt('anna', RIGHT, '2001:db8:1:2:ffff::1')).toMatchObject({ outcome: 'throttled' });
    expect(await tryIt('anna', RIGHT, '2001:db8:1:3::1')).toMatchObject({ outcome: 'ok' });
  });

  test('stored keys show neither names nor addresses', async () => {
    const { tryIt, store } = setUp();
    await tryIt('anna', 'guess');
    expect([...store.rows.keys()].join()).not.toMatch(/anna|192\.0\.2/);
    expect(store.rows.size).toBe(2);
  });
});

describe('audit (A126)', () => {
  test('one row for each checked attempt, one for the begin of a block', async () => {
    const { tryIt, audit } = setUp();
    await tryIt('anna', RIGHT);
    for (let n = 0; n < 15; n += 1) await tryIt('anna', 'guess');
    expect(audit.events).toHaveLength(1 + 10 + 1);
    expect(audit.events[0]).toMatchObject({
      event: 'account.sign_in',
      outcome: 'success',
      accountId: 'id-anna',
      ip: '192.0.2.1',
      requestId: 'r1',
    });
    expect(audit.events[1]).toMatchObject({ outcome: 'failure', detail: { reason: 'wrong_password' } });
    expect(audit.events.at(-1)).toMatchObject({ outcome: 'failure', detail: { reason: 'throttled' } });
  });

  test('holds neither passwords nor names nobody has', async () => {
    const { tryIt, audit } = setUp();
    await tryIt('my secret typed above', 'guessed-password');
    await tryIt('anna', 'guessed-password');
    expect(JSON.stringify(audit.events)).not.toMatch(/my secret|guessed-password/);
  });
});
