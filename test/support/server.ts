/**
 * A whole Postern in this process: its own port, temporary database and keys, a clock that tests can move.
 * Flow tests speak HTTP to it; making accounts and clients goes through the use cases the pages use.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp } from '../../src/app.js';
import type { ClientRecord } from '../../src/clients/client.js';
import type { Registration } from '../../src/clients/register.js';
import { type Container, createContainer } from '../../src/container.js';
import { parseConfig } from '../../src/platform/config/config.js';
import { createHealth } from '../../src/platform/observe/health.js';
import { createLogger } from '../../src/platform/observe/logger.js';

export const REDIRECT_URI = 'https://app.example/cb';
export const PASSWORD = 'correct horse battery staple';

/** Our time: runs with the real one, and can be moved forward. The library's own time is `Date`. */
export interface TestClock {
  now(): number;
  /** Seconds. */
  advance(seconds: number): void;
}

export interface TestClient {
  readonly clientId: string;
  readonly secret: string;
  readonly record: ClientRecord;
}

export interface TestServer {
  readonly issuer: string;
  /** Where it listens, whatever the issuer is called. */
  readonly local: string;
  readonly container: Container;
  readonly clock: TestClock;
  /** Every log line so far. */
  readonly logs: string[];
  createAccount(username?: string, more?: object): Promise<{ id: string; username: string }>;
  createClient(metadata?: object, more?: Partial<Registration>): Promise<TestClient>;
  url(path: string): string;
  close(): Promise<void>;
}

const listening = (server: Server, port = 0): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });

/** @param env settings beside the port, e.g. `{ LEGACY_FLOWS: 'password,implicit', DATABASE_URL }` */
export async function startServer(env: Record<string, string> = {}, fixedPort?: number): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-flow-'));
  const http = createServer();
  const port = await listening(http, fixedPort);
  const issuer = env.ISSUER ?? `http://localhost:${port}`;
  const { config } = parseConfig(
    {
      ISSUER: issuer,
      DATABASE_URL: `sqlite:${join(folder, 'postern.sqlite')}`,
      KEYS_DIR: join(folder, 'keys'),
      // Many tests are one client in one minute.
      RATE_LIMITS: '1000',
      ...env,
    },
    { readFile: (path) => readFileSync(path, 'utf8') },
  );
  const logs: string[] = [];
  let offset = 0;
  const clock: TestClock = {
    now: () => Date.now() + offset,
    advance(seconds) {
      offset += seconds * 1000;
    },
  };
  const log = createLogger({ level: 'debug', stream: { write: (line) => logs.push(line) }, human: false });
  const container = await createContainer(config, { log, clock }).catch((error: unknown) => {
    // Left listening, it would keep the test's process from ending.
    http.close();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  });
  const health = createHealth({
    checks: [{ name: 'database', check: () => container.database.ping() }],
    draining: () => false,
  });
  http.on('request', createApp(container, health));

  return {
    issuer,
    local: `http://127.0.0.1:${port}`,
    container,
    clock,
    logs,
    url: (path) => `${issuer}${path}`,
    createAccount: (username = 'alice', more = {}) =>
      container.register.register({ username, password: PASSWORD, createdBy: 'cli', ...more }),
    async createClient(metadata = {}, more = {}) {
      const { client, secret = '' } = await container.clients.register({
        metadata: {
          client_name: 'Test application',
          redirect_uris: [REDIRECT_URI],
          grant_types: ['authorization_code', 'refresh_token'],
          response_types: ['code'],
          scope: 'openid profile email offline_access',
          ...metadata,
        },
        ...more,
      });
      return { clientId: client.clientId, secret, record: client };
    },
    async close() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
      await container.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
