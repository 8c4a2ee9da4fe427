import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Unavailable } from '../../src/platform/errors/errors.js';
import { createThrottle, type Throttle } from '../../src/platform/throttle/throttle.js';
import { createThrottleStore, type ThrottleStore } from '../../src/stores/throttle-store.js';
import { migrateUp } from '../../src/platform/database/migrate.js';
import { createDatabaseFixture, describeOnBothDatabases, DIALECTS } from '../support/databases.js';
import { type MovingClock, movingClock } from '../unit/accounts/fakes.js';

const RULE = { name: 'test', points: 3, windowSeconds: 60, blockSeconds: 100 };

function busyOrThrow(error: unknown): 'busy' {
  if (error instanceof Unavailable) return 'busy';
  throw error;
}

describeOnBothDatabases('throttle', (open) => {
  let clock: MovingClock;
  let store: ThrottleStore;
  let throttle: Throttle;
  const fails = async (times: number, key = 'anna') => {
    const waits: number[] = [];
    for (let n = 0; n < times; n += 1) waits.push(await throttle.fail(key));
    return waits;
  };

  beforeEach(async () => {
    clock = movingClock();
    store = createThrottleStore(await open());
    throttle = createThrottle({ store, clock }, RULE);
  });

  test('what is over the limit waits for the whole block, counted or not', async () => {
    expect(await fails(4)).toEqual([0, 0, 0, 100]);
    clock.forward(40);
    expect(await throttle.check('anna')).toBe(60);
    expect(await fails(2)).toEqual([60, 60]);
    clock.forward(60);
    expect(await throttle.check('anna')).toBe(0);
    expect(await fails(1)).toEqual([0]);
  });

  test('asking counts nothing; full is not yet blocked', async () => {
    await fails(3);
    for (let n = 0; n < 9; n += 1) expect(await throttle.check('anna')).toBe(0);
    expect(await throttle.check('bert')).toBe(0);
  });

  test('several counters at once are what they would be one by one', async () => {
    const later = clock.now() + 50_000;
    await store.add('live', { points: 2, expiresAt: later }, clock.now());
    await store.add('ended', { points: 9, expiresAt: clock.now() }, clock.now());
    const start = (key: string) => ({ key, points: 5, expiresAt: later + 1 });
    const totals = await store.addAll(['new', 'live', 'ended'].map(start), clock.now());
    expect(Object.fromEntries(totals)).toEqual({
      new: { points: 5, expiresAt: later + 1 },
      live: { points: 7, expiresAt: later },
      ended: { points: 5, expiresAt: later + 1 },
    });
    expect((await store.addAll([], clock.now())).size).toBe(0);
    // Side by side and in any order none is lost and none waits for the other.
    const keys = Array.from({ length: 50 }, (_, n) => `key-${n}`);
    const rounds = Array.from({ length: 20 }, (_, n) => (n % 2 ? keys : keys.toReversed()).map(start));
    await Promise.all(rounds.map((entries) => store.addAll(entries, clock.now())));
    for (const key of keys) expect(await store.find(key, clock.now())).toMatchObject({ points: 100 });
  });

  test('a window that ended is forgotten', async () => {
    await fails(3);
    clock.forward(60);
    expect(await fails(3)).toEqual([0, 0, 0]);
  });

  test('keys and names do not meet', async () => {
    await fails(4);
    expect(await fails(1, 'bert')).toEqual([0]);
    const other = createThrottle({ store, clock }, { ...RULE, name: 'other' });
    expect(await other.fail('anna')).toBe(0);
  });

  const holds = async (times: number, key = 'anna') => {
    const waits: (number | 'busy')[] = [];
    for (let n = 0; n < times; n += 1) waits.push(await throttle.hold(key).catch(busyOrThrow));
    return waits;
  };

  test('what is released is free again, but a block stays and nothing goes below zero', async () => {
    await throttle.release('anna');
    await holds(3);
    await throttle.release('anna');
    expect(await holds(2)).toEqual([0, 'busy']);
    for (let n = 0; n < 3; n += 1) await throttle.confirm('anna');
    expect(await holds(1)).toEqual([100]);
    await throttle.release('anna');
    expect(await throttle.check('anna')).toBe(100);
    await holds(1, 'bert');
    await throttle.release('bert');
    await throttle.release('bert');
    expect(await holds(4, 'bert')).toEqual([0, 0, 0, 'busy']);
  });

  test('what is under way lets nothing pass the limit, but begins no block', async () => {
    expect(await holds(5)).toEqual([0, 0, 0, 'busy', 'busy']);
    expect(await throttle.check('anna')).toBe(0);
    await throttle.confirm('anna');
    await throttle.confirm('anna');
    expect(await holds(1)).toEqual(['busy']);
    await throttle.release('anna');
    expect(await holds(2)).toEqual([0, 'busy']);
    await throttle.confirm('anna');
    expect(await holds(2)).toEqual([100, 100]);
    clock.forward(100);
    expect(await holds(4)).toEqual([0, 0, 0, 'busy']);
  });

  test('what was wrong is forgotten with its window, however late it came to light', async () => {
    await holds(3);
    clock.forward(59);
    for (let n = 0; n < 3; n += 1) await throttle.confirm('anna');
    clock.forward(1);
    expect(await holds(4)).toEqual([0, 0, 0, 'busy']);
  });

  test('clearing forgets what was wrong', async () => {
    await holds(3);
    for (let n = 0; n < 3; n += 1) await throttle.confirm('anna');
    await throttle.clear('anna');
    expect(await holds(4)).toEqual([0, 0, 0, 'busy']);
  });

  test('clearing ends the block', async () => {
    await fails(4);
    await throttle.clear('anna');
    expect(await fails(3)).toEqual([0, 0, 0]);
  });

  test('of 40 at once, through two throttles, as many pass as points are there', async () => {
    const twin = createThrottle({ store, clock }, RULE);
    const waits = await Promise.all(
      Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? throttle : twin).fail('anna')),
    );
    expect(waits.filter((wait) => wait === 0)).toHaveLength(3);
  });

  test('of 40 held at once, through two throttles, as many pass as points are there', async () => {
    const twin = createThrottle({ store, clock }, RULE);
    const waits = await Promise.all(
      Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? throttle : twin).hold('anna').catch(busyOrThrow)),
    );
    expect(waits.filter((wait) => wait === 0)).toHaveLength(3);
    expect(waits.filter((wait) => wait === 'busy')).toHaveLength(37);
    for (let n = 0; n < 3; n += 1) await twin.release('anna');
    expect(await throttle.hold('anna')).toBe(0);
  });

  test('what was never settled, since its process died, is forgotten soon; what was wrong is not', async () => {
    await holds(3);
    await throttle.confirm('anna');
    clock.forward(29);
    expect(await holds(1)).toEqual(['busy']);
    clock.forward(1);
    expect(await holds(3)).toEqual([0, 0, 'busy']);
    // Half a minute from now, not from the first.
    clock.forward(29);
    expect(await holds(1)).toEqual(['busy']);
  });

  test('what is under way counts for its own half minute, whoever was before', async () => {
    await holds(1);
    await throttle.release('anna');
    clock.forward(29);
    await holds(3);
    clock.forward(2);
    expect(await holds(1)).toEqual(['busy']);
  });

  test('a point that was taken by `fail` can be given back, and a block stays', async () => {
    await throttle.giveBack('anna');
    await fails(3);
    await throttle.giveBack('anna');
    expect(await fails(2)).toEqual([0, 100]);
    await throttle.giveBack('anna');
    expect(await throttle.check('anna')).toBe(100);
  });

  test('pruning takes ended counters, a batch at a time', async () => {
    for (const key of ['a', 'b', 'c']) await throttle.fail(key);
    clock.forward(30);
    await throttle.fail('d');
    clock.forward(31);
    expect(await store.prune(clock.now(), 2)).toBe(2);
    expect(await store.prune(clock.now(), 2)).toBe(1);
    expect(await store.prune(clock.now(), 2)).toBe(0);
  });
});

const fixture = createDatabaseFixture();
afterEach(fixture.close);

test.each(DIALECTS)('two servers on one %s database count together', async (dialect) => {
  const settings = await fixture.settingsOf(dialect);
  await migrateUp(settings);
  const clock = movingClock();
  const servers = await Promise.all(
    [1, 2].map(async () =>
      createThrottle({ store: createThrottleStore(await fixture.open(settings)), clock }, RULE),
    ),
  );
  const tries = Array.from({ length: 20 }, () => servers.map((server) => server.fail('anna'))).flat();
  expect((await Promise.all(tries)).filter((wait) => wait === 0)).toHaveLength(3);
  for (const server of servers) expect(await server.check('anna')).toBe(100);
});
