import type { Clock } from '../platform/crypto/clock.js';
import type { GuardedFetch } from '../platform/net/guarded-fetch.js';
import type { Connector, ConnectorOf } from './connector.js';
import { createCircuits } from './connectors/circuit.js';
import { createPublished, type Published } from './connectors/metadata.js';
import { createOAuth1Connector } from './connectors/oauth1.js';
import { createOAuth2Connector } from './connectors/oauth2.js';
import { createOidcConnector } from './connectors/oidc.js';
import { createUpstreamFetch, type UpstreamFetch } from './connectors/upstream-fetch.js';
import type { Protocol, Upstream } from './upstream.js';

export interface ConnectorsDeps {
  /** The guarded one: ten seconds, a megabyte, no redirects, no private addresses. */
  readonly fetch: GuardedFetch;
  readonly clock: Clock;
  readonly log: { warn(fields: object, line: string): void };
}

/** The connectors of all upstreams, with what they remember: circuits, discovery documents and keys. */
export function createConnectors({ fetch, clock, log }: ConnectorsDeps): ConnectorOf {
  const circuitOf = createCircuits(clock);
  const known = new Map<string, Published>();
  const fetchOf = (upstream: Upstream): UpstreamFetch =>
    createUpstreamFetch(fetch, upstream, circuitOf(upstream.id));
  const publishedOf = (upstream: Upstream): Published => {
    const published = known.get(upstream.id) ?? createPublished(upstream, fetch, clock);
    known.set(upstream.id, published);
    return published;
  };
  const warn = (fields: object, line: string): void => log.warn(fields, line);
  const connectors: Readonly<Record<Protocol, Connector>> = {
    oidc: createOidcConnector({ published: publishedOf, fetchOf, clock, warn }),
    oauth2: createOAuth2Connector({ fetchOf, clock, warn }),
    oauth1: createOAuth1Connector({ fetchOf, clock }),
  };
  return ({ protocol }) => connectors[protocol];
}
