/** `serve` with `WORKERS`: what the primary does before its workers, and what a worker does beside serving. */
import type { Bootstrapped } from '../accounts/bootstrap-admin.js';
import { type Container, createContainer } from '../container.js';
import type { Config } from '../platform/config/config.js';
import type { Logger } from '../platform/observe/logger.js';
import { forkWorker, linkToPrimary } from '../serve/cluster.js';
import type { Serving, SignalSource } from '../serve/serve.js';
import { createSupervisor } from '../serve/supervisor.js';

/** One process that serves. */
export interface ServingNode {
  readonly serving: Serving;
  /** Begins the background work. */
  lead(): void;
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
  const supervisor = createSupervisor({ fork: forkWorker, count, log, signals: process });
  try {
    const port = await supervisor.start();
    // After the port is ours: a password that is shown once must not be made by a start that then fails.
    if (port !== undefined) tell(await container.bootstrap(), port);
  } catch (error) {
    await supervisor.stop('the start failed');
    throw error;
  } finally {
    await container.close();
  }
  return supervisor.ended;
}

export async function runWorker(
  config: Config,
  log: Logger,
  open: (container: Container, signals: SignalSource) => Promise<ServingNode>,
): Promise<number> {
  const link = linkToPrimary();
  try {
    const container = await createContainer(config, { log, report: (line) => log.info(line) });
    const { serving, lead } = await open(container, link.signals).catch(async (error: unknown) => {
      await container.close();
      throw error;
    });
    link.onMessage((message) => {
      if (message.postern === 'retire') void serving.stop('reload', RELOAD_LINGER_MS);
      if (message.postern === 'lead') lead();
    });
    link.tell({ postern: 'ready', port: serving.port });
    return await serving.ended;
  } finally {
    link.leave();
  }
}
