/**
 * Load on bare sockets, at a fraction of what a request costs the server: by so many users, each waiting for its
 * answer, or at a rate that does not care whether anything is answered.
 */
import { connect, type Socket } from 'node:net';

export interface Shot {
  /** Milliseconds since the load began when it was due. */
  readonly at: number;
  /** 0 where the connection broke or nobody answered in time. */
  readonly status: number;
  readonly milliseconds: number;
  readonly retryAfter: boolean;
}

interface Line {
  open(): Promise<void>;
  send(): Promise<Omit<Shot, 'at'>>;
  close(): void;
}

const PATIENCE_MS = 30_000;

const isWhole = (text: string): boolean => {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return false;
  const length = /^content-length: (\d+)/im.exec(text.slice(0, end))?.[1];
  return length === undefined ? text.endsWith('0\r\n\r\n') : text.length >= end + 4 + Number(length);
};

function openLine(port: number, request: Buffer): Line {
  let socket: Socket | undefined;
  let text = '';
  let settle: ((status: number) => void) | undefined;

  function dial(): Socket {
    const dialled = connect(port, '127.0.0.1').setNoDelay(true).setEncoding('latin1');
    const gone = () => {
      if (socket !== dialled) return;
      socket = undefined;
      settle?.(0);
    };
    dialled.on('error', gone).on('close', gone);
    dialled.on('data', (chunk) => {
      text += chunk;
      if (isWhole(text)) settle?.(Number(text.slice(9, 12)));
    });
    return dialled;
  }

  return {
    open: () =>
      new Promise((resolve, reject) => {
        socket = dial().once('connect', resolve).once('error', reject);
      }),
    send() {
      const began = performance.now();
      return new Promise((resolve) => {
        const late = setTimeout(() => {
          const hung = socket;
          socket = undefined;
          hung?.destroy();
          settle?.(0);
        }, PATIENCE_MS);
        settle = (status) => {
          settle = undefined;
          clearTimeout(late);
          const head = text.slice(0, text.indexOf('\r\n\r\n'));
          resolve({
            status,
            milliseconds: performance.now() - began,
            retryAfter: /^retry-after: \d+/im.test(head),
          });
        };
        text = '';
        socket ??= dial();
        socket.write(request);
      });
    },
    close: () => void socket?.destroy(),
  };
}

/** `GET`, or a post where there is a body. */
export function requestBytes(
  host: string,
  path: string,
  { json, headers = {} }: { json?: object; headers?: Record<string, string> } = {},
): Buffer {
  const body = json === undefined ? '' : JSON.stringify(json);
  const all: Record<string, string> = { Host: host, Accept: 'application/json', ...headers };
  if (json !== undefined) {
    Object.assign(all, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(
    `${json === undefined ? 'GET' : 'POST'} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`,
  );
}

/** `users` at once, each asking again when it was answered, for so long. */
export async function closedLoad(
  port: number,
  request: Buffer,
  users: number,
  forMs: number,
): Promise<Shot[]> {
  const began = performance.now();
  const shots: Shot[] = [];
  await Promise.all(
    Array.from({ length: users }, async () => {
      const line = openLine(port, request);
      for (let at = 0; at < forMs; at = performance.now() - began) shots.push({ at, ...(await line.send()) });
      line.close();
    }),
  );
  return shots;
}

const TICK_MS = 5;

export interface Offered {
  readonly shots: Shot[];
  /** Requests that were due while every connection waited for an answer: never sent. */
  readonly unsent: number;
}

/** `rate` requests a second, whatever becomes of them, over so many connections that are open before. */
export async function openLoad(
  port: number,
  request: Buffer,
  { rate, forMs, connections }: { rate: number; forMs: number; connections: number },
): Promise<Offered> {
  const lines = Array.from({ length: connections }, () => openLine(port, request));
  for (const line of lines) await line.open();
  const idle = [...lines];
  const began = performance.now();
  const shots: Shot[] = [];
  const flying = new Set<Promise<void>>();
  let unsent = 0;

  async function fire(at: number): Promise<void> {
    const line = idle.shift();
    if (line === undefined) {
      unsent += 1;
      return;
    }
    shots.push({ at, ...(await line.send()) });
    idle.push(line);
  }

  let due = 0;
  for (let at = 0; at < forMs; at = performance.now() - began) {
    for (; due < (at * rate) / 1000; due += 1) {
      const shot = fire(at).finally(() => flying.delete(shot));
      flying.add(shot);
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  await Promise.all(flying);
  for (const line of lines) line.close();
  return { shots, unsent };
}
