import { canParse } from '../net/can-parse.js';

/**
 * Where to send a browser after our own sign-in: a path on this server, and nothing a browser would take
 * for another host (`//evil`, `/\evil`, control characters).
 */
export function localPath(next: string | undefined, fallback = '/'): string {
  if (!next?.startsWith('/') || /^\/[/\\]|[\p{Cc}\\]/u.test(next)) return fallback;
  const base = 'http://local.invalid';
  if (!canParse(next, base)) return fallback;
  const url = new URL(next, base);
  // `/.//evil` becomes `//evil` only once its dots are resolved.
  if (url.origin !== base || url.pathname.startsWith('//') || !isReadable(url.pathname)) return fallback;
  return url.pathname + url.search + url.hash;
}

/** `/%ff` would be answered with an error page. */
function isReadable(path: string): boolean {
  try {
    return !decodeURIComponent(path).includes('\0');
  } catch {
    return false;
  }
}

/** What a route allows `next` to be. */
export interface ReturnRule {
  /** Other origins it may lead to. */
  readonly origins: readonly string[];
  /** Of an address elsewhere: nothing of it, or its path here. */
  readonly foreign: 'refuse' | 'cut';
  /** Instead of what may not be. */
  readonly fallback: string;
}

/**
 * Where a login may end: a path here, or an address of a known origin. Everything else is cut to its path or
 * replaced; one function for all doors.
 */
export function returnAddress(next: string | undefined, { origins, foreign, fallback }: ReturnRule): string {
  if (next === undefined) return fallback;
  const local = localPath(next, '');
  if (local !== '') return local;
  const url = webAddress(next);
  if (url === undefined) return fallback;
  if (origins.includes(url.origin)) return url.href;
  return foreign === 'cut' ? localPath(url.pathname + url.search + url.hash, fallback) : fallback;
}

/** Nothing that a browser would read otherwise than we do (`https:\\evil`), and no user name before a host. */
function webAddress(next: string): URL | undefined {
  if (/[\p{Cc}\\\s]/u.test(next)) return undefined;
  const text = next.startsWith('//') ? `https:${next}` : next;
  if (!/^https?:\/\/[^/]/i.test(text) || !canParse(text)) return undefined;
  const url = new URL(text);
  return url.username === '' && url.password === '' ? url : undefined;
}
