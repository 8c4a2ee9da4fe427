import { once } from 'node:events';
import { createServer } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { createTraffic } from '../../../src/serve/drain.js';
import { since, until } from '../../support/figures.js';

const BUSY_MS = 10;
const LIMIT_MS = 2_000;

let saturated = false;
afterEach(() => {
  saturated = false;
});

/** Work in every turn, so that none of them is short. */
function saturate(): void {
  const end = performance.now() + BUSY_MS;
  while (performance.now() < end);
  if (saturated) setImmediate(saturate);
}

test('R09: a process that has no quiet turn closes its listener all the same, on the time it has', async () => {
  const traffic = createTraffic(() => {});
  const server = createServer(traffic.handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  const reset = once(socket, 'close');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(server, 'request');

  saturated = true;
  saturate();
  const began = performance.now();
  const drained = traffic.drain([server], LIMIT_MS);
  await until('the listener is closed', () => !server.listening, 1_500);
  saturated = false;
  // Nobody answers the one request: it is cut when the time is over, of which closing took its part.
  expect(await drained).toBe(1);
  expect(since(began)).toBeLessThan(LIMIT_MS + 400);
  await reset;
}, 30_000);
