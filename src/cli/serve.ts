import type { Command } from 'commander';
import { createApp } from '../app.js';
import { type Container, createContainer } from '../container.js';
import type { Bootstrapped } from '../accounts/bootstrap-admin.js';
import { inHashingThreads } from '../accounts/hashing-threads.js';
import { remindOfHandOver } from '../dserver/hand-over.js';
import type { ChangeListener } from '../platform/database/change-listener.js';
import { requireMigrated } from '../platform/database/migrate.js';
import { placeName } from '../platform/database/place-name.js';
import type { ParsedConfig } from '../platform/config/config.js';
import { keepTimeSteady } from '../platform/crypto/steady-time.js';
import { createHealth } from '../platform/observe/health.js';
import { createLogger, type Logger } from '../platform/observe/logger.js';
import { createLogSink } from '../platform/observe/log-sink.js';
import { mergeMetrics, noMetrics } from '../platform/observe/metrics.js';
import { type BannerFacts, renderBanner } from '../serve/banner.js';
import { followChanges } from '../serve/follow-changes.js';
import { createJobs } from '../serve/jobs.js';
import type { TlsFiles } from '../serve/listen.js';
import { prune } from '../serve/prune.js';
import { beforeApplication } from '../serve/metrics.js';
import { createGate } from '../serve/overload.js';
import { serve } from '../serve/serve.js';
import { tuneCollector } from '../serve/tune-collector.js';
import { isWorker, workerCount } from '../serve/cluster.js';
import type { Cli } from './desk.js';
import { UsageFault } from './faults.js';
import {
  metricsOf,
  openMetrics,
  type Outside,
  runPrimary,
  runWorker,
  type ServingNode,
} from './serve-workers.js';
import { version } from './version.js';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/**
 * Well below the minute within which every node signs with a new key, or drops a withdrawn one. Workers on one SQLite
 * file, whom nobody tells, look every second, so that none signs for long with a key that another does not publish.
 */
const LOOK_FOR_KEYS_MS = { sqlite: 1_000, postgres: 15_000 };
/** For what still holds the process when all is over, and for the last lines of the log. */
const LAST_MOMENT_MS = 500;

interface Options {
  readonly host?: string;
  readonly port?: string;
  readonly debug?: boolean;
  readonly cert?: string;
  readonly certKey?: string;
}

export function addVerbs(program: Command, cli: Cli): void {
  program
    .command('serve')
    .alias('run')
    .description('run the server (npm start does this after seeing to everything it needs)')
    .option('--host <address>', 'as HOST')
    .option('--port <number>', 'as PORT')
    .option('--debug', 'as LOG_LEVEL=debug')
    .option('--cert <file>', 'speak https with this certificate (PEM)')
    .option('--cert-key <file>', 'its private key (PEM)')
    .action(async (options: Options) => {
      tuneCollector();
      const tls = tlsOf(options);
      const parsed = settingsFor(cli, options, tls);
      cli.exitCode = await runServer(cli, parsed, tls);
    });
}

function tlsOf({ cert, certKey }: Options): TlsFiles | undefined {
  if ((cert === undefined) !== (certKey === undefined))
    throw new UsageFault('--cert and --cert-key belong together.');
  return cert === undefined || certKey === undefined ? undefined : { cert, key: certKey };
}

function settingsFor(cli: Cli, { host, port, debug }: Options, tls: TlsFiles | undefined): ParsedConfig {
  const said = {
    ...(host !== undefined && { HOST: host }),
    ...(port !== undefined && { PORT: port }),
    ...(debug && { LOG_LEVEL: 'debug' }),
  };
  const parsed = cli.settings(said);
  if (tls === undefined || parsed.config.issuer.startsWith('https:')) return parsed;
  if (parsed.sources.has('ISSUER')) {
    throw new UsageFault(`With --cert the server speaks https, but ISSUER is ${parsed.config.issuer}.`);
  }
  return cli.settings({ ...said, ISSUER: parsed.config.issuer.replace('http:', 'https:') });
}

/** Alone, or as the primary of several, or as one of these. Answers the exit code. */
async function runServer(cli: Cli, { config, warnings }: ParsedConfig, tls?: TlsFiles): Promise<number> {
  // With --json standard output is for the one document.
  const sink = createLogSink(cli.json ? cli.terminal.stderr : cli.terminal.stdout);
  process.once('exit', sink.end);
  const log = createLogger({ level: config.log.level, stream: sink });
  sink.onCaughtUp((dropped) => log.warn({ dropped }, 'log lines are missing here: nobody took them'));
  keepTimeSteady((byMs) => {
    const seconds = Math.round(byMs / 1000);
    log.warn(
      { seconds },
      'the clock was set back; time goes on from before until it is caught up or we restart',
    );
  });
  try {
    return await runServing(cli, { config, warnings }, { log, droppedLines: sink.dropped }, tls);
  } finally {
    sink.flush();
    // A way to a database or mail server that is broken, or a pipe that nobody reads, would keep it for ever. A
    // test that runs us in its own process has streams of its own.
    const isProcess = cli.terminal.stdout === process.stdout;
    if (isProcess) setTimeout(() => process.exit(), LAST_MOMENT_MS).unref();
  }
}

