import { createHash } from 'node:crypto';
import type { Context, Middleware } from 'koa';
import type { Clock } from '../platform/crypto/clock.js';
import { isHad, type KeptDocument } from '../platform/web/straight-answers.js';
import { ROUTES } from './configuration.js';
import { DISCOVERY } from './cors.js';

export const DOCUMENTS: readonly string[] = [ROUTES.jwks, ...DISCOVERY];
/** The key set's address in the original. */
const KEY_SET_ALIAS = '/jwks';
/** Wherever these documents are asked for. */
export const DOCUMENT_PATHS: ReadonlySet<string> = new Set([...DOCUMENTS, KEY_SET_ALIAS]);

/**
 * Discovery and the key set are the same for everybody: the library makes each now and then, and in between
 * its bytes are sent, with an ETag, so that who has them already is told so (RFC 9110 §13.1.2).
 */
export interface Documents {
  readonly middleware: Middleware;
  /** Whether such a document is at this path. */
  has(path: string): boolean;
  /** The document at this path, once somebody has asked for it. */
  of(path: string): KeptDocument | undefined;
}

/** Keys are announced longer than this before they sign, and stay longer after. */
const CACHE_CONTROL = 'public, max-age=300';

/** Milliseconds: the dserver key stands in the key set, and its file may be exchanged or unreadable for a while. */
const KEPT = 30_000;

interface Kept {
  readonly document: KeptDocument;
  readonly until: number;
}

/** @param issuer what the documents are about: another one (rebuilt with other keys) makes them anew */
export function createDocuments(issuer: () => object, clock: Clock): Documents {
  const made = new WeakMap<object, Map<string, Kept>>();
  const of = (path: string): KeptDocument | undefined => {
    const kept = made.get(issuer())?.get(path === KEY_SET_ALIAS ? ROUTES.jwks : path);
    return kept !== undefined && clock.now() < kept.until ? kept.document : undefined;
  };

  function keep(about: object, path: string, document: KeptDocument): void {
    const documents = made.get(about) ?? new Map<string, Kept>();
    made.set(about, documents.set(path, { document, until: clock.now() + KEPT }));
  }

  return {
    has: (path) => DOCUMENT_PATHS.has(path),
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
