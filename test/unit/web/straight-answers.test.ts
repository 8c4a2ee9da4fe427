import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { createStraightAnswers } from '../../../src/platform/web/straight-answers.js';

const DOCUMENT = {
  bytes: Buffer.from('{"name":"Zoë"}'),
  type: 'application/json; charset=utf-8',
  etag: '"a"',
  cacheControl: 'public, max-age=60',
};

/** Asks for the document; `pieces`: in how many the answer was sent. */
async function answerOf(headers: Record<string, string>) {
  const answer = createStraightAnswers({
    issuer: 'http://op.example',
    clock: { now: () => 0 },
    documentOf: (url) => (url === '/document' ? DOCUMENT : undefined),
    finished: () => undefined,
  });
  let pieces = 0;
  const server = createServer((req, res) => {
    const { socket } = req;
    const { _write, _writev } = socket;
    socket._write = (...args) => {
      pieces += 1;
      _write.apply(socket, args);
    };
    socket._writev = (chunks, done) => {
      pieces += chunks.length;
      _writev?.call(socket, chunks, done);
    };
    if (!answer(req, res)) res.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const asked = request({ port, host: '127.0.0.1', path: '/document', agent: false, headers }).end();
  const [res] = await once(asked, 'response');
  const body = Buffer.concat(await res.toArray());
  server.close();
  return { status: res.statusCode, body, pieces };
}

test.each([
  ['another name', { host: 'other.example' }],
  ['a page of another origin', { host: 'op.example', origin: 'http://page.example' }],
])('what %s asks goes the long way', async (_, headers) => {
  expect((await answerOf(headers as Record<string, string>)).status).toBe(404);
});

test('the document is sent byte for byte, its head with it in one piece', async () => {
  const { status, body, pieces } = await answerOf({ host: 'op.example' });
  expect(status).toBe(200);
  expect(body).toEqual(DOCUMENT.bytes);
  expect(pieces).toBe(1);
});

test('who has it is told so', async () => {
  const { status, body } = await answerOf({ host: 'op.example', 'if-none-match': '"b", W/"a"' });
  expect(status).toBe(304);
  expect(body).toHaveLength(0);
});
