import { EventEmitter, once } from 'node:events';
import http, { type RequestListener, type ServerResponse } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { openMetricsPort } from '../../../src/serve/metrics.js';
import { type ServeOptions, serve } from '../../../src/serve/serve.js';
import { isFree } from '../../support/free-port.js';

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const ok: RequestListener = (_request, response) => {
  response.end('fine');
};

function serving(over: Partial<ServeOptions> = {}) {
  const signals = new EventEmitter();
  const steps: string[] = [];
  const options: ServeOptions = {
    handler: ok,
    config: { http: { host: '127.0.0.1', port: 0 } },
    connected: () => {},
    log: quiet,
    ready: { drain: () => void steps.push('drain') },
    close: async () => void steps.push('close'),
    signals,
    ...over,
  };
  return { signals, steps, running: serve(options) };
}

const get = (port: number, agent: http.Agent) =>
  new Promise<{ status?: number; connection?: string; body: string }>((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, agent }, async (response) => {
      let body = '';
      for await (const chunk of response) body += chunk;
      resolve({ status: response.statusCode, connection: response.headers.connection, body });
    });
    request.once('error', reject);
  });

/** Of the event loop. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits until nobody listens there: a busy process takes in for longer what has reached it. */
async function isLeft(port: number): Promise<void> {
  const until = performance.now() + 5000;
  while (performance.now() < until && !(await isFree(port))) await turns(1);
}

describe('listening', () => {
  test('a busy port is one line that names PORT', async () => {
    const other = net.createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { running } = serving({ config: { http: { host: '127.0.0.1', port } } });
    await expect(running).rejects.toThrow(new RegExp(`^PORT ${port} on 127\\.0\\.0\\.1 is in use[^\\n]*$`));
    other.close();
  });

  test('an address of another machine names HOST', async () => {
    const { running } = serving({ config: { http: { host: '192.0.2.1', port: 0 } } });
    await expect(running).rejects.toThrow(/^HOST 192\.0\.2\.1 /);
  });

  test('an unreadable certificate names its flag and file', async () => {
    const { running } = serving({ tls: { cert: '/nowhere/cert.pem', key: '/nowhere/key.pem' } });
    await expect(running).rejects.toThrow('--cert /nowhere/cert.pem cannot be read (ENOENT).');
  });

  test('headers beyond the limit get 431', async () => {
    const running = await serving().running;
    const socket = net.connect(running.port, '127.0.0.1');
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 431 /);
    socket.destroy();
    await running.stop('test');
  });
});

describe('while it serves', () => {
  const opened: http.Server[] = [];
  beforeEach(() => {
    const make = http.createServer.bind(http);
    jest.spyOn(http, 'createServer').mockImplementation(((...given: Parameters<typeof make>) => {
      const server = make(...given);
      opened.push(server);
      return server;
    }) as typeof http.createServer);
  });
  afterEach(() => {
    jest.restoreAllMocks();
    opened.length = 0;
  });

  test('a connection that cannot be taken is logged, on the metrics port too, and the others are served', async () => {
    const errors: object[] = [];
    const log = { ...quiet, error: (fields: object) => void errors.push(fields) };
    const { port, stop } = await serving({ log }).running;
    const scrape = async () => 'figures';
    const close = await openMetricsPort({ host: '127.0.0.1', port: 0, log }, { scrape, token: undefined });
    expect(opened).toHaveLength(2);
    const fault = new Error('accept EMFILE');
    for (const server of opened) server.emit('error', fault);
    expect(errors).toEqual([{ err: fault }, { err: fault }]);
    expect((await get(port, new http.Agent())).status).toBe(200);
    close();
    expect(await stop('test')).toBe(0);
  });
});

describe('stopping', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'])(
    '%s answers what is in flight, then closes, with exit code 0',
    async (name) => {
      const arrived = new EventEmitter();
      const handler: RequestListener = (_request, response) => arrived.emit('request', response);
      const { signals, steps, running } = serving({ handler });
      const { port, ended } = await running;
      const agent = new http.Agent({ keepAlive: true });
      const reply = get(port, agent);
      const [response] = (await once(arrived, 'request')) as [ServerResponse];

      signals.emit(name, name);
      signals.emit(name, name);
      await isLeft(port);
      await expect(get(port, new http.Agent())).rejects.toThrow('ECONNREFUSED');
      expect(steps).toEqual(['drain']);
      response.end('late but complete');

      expect(await reply).toEqual({ status: 200, connection: 'close', body: 'late but complete' });
      expect(await ended).toBe(0);
      expect(steps).toEqual(['drain', 'close']);
      expect(signals.listenerCount(name)).toBe(0);
      agent.destroy();
    },
  );

  test('retired, since another has taken its place, it does not say that this machine is not ready', async () => {
    const { signals, steps, running } = serving();
    const { retire, ended } = await running;
    expect(await retire(0)).toBe(0);
    signals.emit('SIGTERM', 'SIGTERM');
    expect([await ended, steps]).toEqual([0, ['close']]);
  });

  test('told to stop while it retires, it says so', async () => {
    const { signals, steps, running } = serving();
    const { retire, ended } = await running;
    void retire(0);
    signals.emit('SIGTERM', 'SIGTERM');
    await ended;
    expect(steps).toEqual(['drain', 'close']);
  });

  test('an idle kept-alive connection does not hold it up', async () => {
    const { running } = serving();
    const { port, stop } = await running;
    const agent = new http.Agent({ keepAlive: true });
    expect((await get(port, agent)).status).toBe(200);
    expect(await stop('test')).toBe(0);
    agent.destroy();
  });

  test('R09: a request sent on an idle connection while stopping is still answered, as its last', async () => {
    const { running } = serving();
    const { port, stop } = await running;
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    await get(port, agent);
    const stopped = stop('test');
    expect(await get(port, agent)).toEqual({ status: 200, connection: 'close', body: 'fine' });
    expect(await stopped).toBe(0);
    agent.destroy();
  });

  test('R07: connections that wait to be taken when we are told to stop are answered, all of them', async () => {
    const { running } = serving();
    const { port, stop } = await running;
    const sockets = Array.from({ length: 20 }, () => {
      const socket = net.connect(port, '127.0.0.1');
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      return socket;
    });
    const answers = Promise.all(sockets.map((socket) => once(socket, 'data')));
    // The kernel has made the connections by then; the server has not heard of them yet.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    const stopped = stop('test');
    for (const [answer] of (await answers) as [Buffer][]) {
      expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*connection: close/i);
    }
    expect(await stopped).toBe(0);
  });

  test('a container that cannot be closed is an exit code of 1', async () => {
    const close = async () => {
      throw new Error('disk full');
    };
    const { stop, ended } = await serving({ close }).running;
    expect(await stop('test')).toBe(1);
    expect(await ended).toBe(1);
  });
});
