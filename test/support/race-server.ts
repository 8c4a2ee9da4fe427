/**
 * One process of the race suite: whole servers over one database, each on a port of its own, one for every
 * set of settings given as arguments (JSON). Tells its parent the ports and ends with it.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApp } from '../../src/app.js';
import { createContainer } from '../../src/container.js';
import { parseConfig } from '../../src/platform/config/config.js';
import { createHealth } from '../../src/platform/observe/health.js';
import { createLogger } from '../../src/platform/observe/logger.js';

async function serve(env: Record<string, string>): Promise<number> {
  // Losers of a race look like somebody who guesses.
  const { config } = parseConfig({ RATE_LIMITS: 'off', ...env }, { readFile: () => '' });
  const log = createLogger({ level: 'error', stream: process.stderr });
  const container = await createContainer(config, { log });
  const health = createHealth({
    checks: [{ name: 'database', check: () => container.database.ping() }],
    draining: () => false,
  });
  // As `serve/listen.ts`: with Node's 5 s a slow machine meets connections that are being closed just then.
  const server = createServer({ keepAliveTimeout: 65_000 }, createApp(container, health));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve());
  });
  return (server.address() as AddressInfo).port;
}

const ports: number[] = [];
for (const env of process.argv.slice(2)) ports.push(await serve(JSON.parse(env)));
process.on('disconnect', () => process.exit(0));
process.send?.(ports);
