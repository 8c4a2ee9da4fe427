import type { Logger } from './logger.js';
import { safePath } from './safe-path.js';

/** What one answered request leaves in the log. No query, no body, no headers. */
export interface AnsweredRequest {
  readonly method: string;
  /** The pattern of the route, such as `/clients/:id`, or the path where no route matched. */
  readonly routePath: string;
  readonly status: number;
  readonly durationMs: number;
  readonly requestId: string;
  readonly clientId?: string | undefined;
}

/** Probes come every few seconds and would drown the rest. */
const PROBES: ReadonlySet<string> = new Set(['/livez', '/readyz', '/healthz', '/config/health', '/metrics']);

const LONGEST_NAME = 64;

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

/** Writes one line for each request: errors of ours as errors, probes at debug, the rest at info. */
export function createAccessLog(log: Logger): (request: AnsweredRequest) => void {
  return (request) => {
    const route = routeOf(request.routePath);
    const level = request.status >= 500 ? 'error' : PROBES.has(route) ? 'debug' : 'info';
    log[level](
      {
        method: request.method,
        route,
        status: request.status,
        duration_ms: Math.round(request.durationMs * 10) / 10,
        request_id: request.requestId,
        client_id: request.clientId?.slice(0, LONGEST_NAME),
      },
      'request',
    );
  };
}
