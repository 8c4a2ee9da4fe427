import type { Logger } from './logger.js';
import { safePath } from './safe-path.js';

/** One answered request. The path stands without its query, which may hold codes and tokens. */
export interface AnsweredRequest {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly milliseconds: number;
}

/** What asks every few seconds whether this process lives and does its work. */
export const PROBES: ReadonlySet<string> = new Set([
  '/livez',
  '/readyz',
  '/healthz',
  '/config/health',
  '/metrics',
]);

/** Routes as they are written, by what was matched: few, unless somebody makes addresses up. */
const routes = new Map<string, string>();
const MOST_ROUTES = 1000;

function routeOf(path: string): string {
  const known = routes.get(path);
  if (known !== undefined) return known;
  const route = safePath(path);
  if (routes.size >= MOST_ROUTES) routes.clear();
  // What has a secret in it is not kept.
  if (route === path) routes.set(path, route);
  return route;
}

/**
 * Writes one line for each request: errors of ours as errors, the rest at info. What machines poll and was answered
 * is at debug: it tells nothing of anybody and would drown the rest.
 * @param polled routes of such requests
 * @returns to be called with the pattern of the route, such as `/clients/:id`, or the path where none matched
 */
export function createAccessLog(log: Logger, polled: ReadonlySet<string>) {
  return ({ requestId, method, status, milliseconds }: AnsweredRequest, matched: string): void => {
    const route = routeOf(matched);
    const level = status >= 500 ? 'error' : status < 400 && polled.has(route) ? 'debug' : 'info';
    const duration_ms = Math.round(milliseconds * 10) / 10;
    log[level]({ method, route, status, duration_ms, request_id: requestId }, 'request');
  };
}
