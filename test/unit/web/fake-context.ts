import { IncomingMessage, type IncomingHttpHeaders, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import Koa, { type Context } from 'koa';

export interface FakeRequest {
  readonly method?: string;
  readonly url?: string;
  readonly headers?: IncomingHttpHeaders;
  readonly peer?: string;
  readonly body?: string;
}

/** A raw request as Node would hand it over, without a network. */
export function fakeRequest(request: FakeRequest = {}): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: request.peer ?? '127.0.0.1' });
  const req = new IncomingMessage(socket);
  req.method = request.method ?? 'GET';
  req.url = request.url ?? '/';
  const headers = { host: 'localhost:5000', ...request.headers };
  Object.assign(req.headers, headers);
  req.rawHeaders = Object.entries(headers).flatMap(([name, value]) => [name, String(value)]);
  req.push(request.body ?? '');
  req.push(null);
  return req;
}

/** A Koa context around such a request. */
export function fakeContext(request: FakeRequest = {}): Context {
  const req = fakeRequest(request);
  const res = new ServerResponse(req);
  // As Koa itself does before the first middleware.
  res.statusCode = 404;
  return new Koa().createContext(req, res);
}

/** What `act` throws. */
export async function thrownBy(act: () => unknown): Promise<unknown> {
  try {
    await act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
