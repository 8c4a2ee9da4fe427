/**
 * What Prometheus may read at `/metrics`. Labels come from short lists of ours (a route's pattern, a grant
 * type), never from what a person or client sent: nothing personal, and no more series than the lists allow.
 */
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Told by the parts of the program while they work; costs nothing where metrics are off. */
export interface Metrics {
  readonly on: boolean;
  request(route: string, status: number, milliseconds: number): void;
  /** A request that was turned away before any work. */
  refused(): void;
  tokensIssued(grantType: string): void;
  /** Each audited event. */
  audited(event: string, outcome: string | undefined): void;
  /** One common transaction of SQLite, its fsync included. */
  committed(milliseconds: number, units: number): void;
  /** One statement or transaction of PostgreSQL, from sending to answer. */
  roundTrip(milliseconds: number): void;
  /** For a connection of the pool. */
  waited(milliseconds: number): void;
  /** What this process has counted, to be handed to `mergeMetrics`. */
  snapshot(): Promise<Snapshot>;
}

export type Snapshot = readonly object[];

export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

const REQUEST_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const DATABASE_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 3];
const UNIT_BUCKETS = [1, 2, 5, 10, 25, 50, 100, 250, 500];

const seconds = (milliseconds: number): number => Math.max(0, milliseconds) / 1000;

/** `2xx` and so on. */
const classOf = (status: number): string => `${Math.floor(status / 100)}xx`;

interface MetricsDeps {
  readonly version: string;
  /** Log lines that nobody took, since the start. */
  readonly droppedLines?: () => number;
}

export function createMetrics({ version, droppedLines = () => 0 }: MetricsDeps): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name: `postern_${name}`, help, buckets, registers });

  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'postern_build_info',
    help: 'Always 1; the labels say what runs.',
    labelNames: ['version', 'node'],
    aggregator: 'max',
    registers,
  }).set({ version, node: process.version }, 1);
  const requests = new Histogram({
    name: 'postern_http_request_duration_seconds',
    help: 'Time from request to answer, by route and status class.',
    labelNames: ['route', 'status'],
    buckets: REQUEST_BUCKETS,
    registers,
  });
  const tokens = new Counter({
    name: 'postern_token_responses_total',
    help: 'Token requests that were granted, by grant type.',
    labelNames: ['grant_type'],
    registers,
  });
  const signIns = new Counter({
    name: 'postern_sign_ins_total',
    help: 'Sign-ins with a password, page and password grant together.',
    labelNames: ['outcome'],
    registers,
  });
  const refused = new Counter({
    name: 'postern_requests_refused_total',
    help: 'Requests answered 503 before any work, because there were too many.',
    registers,
  });
  new Counter({
    name: 'postern_log_lines_dropped_total',
    help: 'Log lines that were dropped because their reader stood still.',
    registers,
    collect() {
      this.reset();
      this.inc(droppedLines());
    },
  });
  const commits = histogram('database_commit_seconds', 'Common transactions of SQLite.', DATABASE_BUCKETS);
  const units = histogram('database_commit_units', 'Units of work in one of these.', UNIT_BUCKETS);
  const trips = histogram(
    'database_round_trip_seconds',
    'Statements and transactions of PostgreSQL.',
    DATABASE_BUCKETS,
  );
  const waits = histogram('database_pool_wait_seconds', 'Waits for a connection.', DATABASE_BUCKETS);

  return {
    on: true,
    request: (route, status, ms) => requests.observe({ route, status: classOf(status) }, seconds(ms)),
    refused: () => refused.inc(),
    tokensIssued: (grant_type) => tokens.inc({ grant_type }),
    audited(event, outcome) {
      if (event === 'account.sign_in') signIns.inc({ outcome: outcome ?? 'success' });
    },
    committed(ms, count) {
      commits.observe(seconds(ms));
      units.observe(count);
    },
    roundTrip: (ms) => trips.observe(seconds(ms)),
    waited: (ms) => waits.observe(seconds(ms)),
    snapshot: () => registry.getMetricsAsJSON(),
  };
}

const nothing = (): void => {};

export const noMetrics: Metrics = {
  on: false,
  request: nothing,
  refused: nothing,
  tokensIssued: nothing,
  audited: nothing,
  committed: nothing,
  roundTrip: nothing,
  waited: nothing,
  snapshot: async () => [],
};

const COUNTS: ReadonlySet<unknown> = new Set(['counter', 'histogram']);

/** What only ever grows, of all of them: the part of a process that outlives it. */
export async function countsOf(snapshots: readonly Snapshot[]): Promise<Snapshot> {
  const sum = await AggregatorRegistry.aggregate([...snapshots]).getMetricsAsJSON();
  return sum.filter(({ type }) => COUNTS.has(type));
}

/** The text for Prometheus, of all processes together: counts add up, delays are the worst or the mean. */
export const mergeMetrics = (snapshots: readonly Snapshot[]): Promise<string> =>
  AggregatorRegistry.aggregate([...snapshots]).metrics();
