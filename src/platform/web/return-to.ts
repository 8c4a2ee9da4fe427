/**
 * Where to send a browser after our own sign-in: a path on this server, and nothing a browser would take
 * for another host (`//evil`, `/\evil`, control characters).
 */
export function localPath(next: string | undefined, fallback = '/'): string {
  if (!next?.startsWith('/') || /^\/[/\\]|[\p{Cc}\\]/u.test(next)) return fallback;
  const base = 'http://local.invalid';
  if (!URL.canParse(next, base)) return fallback;
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
