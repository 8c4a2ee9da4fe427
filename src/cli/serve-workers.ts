/** `serve` with `WORKERS`: what the primary does before its workers, and what a worker does beside serving. */
import type { Bootstrapped } from '../accounts/bootstrap-admin.js';
import { inHashingThreads } from '../accounts/hashing-threads.js';
import { type Container, createContainer } from '../container.js';
import type { Config } from '../platform/config/config.js';
import type { Logger } from '../platform/observe/logger.js';
import { createMetrics, type Metrics, noMetrics } from '../platform/observe/metrics.js';
import { forkWorker, linkToPrimary } from '../serve/cluster.js';
import { createWorkerMetrics, gatherThrough } from '../serve/worker-metrics.js';
import { openMetricsPort, type Scrape } from '../serve/metrics.js';
import type { Serving, SignalSource } from '../serve/serve.js';
import { createSupervisor } from '../serve/supervisor.js';
import { version } from './version.js';

/** One process that serves. */
export interface ServingNode {
  readonly serving: Serving;
  /** Begins the background work. */
  lead(): void;
}

/** What a serving process is given by whoever runs it. */
export interface Outside {
  readonly signals: SignalSource;
  /** The metrics of all processes of this machine. */
  readonly scrape: Scrape;
}

/** For a process that serves. */
export const metricsOf = ({ operation: { metrics } }: Config, droppedLines: () => number): Metrics =>
  metrics.port === undefined && metrics.token === undefined
    ? noMetrics
    : createMetrics({ version: version(), droppedLines });

/** Opens `METRICS_PORT` where it is set; answers how to close it. */
export async function openMetrics(
  { config: { http, operation }, log }: Pick<Container, 'config' | 'log'>,
  scrape: Scrape,
): Promise<() => void> {
  const { port, token } = operation.metrics;
  return port === undefined ? () => {} : openMetricsPort({ host: http.host, port, log }, { scrape, token });
}

/** A reload may take its time over connections that others would use once more. */
const RELOAD_LINGER_MS = 5_000;

interface PrimaryDeps {
  readonly count: () => number;
  readonly tell: (administrator: Bootstrapped, port: number) => void;
}

/**
 * Migrations, keys and secrets are made by the container of the primary, once, before a worker looks for
 * them. It is closed when the workers serve: from then on the primary only watches.
 */
export async function runPrimary(container: Container, { count, tell }: PrimaryDeps): Promise<number> {
  const { log } = container;
  const workerMetrics = createWorkerMetrics();
  const fork = () => workerMetrics.watch(forkWorker(log));
  const supervisor = createSupervisor({ fork, count, log, signals: process });
  let closeMetrics = () => {};
  try {
    closeMetrics = await openMetrics(container, workerMetrics.scrape);
    const port = await supervisor.start();
    // After the port is ours: a password that is shown once must not be made by a start that then fails.
    if (port !== undefined) tell(await container.bootstrap(), port);
  } catch (error) {
    closeMetrics();
    await supervisor.stop('the start failed');
    throw error;
  } finally {
    await container.close();
  }
  return supervisor.ended.finally(closeMetrics);
}

export async function runWorker(
  config: Config,
  { log, metrics }: { readonly log: Logger; readonly metrics: Metrics },
  open: (container: Container, outside: Outside) => Promise<ServingNode>,
): Promise<number> {
  const link = linkToPrimary();
  try {
    const report = (line: string) => log.info(line);
    const container = await createContainer(config, { log, metrics, argon2: inHashingThreads(log), report });
    const { scrape, tellLast } = gatherThrough(link, metrics);
    const outside = { signals: link.signals, scrape };
    const { serving, lead } = await open(container, outside).catch(async (error: unknown) => {
      await container.close();
      throw error;
    });
    link.onMessage((message) => {
      if (message.postern === 'retire') void serving.retire(RELOAD_LINGER_MS);
      if (message.postern === 'lead') lead();
    });
    link.tell({ postern: 'ready', port: serving.port });
    const code = await serving.ended;
    await tellLast();
    return code;
  } finally {
    link.leave();
  }
}
