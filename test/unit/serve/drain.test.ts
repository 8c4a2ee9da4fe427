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

test('R07: what still arrives is not worked on before the listener is closed, and then all of it', async () => {
  const listeningAt: boolean[] = [];
  const traffic = createTraffic((_request, response) => {
    listeningAt.push(server.listening);
    response.end('done');
  });
  const server = createServer(traffic.handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sockets = Array.from({ length: 5 }, () => net.connect(port, '127.0.0.1'));
  for (const socket of sockets) socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const answers = Promise.all(sockets.map((socket) => once(socket, 'data')));
  const gone = net.connect(port, '127.0.0.1');
  gone.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  // The kernel has made the connections by then; the server has not heard of them yet.
  await new Promise<void>((resolve) => process.nextTick(resolve));
  const drained = traffic.drain([server], LIMIT_MS);
  gone.destroy();
  for (const [answer] of (await answers) as [Buffer][]) expect(answer.toString()).toContain('done');
  expect(await drained).toBe(0);
  expect(new Set(listeningAt)).toEqual(new Set([false]));
  expect(listeningAt.length).toBeLessThanOrEqual(6);
});
