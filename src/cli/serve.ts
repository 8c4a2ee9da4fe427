import { readFileSync } from 'node:fs';
import { createApp } from '../app.js';
import { createContainer, requireMigrated } from '../container.js';
import type { ParsedConfig } from '../platform/config/config.js';
import type { Config } from '../platform/config/config.js';
import { createHealth } from '../platform/observe/health.js';
import { createLogger } from '../platform/observe/logger.js';
import { renderBanner } from '../serve/banner.js';
import { createJobs } from '../serve/jobs.js';
import type { TlsFiles } from '../serve/listen.js';
import { prune } from '../serve/prune.js';
import { serve } from '../serve/serve.js';

const MINUTE = 60_000;

/** Where the data are, for a person: never a password. */
function databaseName({ database }: Config): string {
  if (database.dialect === 'sqlite') return database.file ?? ':memory:';
  const { host, pathname } = new URL(database.connectionString ?? '');
  return `PostgreSQL at ${host}${pathname}`;
}

function version(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { version: string }).version;
    } catch {
      // Sources lie one folder nearer to it than the compiled program.
    }
  }
  return '';
}

/** The server: everything is made, the port is opened, a few lines say what to do. Answers the exit code. */
export async function runServer({ config, warnings }: ParsedConfig, tls?: TlsFiles): Promise<number> {
  const log = createLogger({ level: config.log.level, stream: process.stdout });
  for (const warning of warnings) log.warn(warning);
  let draining = false;

  const container = await createContainer(config, { log, report: (line) => log.info(line) });
  const administrator = await container.bootstrap();
  const health = createHealth({
    checks: [
      { name: 'database', check: () => container.database.ping() },
      { name: 'migrations', check: () => requireMigrated(container.config) },
    ],
    draining: () => draining,
    onFailure: (name, error) => log.warn({ check: name, err: error }, 'not ready'),
  });
  const jobs = createJobs({ log, random: Math.random });
  jobs.start({ name: 'prune', everyMs: MINUTE, work: (signal) => prune(container, signal).then(() => undefined) });

  const serving = await serve({
    handler: createApp(container, health),
    config,
    tls,
    log,
    signals: process,
    ready: {
      drain: () => {
        draining = true;
      },
    },
    close: async () => {
      await jobs.stop();
      await container.close();
    },
  });

  const made = administrator.outcome === 'created' || administrator.outcome === 'renewed';
  // Straight to standard output, never through the logger: the password is shown this once.
  process.stdout.write(
    renderBanner({
      url: config.issuer,
      version: version(),
      production: config.production,
      database: databaseName(config),
      backup: container.migrated.copy,
      signingKeys: container.loadedKeys,
      keysDir: config.keysDir,
      ...(made
        ? { administrator: { username: administrator.username, oneTimePassword: administrator.oneTimePassword } }
        : {}),
    }),
  );
  if (administrator.outcome === 'name_taken') {
    log.warn({ username: administrator.username }, 'no administrator: this name is held by somebody else');
  }
  return serving.ended;
}
