import { IncomingMessage } from 'node:http';
import type { Middleware, ParameterizedContext } from 'koa';
import { OAuthError } from '../platform/errors/errors.js';
import { readBody, tooLarge } from './read-body.js';

/**
 * The library reads urlencoded bodies only; the originals' curl line sends multipart. On the protocol's POST
 * endpoints a multipart body without files is turned into the urlencoded one it stands for.
 */
const LIMIT = 56 * 1024;

async function toUrlencoded(body: Buffer, contentType: string): Promise<string> {
  const refused = (message: string, cause?: unknown) =>
    new OAuthError(400, 'invalid_request', message, { cause });
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } })
    .formData()
    .catch((cause: unknown) => {
      throw refused('the multipart body could not be parsed', cause);
    });
  const pairs: [string, string][] = [];
  for (const [name, value] of form) {
    if (typeof value !== 'string') throw refused('files are not accepted here');
    pairs.push([name, value]);
  }
  // Duplicates are kept: refusing them is the library's decision.
  return new URLSearchParams(pairs).toString();
}

/** A request that is the old one with another, unread body. */
function withBody(original: IncomingMessage, body: string): IncomingMessage {
  const request = new IncomingMessage(original.socket);
  request.method = original.method;
  request.url = original.url;
  request.httpVersion = original.httpVersion;
  request.headers = {
    ...original.headers,
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': String(Buffer.byteLength(body)),
  };
  delete request.headers['transfer-encoding'];
  request.push(body);
  request.push(null);
  // It has arrived: one that ends incomplete counts as aborted, and takes the connection with it.
  request.complete = true;
  return request;
}

async function convert(ctx: ParameterizedContext): Promise<void> {
  const body = await toUrlencoded(await readBody(ctx.req, LIMIT), ctx.get('content-type'));
  const request = withBody(ctx.req, body);
  ctx.req = request;
  ctx.request.req = request;
  ctx.response.req = request;
}

/** @param paths the endpoints whose bodies may be multipart */
export function acceptMultipart(paths: ReadonlySet<string>): Middleware {
  return (ctx, next) => {
    if (ctx.method !== 'POST' || !paths.has(ctx.path)) return next();
    const { headers } = ctx.req;
    // Said of any kind of body: the library answers 400 (RFC 9126 §2.3 wants 413).
    if (Number(headers['content-length']) > LIMIT) throw tooLarge();
    if (!headers['content-type']?.includes('multipart') || !ctx.is('multipart/form-data')) return next();
    return convert(ctx).then(next);
  };
}
