/**
 * One kept-alive HTTP/1.1 connection of the load generator, over a bare socket: `node:http` and `fetch` cost
 * more CPU for a request than the servers that are measured, and would be taken for them on a small machine.
 */
import { connect } from 'node:net';

const END_OF_HEAD = '\r\n\r\n';
const PATIENCE_MS = 10_000;

/** @typedef {{ status: number, head: string, body: string }} Answer */

/** Opens a connection; `ask(bytes)` sends one request and answers what came back. */
export function openConnection(port) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.setEncoding('latin1');
  socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error(`no answer within ${PATIENCE_MS} ms`)));
  let received = '';
  let waiting;

  function settle(error, answer) {
    const { resolve, reject } = waiting ?? {};
    waiting = undefined;
    if (error) reject?.(error);
    else resolve?.(answer);
  }

  socket.on('data', (text) => {
    received += text;
    const read = readAnswer(received);
    if (!read) return;
    received = received.slice(read.length);
    settle(undefined, read.answer);
  });
  socket.on('error', (error) => settle(error));
  socket.on('close', () => settle(new Error('the server closed the connection')));

  return {
    /** @returns {Promise<Answer>} */
    ask(bytes) {
      return new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(new Error('the connection is closed'));
        waiting = { resolve, reject };
        socket.write(bytes, 'latin1');
      });
    },
    close: () => socket.destroy(),
  };
}

/** The first whole answer in `text` with its length; undefined while it is not all there. */
function readAnswer(text) {
  const end = text.indexOf(END_OF_HEAD);
  if (end === -1) return undefined;
  const head = text.slice(0, end);
  const from = end + END_OF_HEAD.length;
  const status = Number(head.slice(9, 12));
  if (status === 204 || status === 304) return { length: from, answer: { status, head, body: '' } };
  const stated = headerOf(head, 'content-length');
  if (stated !== undefined) {
    const length = from + Number(stated);
    if (text.length < length) return undefined;
    return { length, answer: { status, head, body: text.slice(from, length) } };
  }
  if (!/chunked/i.test(headerOf(head, 'transfer-encoding') ?? '')) {
    throw new Error(`an answer without a length:\n${head}`);
  }
  const chunks = readChunks(text, from);
  return chunks && { length: chunks.length, answer: { status, head, body: chunks.body } };
}

function readChunks(text, from) {
  let body = '';
  for (let at = from; ; ) {
    const line = text.indexOf('\r\n', at);
    if (line === -1) return undefined;
    const size = Number.parseInt(text.slice(at, line), 16);
    const next = line + 2 + size + 2;
    if (text.length < next) return undefined;
    if (size === 0) return { body, length: next };
    body += text.slice(line + 2, line + 2 + size);
    at = next;
  }
}

/** The first header of that name, in lower case. */
export function headerOf(head, name) {
  const lower = head.toLowerCase();
  const at = lower.indexOf(`\r\n${name}:`);
  if (at === -1) return undefined;
  const from = at + name.length + 3;
  const end = head.indexOf('\r\n', from);
  return head.slice(from, end === -1 ? undefined : end).trim();
}

/** A request as bytes to be sent over and over. */
export function requestText(method, path, host, headers = {}, body = '') {
  const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}`);
  const length = method === 'GET' ? [] : [`content-length: ${Buffer.byteLength(body)}`];
  return `${[`${method} ${path} HTTP/1.1`, ...lines, ...length].join('\r\n')}${END_OF_HEAD}${body}`;
}
