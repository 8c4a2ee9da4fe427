/** `/metrics` over HTTP, before everything else: it answers on any host, and knows no sessions or pages. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { sameText } from '../platform/crypto/ids.js';
import { METRICS_TYPE } from '../platform/observe/metrics.js';
import { type ListenOptions, listen } from './listen.js';

/** The text of all processes together. */
export type Scrape = () => Promise<string>;

interface MetricsDeps {
  readonly scrape: Scrape;
  readonly token: string | undefined;
}

const PATH = '/metrics';

function answer(response: ServerResponse, status: number, text: string, headers: object = {}): void {
  response.writeHead(status, {
    'Content-Type': status === 200 ? METRICS_TYPE : 'text/plain; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  });
  response.end(text);
}

function isAllowed({ headers }: IncomingMessage, token: string | undefined): boolean {
  if (token === undefined) return true;
  const [, given] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  return given !== undefined && sameText(given, token);
}

async function serveMetrics(
  request: IncomingMessage,
  response: ServerResponse,
  { scrape, token }: MetricsDeps,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return answer(response, 405, 'Method not allowed\n', { Allow: 'GET, HEAD' });
  }
  if (!isAllowed(request, token)) {
    return answer(response, 401, 'Unauthorized\n', { 'WWW-Authenticate': 'Bearer' });
  }
  try {
    answer(response, 200, await scrape());
  } catch {
    answer(response, 503, 'Unavailable\n', { 'Retry-After': '5' });
  }
}

/** In front of the application, where a token alone was set. */
export const beforeApplication =
  (application: RequestListener, deps: MetricsDeps): RequestListener =>
  (request, response) => {
    if (request.url !== PATH) return application(request, response);
    void serveMetrics(request, response, deps);
  };

/** On a port of its own. Answers how to close it. @throws {StartFault} */
export async function openMetricsPort(
  where: Pick<ListenOptions, 'host' | 'port' | 'log'>,
  deps: MetricsDeps,
): Promise<() => void> {
  const { servers } = await listen(metricsAlone(deps), { ...where, setting: 'METRICS_PORT' });
  return () => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  };
}

const metricsAlone =
  (deps: MetricsDeps): RequestListener =>
  (request, response) => {
    if (request.url !== PATH) return answer(response, 404, 'Not found\n');
    void serveMetrics(request, response, deps);
  };
