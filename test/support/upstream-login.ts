/** A login through a connector alone: what the relying party would keep between start and callback. */
import { randomToken } from '../../src/platform/crypto/ids.js';
import { createGuardedFetch, type GuardedFetchSettings } from '../../src/platform/net/guarded-fetch.js';
import type { ConnectorOf, Proven, Returned } from '../../src/relying-party/connector.js';
import { createConnectors } from '../../src/relying-party/connectors.js';
import type { Dialect, Upstream } from '../../src/relying-party/upstream.js';
import { createBrowser } from './browser.js';

export const CALLBACK = 'http://localhost:5000/auth/callback';

export interface Walk {
  readonly dialect?: Dialect;
  readonly maxAge?: number;
  /** Changes the address the browser is sent to. */
  readonly outward?: (url: URL) => void;
  /** Changes the address it comes back with. */
  readonly inward?: (url: URL) => void;
  /** Changes what is known of the login when it comes back. */
  readonly returned?: Partial<Returned>;
}

export interface Bench {
  readonly clock: { now(): number; advance(seconds: number): void };
  readonly connectorOf: ConnectorOf;
  readonly warnings: string[];
  /** @throws what the connector throws */
  login(upstream: Upstream, walk?: Walk): Promise<Proven & { readonly location: URL }>;
}

export function createBench(settings: Partial<GuardedFetchSettings> = {}): Bench {
  let offset = 0;
  const clock = {
    now: () => Date.now() + offset,
    advance(seconds: number) {
      offset += seconds * 1000;
    },
  };
  const warnings: string[] = [];
  const connectorOf = createConnectors({
    fetch: createGuardedFetch({ allow: [], loopback: true, ...settings }),
    clock,
    log: { warn: (_fields, line) => warnings.push(line) },
  });
  return {
    clock,
    connectorOf,
    warnings,
    login: (upstream, walk) => loginThrough(connectorOf, upstream, walk),
  };
}

/** From the connector's start to its proof, with a browser in between. */
export async function loginThrough(
  connectorOf: ConnectorOf,
  upstream: Upstream,
  { dialect = 'linked', outward, inward, returned, maxAge }: Walk = {},
): Promise<Proven & { readonly location: URL }> {
  const secrets = { state: randomToken(), nonce: randomToken(), codeVerifier: randomToken() };
  const shared = { upstream, dialect, redirectUri: CALLBACK, ...secrets, maxAge };
  const { location, temporarySecret } = await connectorOf(upstream).start(shared);
  const url = new URL(location);
  outward?.(url);
  const browser = createBrowser();
  const page = await browser.follow(await browser.get(url.href), url.origin);
  if (!page.location?.startsWith(CALLBACK)) throw new Error(`stranded at ${page.url}: ${page.text}`);
  const back = new URL(page.location);
  inward?.(back);
  const answer = { ...shared, params: back.searchParams, temporarySecret, ...returned };
  return { ...(await connectorOf(upstream).redeem(answer)), location: new URL(location) };
}
