import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Context, Middleware } from 'koa';
import { ConfigFault } from '../config/config-fault.js';

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
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.webp': 'image/webp',
};

/**
 * @param viewsDirs directories holding an `assets` folder; a later one overrides an earlier one's files.
 * @param logo a picture from elsewhere, under the name `logoName` gives it
 */
export function createAssets(viewsDirs: readonly string[], logo?: string): Assets {
  const assets = new Map(viewsDirs.flatMap((dir) => readAssets(join(dir, 'assets'))));
  if (logo !== undefined) assets.set(logoName(logo), readLogo(logo));
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

/** A brand's logo is an address on the web, one of our own (`/assets/…`), or else a file of the operator's. */
export const isLogoFile = (logo: string): boolean => !/^https?:\/\/|^\/assets\//.test(logo);

/** As what a logo file is served. */
export const logoName = (file: string): string => `brand-logo${extname(file).toLowerCase()}`;

function readLogo(file: string): Asset {
  const type = TYPES[extname(file).toLowerCase()];
  const refuse = (message: string) =>
    new ConfigFault([{ setting: 'BRAND_LOGO', variable: 'BRAND_LOGO', message }]);
  if (!type?.startsWith('image/')) throw refuse(`${file} is no picture; use .svg, .png, .jpg or .webp`);
  if (!existsSync(file)) throw refuse(`there is no file ${file}`);
  return toAsset(readFileSync(file), type);
}

function toAsset(body: Buffer, type: string): Asset {
  return { body, type, hash: createHash('sha256').update(body).digest('base64url').slice(0, 12) };
}

function readAssets(dir: string): [string, Asset][] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir).flatMap((name): [string, Asset][] => {
    const type = TYPES[extname(name)];
    if (type === undefined) return [];
    return [[name, toAsset(readFileSync(join(dir, name)), type)]];
  });
}
