import { ServerResponse, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { Context, Middleware } from 'koa';
import { ROUTES } from './configuration.js';

/**
 * Our own token endpoint, asked by a page of ours: every rule of it holds, but no connection is made. The
 * address people use need not lead back to this process (a mapped port, a proxy, TLS ended elsewhere).
 */
export interface TokenAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Posts `form` to the token endpoint on behalf of the request `ctx`. */
export type OwnTokenEndpoint = (ctx: Context, form: Readonly<Record<string, string>>) => Promise<TokenAnswer>;

export function createOwnTokenEndpoint(middleware: Middleware): OwnTokenEndpoint {
  return async (ctx, form) => {
    const req = requestFor(ctx.req, new URLSearchParams(form).toString());
    const inner = ctx.app.createContext(req, new ServerResponse(req)) as Context;
    await middleware(inner as never, async () => {});
    return { status: inner.status, body: inner.body as TokenAnswer['body'] };
  };
}

function requestFor({ headers, socket, httpVersion }: IncomingMessage, body: string): IncomingMessage {
  const kept = ['host', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-for', 'user-agent'];
  return Object.assign(Readable.from([Buffer.from(body)]), {
    method: 'POST',
    url: ROUTES.token,
    originalUrl: ROUTES.token,
    httpVersion,
    httpVersionMajor: 1,
    httpVersionMinor: 1,
    complete: true,
    socket,
    headers: {
      ...Object.fromEntries(kept.flatMap((name) => (headers[name] ? [[name, headers[name]]] : []))),
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(Buffer.byteLength(body)),
      accept: 'application/json',
    },
  }) as unknown as IncomingMessage;
}
