import type { Context, Middleware } from 'koa';
import { canParse } from '../net/can-parse.js';
import { PosternError } from '../errors/errors.js';

/**
 * Which names Postern answers under. Nothing of ours ever builds an address from the Host
 * header; this check keeps a foreign name out of caches, mails and other people's log lines as well.
 */
export interface HostSettings {
  readonly issuer: string;
  readonly loopback: boolean;
  readonly acceptedHosts: readonly string[];
  readonly internalHosts: readonly string[];
}

/** Probes and keys: whoever asks, by whatever name, gets them. */
const ANY_HOST = new Set([
  '/livez',
  '/readyz',
  '/healthz',
  '/metrics',
  '/config/health',
  '/public_key',
  '/auth/public-key',
]);

const INTERNAL = new Set([
  '/oauth/token',
  '/oauth/introspect',
  '/oauth/jwks.json',
  '/jwks',
  '/auth/verify',
  '/auth/token',
  '/token',
]);

/** What programs call: answered under every loopback name, since no cookie of a page is involved. */
const PROGRAM_PATHS = [
  /^\/oauth\/(token|revoke|introspect|userinfo|jwks\.json|par|device_authorization)$/,
  /^\/\.well[-_]known\//,
  // Below /api/oauth/ logins begin, with a cookie.
  /^\/(api(?!\/oauth\/)|assets)\//,
  /^\/auth\/(token|refresh|verify|info|check|authorize|resolve|get_profile)$/,
  /^\/(jwks|token|favicon\.ico|robots\.txt)$/,
];

const HOST = /^(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?)(?::(\d{1,5}))?$/;

export function hosts(settings: HostSettings): Middleware {
  const issuer = new URL(settings.issuer);
  const defaultPort = issuer.protocol === 'https:' ? ':443' : ':80';
  const plain = (host: string): string => {
    const lower = host.toLowerCase();
    return lower.endsWith(defaultPort) ? lower.slice(0, -defaultPort.length) : lower;
  };
  const accepted = new Set([issuer.host, ...settings.acceptedHosts].map(plain));
  const internal = new Set(settings.internalHosts.map(plain));

  const answers = (host: string, path: string): boolean =>
    accepted.has(host) ||
    (INTERNAL.has(path) && (internal.has(host) || internal.has(host.replace(/:\d+$/, ''))));

  return function checkHost(ctx, next) {
    const asked = makeOriginForm(ctx);
    if (ANY_HOST.has(ctx.path)) return next();
    if (asked === undefined && saysOnce(ctx, issuer.host)) return next();
    const host = plain(readHost(ctx, asked));
    if (!answers(host, ctx.path)) {
      throw new PosternError(421, 'misdirected_request', 'This server does not answer under that name.');
    }
    if (settings.loopback && host !== issuer.host && isPage(ctx)) {
      // Cookies belong to one name: a sign-in begun on 127.0.0.1 would be lost on localhost.
      ctx.status = 302;
      ctx.set('Cache-Control', 'no-store');
      ctx.set('Location', settings.issuer + ctx.url);
      ctx.body = '';
      return;
    }
    return next();
  };
}

/**
 * Turns `GET http://host/path` into `GET /path` and gives the host named there, which RFC 9112 §3.2.2
 * puts above the Host header.
 */
function makeOriginForm(ctx: Context): string | undefined {
  const target = ctx.req.url ?? '';
  if (target.startsWith('/') || target === '*') return undefined;
  if (!/^https?:\/\//i.test(target) || !canParse(target)) throw badHost('unusable request target');
  const url = new URL(target);
  if (url.username !== '' || url.password !== '') throw badHost('user information in the request target');
  ctx.req.url = url.pathname + url.search;
  return url.host;
}

/** The common case, for which nothing else need be looked at: one Host header with the issuer's very name. */
function saysOnce(ctx: Context, name: string): boolean {
  if (ctx.req.headers.host !== name) return false;
  const { rawHeaders } = ctx.req;
  let times = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.length === 4 && rawHeaders[at]?.toLowerCase() === 'host') times += 1;
  }
  return times === 1;
}

function readHost(ctx: Context, asked: string | undefined): string {
  const sent = ctx.req.rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'host').length;
  if (sent > 1) throw badHost('several Host headers');
  const host = (asked ?? ctx.req.headers.host ?? '').toLowerCase();
  const port = HOST.exec(host);
  if (port === null || Number(port[1] ?? 0) > 65_535) throw badHost('malformed Host header');
  return host;
}

const isPage = (ctx: Context): boolean =>
  (ctx.method === 'GET' || ctx.method === 'HEAD') &&
  ctx.accepts('html') !== false &&
  !PROGRAM_PATHS.some((pattern) => pattern.test(ctx.path));

const badHost = (detail: string): PosternError =>
  new PosternError(400, 'bad_host', 'The request names its host in a way this server cannot read.', {
    detail,
  });