async function runServing(
  cli: Cli,
  { config, warnings }: Pick<ParsedConfig, 'config' | 'warnings'>,
  { log, droppedLines }: { readonly log: Logger; readonly droppedLines: () => number },
  tls?: TlsFiles,
): Promise<number> {
  // `auto` has a primary on one processor too: what SIGHUP does must not depend on the machine.
  const alone = config.operation.workers === 1;
  const metrics = alone || isWorker() ? metricsOf(config, droppedLines) : noMetrics;
  if (isWorker()) {
    return runWorker(config, { log, metrics }, (container, outside) => listen(container, tls, outside));
  }
  for (const warning of warnings) log.warn(warning);
  const report = (line: string) => log.info(line);
  const container = await createContainer(config, { log, metrics, argon2: inHashingThreads(log), report });
  const tell = (administrator: Bootstrapped, port: number) => announce(cli, container, administrator, port);
  if (alone) return runAlone(container, tls, tell);
  return runPrimary(container, { count: () => workerCount(cli.settings().config.operation.workers), tell });
}

/** Everything is made, the port is opened, a few lines say what to do. */
async function runAlone(
  container: Container,
  tls: TlsFiles | undefined,
  tell: (administrator: Bootstrapped, port: number) => void,
): Promise<number> {
  const scrape = async () => mergeMetrics([await container.metrics.snapshot()]);
  let closeMetrics = () => {};
  let node: ServingNode;
  try {
    closeMetrics = await openMetrics(container, scrape);
    node = await listen(container, tls, { signals: process, scrape });
  } catch (error) {
    closeMetrics();
    await container.close();
    throw error;
  }
  void node.serving.ended.then(closeMetrics);
  node.lead();
  try {
    // After the port is ours: a password that is shown once must not be made by a start that then fails.
    tell(await container.bootstrap(), node.serving.port);
  } catch (error) {
    // What was taken from it because it was told to stop is no failure; the next start makes what is missing.
    if (node.serving.isStopping) return node.serving.ended;
    await node.serving.stop('the start failed');
    throw error;
  }
  return node.serving.ended;
}

async function listen(
  container: Container,
  tls: TlsFiles | undefined,
  { signals, scrape }: Outside,
): Promise<ServingNode> {
  const { config, log } = container;
  let draining = false;
  const health = createHealth({
    checks: [
      { name: 'database', check: () => container.database.ping() },
      { name: 'migrations', check: () => requireMigrated(container.database) },
    ],
    draining: () => draining,
    onFailure: (name, error) => log.warn({ check: name, err: error }, 'not ready'),
  });
  const jobs = createJobs({ log, random: Math.random });
  let changes: Promise<ChangeListener> | undefined;
  const https = config.issuer.startsWith('https:');
  const gate = createGate({ https, refused: container.metrics.refused, log });
  const application = createApp(container, health, gate.before);
  const { token, port } = config.operation.metrics;
  const serving = await serve({
    handler:
      token === undefined || port !== undefined
        ? application
        : beforeApplication(application, { scrape, token }),
    config,
    tls,
    log,
    connected: gate.connected,
    signals,
    ready: {
      drain: () => {
        draining = true;
      },
    },
    close: async () => {
      await Promise.allSettled([jobs.stop(), changes?.then((listener) => listener.close())]);
      await container.close();
    },
  });
  // Not before the port is ours: its connection would keep a start alive that fails.
  changes = followChanges(container);
  await changes;
  // Every process looks for itself, told or not; what they find follows from dates, so they agree.
  jobs.start({
    name: 'look for new keys',
    everyMs: LOOK_FOR_KEYS_MS[config.database.dialect],
    work: () => container.keyring.refresh(),
  });
  return { serving, lead: () => startJobs(jobs, container) };
}

/** Work for one process of a machine. Several machines do it beside one another: it is made for that. */
function startJobs(jobs: ReturnType<typeof createJobs>, container: Container): void {
  jobs.start({
    name: 'prune',
    everyMs: MINUTE,
    work: (signal) => prune(container, signal).then(() => undefined),
  });
  const { sync, key } = container.dserver;
  // Made before anybody asks for a token: a dserver beside us waits for its public half.
  key.publicJwk().catch((err: unknown) => container.log.warn({ err }, 'the dserver key cannot be read'));
  if (sync.on) {
    jobs.start({
      name: 'dserver names',
      everyMs: MINUTE,
      work: (signal) => sync.run(signal).then(() => undefined),
    });
  }
  jobs.start({
    name: 'age of the dserver key',
    everyMs: DAY,
    work: () => remindOfHandOver({ key, clock: container.clock, log: container.log }),
  });
  jobs.start({
    name: 'rotate keys',
    everyMs: 10 * MINUTE,
    work: () => container.signingKeys.tend(),
  });
  jobs.start({
    name: 'delete accounts',
    everyMs: 10 * MINUTE,
    work: (signal) => container.leaving.finish(signal).then(() => undefined),
  });
}

/** Straight to standard output, never through the logger: a one-time password is shown this once. */
function announce(cli: Cli, container: Container, administrator: Bootstrapped, port: number): void {
  const { config, migrated, loadedKeys, log } = container;
  if (administrator.outcome === 'name_taken') {
    log.warn({ username: administrator.username }, 'no administrator: this name is held by somebody else');
  }
  const made = administrator.outcome === 'created' || administrator.outcome === 'renewed';
  const facts: BannerFacts = {
    url: config.issuer,
    version: version(),
    production: config.production,
    database: placeName(config.database),
    backup: migrated.copy,
    signingKeys: loadedKeys.map(({ alg, kid }) => ({ alg, kid })),
    demo: config.clientCreation === 'everyone',
    ...(made && {
      administrator: { username: administrator.username, oneTimePassword: administrator.oneTimePassword },
    }),
  };
  const debug = config.log.level === 'debug';
  const { host } = config.http;
  cli.print({ host, port, ...facts }, [
    `[*] Running on ${host}:${port} (Debug: ${debug})`,
    renderBanner(facts),
  ]);
}
