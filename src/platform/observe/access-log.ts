import type { Logger } from './logger.js';
import { scrubText } from './redact.js';
import { safePath } from './safe-path.js';

/** One answered request. The path stands without its query, which may hold codes and tokens. */
export interface AnsweredRequest {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly milliseconds: number;
}

/** Probes come every few seconds and would drown the rest. */
export const PROBES: ReadonlySet<string> = new Set([
  '/livez',
  '/readyz',
  '/healthz',
  '/config/health',
  '/metrics',
]);

/** How a route is written. */
interface Written {
  readonly json: string;
  readonly isProbe: boolean;
}

/** By what was matched: few, unless somebody makes addresses up. */
const routes = new Map<string, Written>();
const MOST_ROUTES = 1000;

function written(matched: string): Written {
  const known = routes.get(matched);
  if (known !== undefined) return known;
  const route = scrubText(safePath(matched));
  const made = { json: JSON.stringify(route), isProbe: PROBES.has(route) };
  if (routes.size >= MOST_ROUTES) routes.clear();
  // What has a secret in it is not kept.
  if (route === matched) routes.set(matched, made);
  return made;
}

/**
 * Writes one line for each request: errors of ours as errors, probes at debug, the rest at info.
 * @returns to be called with the pattern of the route, such as `/clients/:id`, or the path where none matched
 */
export function createAccessLog(log: Logger) {
  return ({ requestId, method, status, milliseconds }: AnsweredRequest, matched: string): void => {
    const { json, isProbe } = written(matched);
    const duration = Math.round(milliseconds * 10) / 10;
    // Nothing in the method or the id needs to be escaped: Node knows the one, `request-id.ts` looks at the other.
    log.ready(
      status >= 500 ? 'error' : isProbe ? 'debug' : 'info',
      `"method":"${method}","route":${json},"status":${status},"duration_ms":${duration},"request_id":"${requestId}","msg":"request"`,
    );
  };
}
