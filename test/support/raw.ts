/** Requests no well-behaved client would send: bytes on a socket, and what comes back. */
import http from 'node:http';
import { connect } from 'node:net';

export interface RawAnswer {
  /** 0 when the connection was closed without an answer. */
  readonly status: number;
  /** Head and body as they came. */
  readonly text: string;
  readonly milliseconds: number;
}

const PATIENCE_MS = 5000;

const statusOf = (text: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);

/** Whether the first answer has arrived in full; the answer to HEAD has no body. */
function isComplete(text: string, toHead: boolean): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return false;
  const head = text.slice(0, end);
  if (toHead || /^HTTP\/1\.1 (204|304) /.test(head)) return true;
  if (/^transfer-encoding: chunked/im.test(head)) return text.endsWith('\r\n0\r\n\r\n');
  const length = /^content-length: (\d+)/im.exec(head)?.[1];
  return length !== undefined && text.length >= end + 4 + Number(length);
}

/** Writes the bytes and waits for one whole answer, or for the server to hang up. */
export function sendRaw(port: number, request: string | Buffer): Promise<RawAnswer> {
  const begun = Date.now();
  const toHead = request.toString('latin1').startsWith('HEAD ');
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    const done = () => {
      socket.destroy();
      resolve({ status: statusOf(text), text, milliseconds: Date.now() - begun });
    };
    socket.setEncoding('latin1');
    socket.setTimeout(PATIENCE_MS, done);
    socket.on('data', (chunk) => {
      text += chunk;
      if (isComplete(text, toHead)) done();
    });
    socket.on('error', done).on('close', done);
  });
}

export interface WireRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: string | Buffer;
}

/** A well-formed request with any Host and any body, answered early or late. */
export function sendWire(
  port: number,
  { method = 'GET', path, headers, body }: WireRequest,
): Promise<RawAnswer> {
  const begun = Date.now();
  return new Promise((resolve) => {
    const done = (status: number, text: string) =>
      resolve({ status, text, milliseconds: Date.now() - begun });
    const request = http.request(
      { host: '127.0.0.1', port, method, path, headers, agent: false },
      (answer) => {
        const { statusCode = 0, rawHeaders } = answer;
        const head = rawHeaders.map((part, at) => (at % 2 === 0 ? `${part}: ` : `${part}\r\n`)).join('');
        let text = '';
        answer.setEncoding('latin1');
        answer.on('data', (chunk) => {
          text += chunk;
        });
        answer.on('end', () => done(statusCode, `${head}\r\n${text}`));
        answer.on('error', () => done(statusCode, `${head}\r\n${text}`));
      },
    );
    request.on('error', (error) => done(0, String(error)));
    request.setTimeout(PATIENCE_MS, () => request.destroy());
    request.end(body);
  });
}
