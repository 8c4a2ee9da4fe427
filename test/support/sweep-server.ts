/**
 * A server in a process of its own that sweeps, or only watches itself, when its parent says so, and tells how
 * long its event loop was held up meanwhile. Its settings are its argument (JSON).
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createApp } from '../../src/app.js';
import { createContainer } from '../../src/container.js';
import { parseConfig } from '../../src/platform/config/config.js';
import { createHealth } from '../../src/platform/observe/health.js';
import { createLogger } from '../../src/platform/observe/logger.js';
import { prune } from '../../src/serve/prune.js';

export interface Swept {
  readonly removed: number;
  /** Milliseconds: the longest the event loop was held up, and the 99th percentile. */
  readonly longest: number;
  readonly p99: number;
}

const { config } = parseConfig(JSON.parse(process.argv[2] ?? '{}'), { readFile: () => '' });
const log = createLogger({ level: 'error', stream: process.stderr });
const container = await createContainer(config, { log });
const health = createHealth({ checks: [], draining: () => false });
const server = createServer({ keepAliveTimeout: 65_000 }, createApp(container, health));
await new Promise<void>((resolve) => {
  server.listen(0, '127.0.0.1', () => resolve());
});
const { client, secret } = await container.clients.register({
  metadata: {
    client_name: 'Sweep',
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials'],
    scope: 'profile',
  },
});

let halt = new AbortController();
let sweep: Promise<number> = Promise.resolve(0);
const delay = monitorEventLoopDelay({ resolution: 2 });

process.on('message', async (message) => {
  if (message === 'sweep' || message === 'watch') {
    halt = new AbortController();
    delay.reset();
    delay.enable();
    sweep = message === 'sweep' ? prune(container, halt.signal) : Promise.resolve(0);
    return;
  }
  halt.abort();
  const removed = await sweep;
  delay.disable();
  const swept: Swept = { removed, longest: delay.max / 1e6, p99: delay.percentile(99) / 1e6 };
  process.send?.(swept);
});
process.on('disconnect', () => process.exit(0));
process.send?.({ port: (server.address() as AddressInfo).port, clientId: client.clientId, secret });
