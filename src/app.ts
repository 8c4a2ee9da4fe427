/** The HTTP side as a table of contents: what a request passes through, in order. */
import type { RequestListener } from 'node:http';
import type Router from '@koa/router';
import Koa, { type Context, type Middleware } from 'koa';
import { DOCUMENT_PATHS } from './authorization-server/documents.js';
import { LIBRARY_ROUTES } from './authorization-server/library-routes.js';
import type { Container } from './container.js';
import { type AnsweredRequest, createAccessLog, PROBES } from './platform/observe/access-log.js';
import type { Health } from './platform/observe/health.js';
import { createRouteLabels } from './platform/observe/route-label.js';
import { errorBoundary } from './platform/web/error-boundary.js';
import { healthRoutes } from './platform/web/health-routes.js';
import { hosts } from './platform/web/hosts.js';
import { inStep } from './platform/web/in-step.js';
import { pinRequest } from './platform/web/pinned-request.js';
import { rateLimits } from './platform/web/rate-limits.js';
import { securityHeaders } from './platform/web/security-headers.js';
import { createStraightAnswers } from './platform/web/straight-answers.js';
import { createTrustedProxies } from './platform/web/trusted-proxy.js';
import { createRouters } from './routers.js';

export interface Route {
  readonly rule: string;
  readonly methods: readonly string[];
  /** The folder that answers, with the library's name of the route where it has one. */
  readonly endpoint: string;
}

/** Every address that is answered, for the command line. From the routers themselves, as far as there are any. */
export function listRoutes(container: Container, health: Health): Route[] {
  const routers = { health: healthRoutes(health), ...createRouters(container) };
  return [
    { rule: '/assets/:name', methods: ['HEAD', 'GET'], endpoint: 'assets' },
    { rule: '/favicon.ico', methods: ['HEAD', 'GET'], endpoint: 'assets' },
    ...Object.entries(routers).flatMap(([endpoint, router]) =>
      router.stack.map(({ path, methods }) => ({ rule: String(path), methods, endpoint })),
    ),
    ...LIBRARY_ROUTES,
  ];
}

const middlewareOf = (router: Router): Middleware => router.routes() as unknown as Middleware;

/** @param gate is put before everything but the documents, which are bytes as a rule: less than a refusal costs */
export function createApp(
  container: Container,
  health: Health,
  gate: (answer: RequestListener) => RequestListener = (answer) => answer,
): RequestListener {
  const { config, authorizationServer, web, log, clock, metrics } = container;
  const { documents } = authorizationServer;
  const proxies = createTrustedProxies(config.http.trustProxy, (peer) =>
    log.warn(
      { peer },
      'a proxy here is not named in TRUST_PROXY: whoever comes through it counts as one address',
    ),
  );
  const logAccess = createAccessLog(log, new Set([...PROBES, ...DOCUMENT_PATHS]));
  const routeOf = createRouteLabels([...LIBRARY_ROUTES.map(({ rule }) => rule), ...DOCUMENT_PATHS]);
  const issuer = new URL(config.issuer);
  const finished = (request: AnsweredRequest, matched: unknown): void => {
    const { path, status, milliseconds } = request;
    if (metrics.on) metrics.request(routeOf(matched, path), status, milliseconds);
    logAccess(request, String(matched ?? path));
  };
  const answerStraight = createStraightAnswers({
    issuer: config.issuer,
    clock,
    documentOf: documents.of,
    finished: (entry) => finished(entry, undefined),
  });

  const app = new Koa({ proxy: true });
  // The library reads with its own context what is set here, and the other way round.
  app.keys = [...authorizationServer.cookieKeys];
  app.silent = true;

  app.use(
    errorBoundary({
      clock,
      renderError: web.renderError,
      finished: (entry, ctx) => finished(entry, (ctx as Context & { _matchedRoute?: unknown })._matchedRoute),
    }),
  );
  app.use(securityHeaders({ issuer: config.issuer }));
  app.use(hosts({ ...config.http, issuer: config.issuer, loopback: config.loopback }));
  app.use(authorizationServer.cors);
  app.use(rateLimits(container.limits.ofEndpoints));
  // What programs ask all the time does not go past every page's router first.
  app.use(authorizationServer.protocol);
  app.use(web.assets.middleware);
  app.use(middlewareOf(healthRoutes(health)));
  for (const router of Object.values(createRouters(container))) app.use(middlewareOf(router));
  app.use(authorizationServer.middleware);

  const answer = app.callback();
  const answerBehind = gate(inStep((req, res) => void answer(req, res)));
  return (req, res) => {
    pinRequest(req, issuer, proxies);
    if (answerStraight(req, res)) return;
    if (req.method === 'GET' && documents.has(req.url ?? '')) void answer(req, res);
    else answerBehind(req, res);
  };
}
