import { createHash } from 'node:crypto';
import type { Context, Middleware } from 'koa';
import { isHad, type KeptDocument } from '../platform/web/straight-answers.js';

/**
 * Discovery and the key set are the same for everybody: the library makes each once, and from then on its
 * bytes are sent, with an ETag, so that who has them already is told so (RFC 9110 §13.1.2).
 */
export interface Documents {
  readonly middleware: Middleware;
  /** The document at this path, once somebody has asked for it. */
  of(path: string): KeptDocument | undefined;
}

/** Keys are announced longer than this before they sign, and stay longer after. */
const CACHE_CONTROL = 'public, max-age=300';

/** @param issuer what the documents are about: another one (rebuilt with other keys) makes them anew */
export function createDocuments(issuer: () => object): Documents {
  const made = new WeakMap<object, Map<string, KeptDocument>>();
  const of = (path: string) => made.get(issuer())?.get(path);

  function keep(about: object, path: string, document: KeptDocument): void {
    const documents = made.get(about) ?? new Map<string, KeptDocument>();
    made.set(about, documents.set(path, document));
  }

  return {
    of,
    async middleware(ctx, next) {
      if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return next();
      const known = of(ctx.path);
      if (known) return send(ctx as Context, known);
      const about = issuer();
      await next();
      if (ctx.status !== 200 || typeof ctx.body !== 'object' || ctx.body === null) return;
      const document = make(ctx.body, ctx.response.get('Content-Type'));
      keep(about, ctx.path, document);
      send(ctx as Context, document);
    },
  };
}

function make(body: object, type: string): KeptDocument {
  const bytes = Buffer.from(JSON.stringify(body));
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
  return { bytes, type, etag, cacheControl: CACHE_CONTROL };
}

function send(ctx: Context, document: KeptDocument): void {
  const { bytes, type, etag, cacheControl } = document;
  const { res } = ctx;
  const { origin } = ctx.req.headers;
  res.setHeader('Vary', 'Origin');
  // As the library says it; `cors.ts` takes it away from those who may not read.
  if (origin) res.setHeader('Access-Control-Allow-Origin', origin);
  res.setHeader('ETag', etag);
  res.setHeader('Cache-Control', cacheControl);
  if (isHad(ctx.req, document)) {
    ctx.body = null;
    ctx.status = 304;
    return;
  }
  ctx.status = 200;
  ctx.body = bytes;
  res.setHeader('Content-Type', type);
}
