import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Context, Middleware } from 'koa';

/** The few static files of our pages, read once and addressed by their content. */
export interface Assets {
  /** The address of a file with its hash, which may be cached for ever. */
  href(name: string): string;
  /** Serves `/assets/<name>` and `/favicon.ico`; passes everything else on. */
  readonly middleware: Middleware;
}

interface Asset {
  readonly body: Buffer;
  readonly type: string;
  readonly hash: string;
}

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

/** @param viewsDirs directories holding an `assets` folder; a later one overrides an earlier one's files. */
export function createAssets(viewsDirs: readonly string[]): Assets {
  const assets = new Map(viewsDirs.flatMap((dir) => readAssets(join(dir, 'assets'))));
  return {
    href: (name) => `/assets/${name}?v=${assets.get(name)?.hash ?? ''}`,
    async middleware(ctx, next) {
      const name =
        ctx.path === '/favicon.ico' ? 'favicon.svg' : /^\/assets\/([a-z0-9.-]+)$/.exec(ctx.path)?.[1];
      const asset = name === undefined ? undefined : assets.get(name);
      if (asset === undefined || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return next();
      send(ctx, asset);
    },
  };
}

function send(ctx: Context, asset: Asset): void {
  const forEver = ctx.query.v === asset.hash;
  ctx.status = 200;
  ctx.set('Cache-Control', forEver ? 'public, max-age=31536000, immutable' : 'no-cache');
  ctx.set('ETag', `"${asset.hash}"`);
  ctx.set('Cross-Origin-Resource-Policy', 'same-origin');
  ctx.type = asset.type;
  if (ctx.fresh) ctx.status = 304;
  else ctx.body = asset.body;
}

function readAssets(dir: string): [string, Asset][] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir).flatMap((name): [string, Asset][] => {
    const type = TYPES[extname(name)];
    if (type === undefined) return [];
    const body = readFileSync(join(dir, name));
    const hash = createHash('sha256').update(body).digest('base64url').slice(0, 12);
    return [[name, { body, type, hash }]];
  });
}
