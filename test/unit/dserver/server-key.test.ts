import { expect, test } from '@jest/globals';
import { createServerKey, SERVER_KEY_BY_ADDRESS } from '../../../src/dserver/server-key.js';
import { Unavailable } from '../../../src/platform/errors/errors.js';
import { createThrottle } from '../../../src/platform/throttle/throttle.js';
import { listeningAudit, memoryTable, movingClock } from '../accounts/fakes.js';

const RIGHT = 'the key of the operator';
const home = { ip: '192.0.2.1', requestId: 'r1' };

function setUp(findLive: () => Promise<undefined> = async () => undefined) {
  const clock = movingClock();
  const store = memoryTable();
  const looked: string[] = [];
  const startProcess = () =>
    createServerKey({
      apiKey: RIGHT,
      apiKeys: {
        findLive(secret) {
          looked.push(secret);
          return findLive();
        },
      },
      throttle: createThrottle({ store, clock }, SERVER_KEY_BY_ADDRESS),
      audit: listeningAudit(clock),
    });
  return { store, looked, startProcess };
}

/** What came of `times` attempts at each of six processes, all at once. */
async function atOnce(
  { startProcess }: ReturnType<typeof setUp>,
  secret: string,
  times: number,
): Promise<string[]> {
  const processes = Array.from({ length: 6 }, startProcess);
  const tries = processes.flatMap((one) => Array.from({ length: times }, () => one.prove(secret, home)));
  const settled = await Promise.allSettled(tries);
  return settled.map((one) => {
    if (one.status === 'fulfilled') return one.value.outcome;
    if (one.reason instanceof Unavailable) return 'busy';
    throw one.reason;
  });
}

test('right keys at the same moment on many processes shut nobody out', async () => {
  const world = setUp();
  const outcomes = await atOnce(world, RIGHT, 4);
  expect(outcomes).toContain('busy');
  expect(outcomes.filter((outcome) => outcome === 'operator').length).toBeGreaterThanOrEqual(20);
  expect(outcomes).not.toContain('throttled');
  expect(await world.startProcess().prove(RIGHT, home)).toEqual({ outcome: 'operator' });
});

test('wrong keys at the same moment on many processes: 20 are looked at, then the right one waits too', async () => {
  const world = setUp();
  const outcomes = await atOnce(world, 'pdk_guess', 10);
  expect(outcomes.filter((outcome) => outcome === 'wrong')).toHaveLength(20);
  expect(world.looked).toHaveLength(20);
  expect(await world.startProcess().prove(RIGHT, home)).toEqual({
    outcome: 'throttled',
    retryAfterSeconds: 900,
  });
});

test('a key that could not be looked up is no wrong one', async () => {
  const { store, startProcess } = setUp(() => Promise.reject(new Unavailable()));
  const one = startProcess();
  for (let n = 0; n < 30; n += 1)
    await expect(one.prove('pdk_any', home)).rejects.toBeInstanceOf(Unavailable);
  expect(store.underWay()).toEqual([0]);
  expect(await one.prove(RIGHT, home)).toEqual({ outcome: 'operator' });
});
