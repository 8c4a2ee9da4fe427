import { once } from 'node:events';
import http, { type RequestListener, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createGate } from '../../../src/serve/overload.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function behindGate(handler: RequestListener) {
  const warned: object[] = [];
  let refused = 0;
  const gate = createGate({
    https: true,
    refused: () => {
      refused += 1;
    },
    log: { warn: (fields) => warned.push(fields) },
  });
  const server = http.createServer(gate.before(handler));
  server.on('connection', gate.connected);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, warned, refused: () => refused };
}

const agent = new http.Agent({ keepAlive: true });

const ask = (port: number, path = '/', accept = 'application/json') =>
  new Promise<{ status: number; headers: http.IncomingHttpHeaders; text: string }>((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, path, agent, headers: { accept } }, async (response) => {
        let text = '';
        for await (const chunk of response) text += chunk;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      })
      .once('error', reject);
  });

const busyFor = (milliseconds: number): void => {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
};

describe('the gate', () => {
  test('R21: lets everything through that can be answered', async () => {
    const { port, refused } = await behindGate((_request, response) => void response.end('fine'));
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(port)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(refused()).toBe(0);
  });

  test('R29: who was served on this connection before does not wait behind a crowd that comes at once', async () => {
    const order: string[] = [];
    let crowdBegins = (): void => {};
    const { port } = await behindGate((request, response) => {
      order.push(request.url ?? '');
      if (request.url === '/crowd') crowdBegins();
      // Longer than a turn begins requests for, so that the others stand in line.
      busyFor(15);
      response.end('fine');
    });
    const connection = connect(port, '127.0.0.1');
    const say = (path: string) => connection.write(`GET ${path} HTTP/1.1\r\nHost: here\r\n\r\n`);
    say('/regular/first');
    await once(connection, 'data');
    const answered = new Promise((resolve) => {
      crowdBegins = () => {
        crowdBegins = () => {};
        say('/regular/second');
        connection.once('data', resolve);
      };
    });
    await Promise.all([...Array.from({ length: 12 }, () => ask(port, '/crowd')), answered]);
    connection.destroy();
    expect(order).toHaveLength(14);
    expect(order.indexOf('/regular/second')).toBeLessThan(8);
  });

  test('R21: work that blocks longer than anybody waits is turned away before it begins', async () => {
    let begun = 0;
    const { port, warned, refused } = await behindGate((_request, response) => {
      begun += 1;
      busyFor(20);
      response.end('fine');
    });
    const answers = await Promise.all(Array.from({ length: 150 }, () => ask(port)));
    const served = answers.filter(({ status }) => status === 200);
    const away = answers.filter(({ status }) => status === 503);
    expect(served.length + away.length).toBe(150);
    expect(begun).toBe(served.length);
    expect(away.length).toBeGreaterThan(0);
    expect(refused()).toBe(away.length);
    expect(away[0]?.headers).toMatchObject({
      'retry-after': '2',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'strict-transport-security': expect.any(String),
    });
    expect(JSON.parse(away[0]?.text ?? '').error).toBe('temporarily_unavailable');
    // One line, not one for each.
    expect(warned).toHaveLength(1);
    expect((await ask(port)).status).toBe(200);
  });

  test('R07: a few are answered, however long the first requests of a new process take', async () => {
    const { port, refused } = await behindGate((_request, response) => {
      busyFor(300);
      response.end('fine');
    });
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask(port)));
    expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(200));
    expect(refused()).toBe(0);
  });

  test('R21: what waits for others is bounded; probes are answered all the same, and people get a page', async () => {
    const held: ServerResponse[] = [];
    const { port } = await behindGate((request, response) => {
      if (request.url === '/livez') response.end('alive');
      else held.push(response);
    });
    const asked = Array.from({ length: 400 }, () => ask(port, '/held'));
    while (held.length < 400) await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await ask(port, '/more')).status).toBe(503);
    const page = await ask(port, '/more', 'text/html');
    expect([page.status, page.headers['content-type']]).toEqual([503, 'text/html; charset=utf-8']);
    expect((await ask(port, '/livez')).text).toBe('alive');
    for (const response of held) response.end('at last');
    await Promise.all(asked);
    const after = ask(port, '/more');
    while (held.length < 401) await new Promise((resolve) => setTimeout(resolve, 5));
    held.at(-1)?.end('fine');
    expect((await after).status).toBe(200);
  });

  test('R22: bodies that drip in take nobody’s place', async () => {
    const { port } = await behindGate((request, response) => {
      request.on('error', () => {}).resume();
      request.once('end', () => response.end('fine'));
    });
    const sockets = Array.from({ length: 450 }, () => {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na');
      return socket;
    });
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    expect((await ask(port)).status).toBe(200);
    for (const socket of sockets) socket.destroy();
  });

  test('R22: who sends many requests at once and leaves has taken nobody’s place', async () => {
    const { port } = await behindGate((request, response) => {
      if (request.url === '/slow') return;
      response.end('fine');
    });
    const many = `GET /slow HTTP/1.1\r\nHost: x\r\n\r\n${'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(50)}`;
    const sockets = Array.from({ length: 12 }, () => connect(port, '127.0.0.1').on('error', () => {}));
    for (const socket of sockets) {
      socket.write(many);
      // The server has read all of them once it answers what came after.
      await ask(port, '/livez');
      await ask(port, '/livez');
      socket.destroy();
      await once(socket, 'close');
    }
    for (let attempt = 0; attempt < 20; attempt += 1) expect((await ask(port)).status).toBe(200);
  });
});
