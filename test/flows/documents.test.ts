/** Discovery and the key set as kept bytes: the short way must say what the long way says. */
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createApp } from '../../src/app.js';
import { createHealth } from '../../src/platform/observe/health.js';
import { startServer, type TestServer } from '../support/server.js';

const DOCUMENTS = [
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server',
  '/oauth/jwks.json',
  '/jwks',
];
const ORIGIN = 'https://app.example';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
  await server.createClient({ token_endpoint_auth_method: 'none' });
  // Each is made by the first who asks.
  for (const path of DOCUMENTS) await ask(path);
});
afterAll(() => server.close());

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly text: string;
}

/** With exactly these headers; `fetch` would add some. */
function askAs(
  issuer: string,
  path: string,
  headers: Record<string, string | string[]>,
  method: string,
  port = Number(new URL(issuer).port),
): Promise<Answer> {
  const { hostname, host } = new URL(issuer);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method, headers: { host, ...headers } }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers as Record<string, string>,
          text,
        }),
      );
    });
    sent.on('error', reject);
    sent.end();
  });
}

const ask = (path: string, headers: Record<string, string | string[]> = {}, method = 'GET') =>
  askAs(server.issuer, path, headers, method);

/** What differs between any two answers. */
const withoutMoment = ({ headers: { date: _date, 'x-request-id': _id, ...headers }, ...rest }: Answer) => ({
  ...rest,
  headers,
});

describe.each(DOCUMENTS)('%s', (path) => {
  test('is the same by the short way and by the long one', async () => {
    const short = await ask(path);
    const long = await ask(`${path}?by=the-long-way`);
    expect(withoutMoment(short)).toEqual(withoutMoment(long));
    expect(short.status).toBe(200);
    expect(short.headers).toMatchObject({
      'cache-control': 'public, max-age=300',
      vary: 'Origin',
      etag: expect.stringMatching(/^"[\w-]{22}"$/),
      'content-length': String(Buffer.byteLength(short.text)),
      'x-content-type-options': 'nosniff',
      'x-request-id': expect.any(String),
    });
    expect(short.headers).not.toHaveProperty('access-control-allow-origin');
  });

  test('is not sent again to who has it', async () => {
    const { etag = '' } = (await ask(path)).headers;
    for (const condition of [etag, `W/${etag}`, `"another", ${etag}`, '*']) {
      const { status, text, headers } = await ask(path, { 'if-none-match': condition });
      expect([condition, status, text]).toEqual([condition, 304, '']);
      expect(headers.etag).toBe(etag);
    }
    expect((await ask(path, { 'if-none-match': '"another"' })).status).toBe(200);
  });

  test('HEAD says its length and type and nothing else', async () => {
    const whole = await ask(path);
    const head = await ask(path, {}, 'HEAD');
    expect([head.status, head.text]).toEqual([200, '']);
    expect(head.headers['content-length']).toBe(whole.headers['content-length']);
    expect(head.headers['content-type']).toBe(whole.headers['content-type']);
  });

  test('is readable by the pages of browser clients and by no others', async () => {
    const known = await ask(path, { origin: ORIGIN });
    expect(known.headers['access-control-allow-origin']).toBe(ORIGIN);
    const stranger = await ask(path, { origin: 'https://evil.example' });
    expect(stranger.headers).not.toHaveProperty('access-control-allow-origin');
    expect([known.text, stranger.text]).toEqual([(await ask(path)).text, known.text]);
  });

  test('is not answered under a foreign name', async () => {
    expect((await ask(path, { host: 'evil.example' })).status).toBe(421);
    expect((await ask(`http://evil.example${path}`)).status).toBe(421);
  });

  test('takes no POST', async () => {
    expect([404, 405]).toContain((await ask(path, {}, 'POST')).status);
  });
});

test('asked for again and again in one packet, each is answered whole and in order', async () => {
  const asked = [...DOCUMENTS, ...DOCUMENTS, '/livez', ...DOCUMENTS];
  const { port, host } = new URL(server.issuer);
  const socket = connect(Number(port), '127.0.0.1');
  const last = asked.length - 1;
  socket.write(
    asked
      .map(
        (path, at) =>
          `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${at === last ? 'Connection: close\r\n' : ''}\r\n`,
      )
      .join(''),
  );
  const answers = (await textOf(socket)).split(/(?=HTTP\/1\.1 )/);
  const bodies = answers.map((answer) => answer.slice(answer.indexOf('\r\n\r\n') + 4));
  expect(answers.map((answer) => answer.slice(9, 12))).toEqual(asked.map(() => '200'));
  expect(bodies).toEqual(await Promise.all(asked.map(async (path) => (await ask(path)).text)));
});

test('what is kept is logged as any other request', async () => {
  const { headers } = await ask('/oauth/jwks.json');
  const lines = server.logs.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toContainEqual(
    expect.objectContaining({
      method: 'GET',
      route: '/oauth/jwks.json',
      status: 200,
      request_id: headers['x-request-id'],
    }),
  );
});

test('R21: who verifies tokens gets the keys while everybody else is turned away, kept or not', async () => {
  const cold = await startServer();
  const health = createHealth({ checks: [], draining: () => false });
  const turnedAway = createServer(
    createApp(cold.container, health, () => (_request, response) => void response.writeHead(503).end()),
  );
  turnedAway.listen(0, '127.0.0.1');
  await once(turnedAway, 'listening');
  const { port } = turnedAway.address() as AddressInfo;
  const statusOf = async (path: string) => (await askAs(cold.issuer, path, {}, 'GET', port)).status;
  try {
    for (const path of [...DOCUMENTS, ...DOCUMENTS]) expect(await statusOf(path)).toBe(200);
    for (const path of ['/', '/oauth/token', '/livez']) expect(await statusOf(path)).toBe(503);
  } finally {
    turnedAway.closeAllConnections();
    turnedAway.close();
    await cold.close();
  }
});
