/** Told to stop while it still starts: it ends in order all the same, and leaves nothing open. */
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { newPlace, type Place } from '../support/command-line.js';

/** Its connection is made when the test says so: in fact it takes moments that nobody can choose. */
let connected: Promise<void>;
let closed: number;
jest.unstable_mockModule('../../src/serve/follow-changes.js', () => ({
  async followChanges() {
    await connected;
    return {
      listening: true,
      async close() {
        closed += 1;
      },
    };
  },
}));

let place: Place;
beforeEach(() => {
  place = newPlace();
  connected = Promise.resolve();
  closed = 0;
});
afterEach(() => place.remove());

/** In this process, so that the signal comes in the turn after the port was opened. */
async function stopAtOnce() {
  const running = place.run('serve', { env: { PORT: '0' } });
  while (process.listenerCount('SIGTERM') === 0) await turn();
  process.emit('SIGTERM', 'SIGTERM');
  return { running };
}

test('R09: while the first password is hashed: that it is not kept is no failure', async () => {
  const { code, stdout, stderr } = await (await stopAtOnce()).running;
  expect(stderr).toBe('');
  expect(stdout).toContain('"msg":"stopped"');
  expect(code).toBe(0);
});

test('R09: before changes are listened for: what listens then is closed as well', async () => {
  let connect = () => {};
  connected = new Promise((resolve) => {
    connect = resolve;
  });
  const { running } = await stopAtOnce();
  // All that has been opened is closed within these.
  for (let turns = 0; turns < 100; turns += 1) await turn();
  connect();
  expect((await running).code).toBe(0);
  expect(closed).toBe(1);
});
