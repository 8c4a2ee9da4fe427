/**
 * The server's life: listen, answer, and on SIGTERM, SIGINT or SIGHUP stop in order: no new connections,
 * readiness says 503, requests in flight are answered, connections end, the container is closed or given up;
 * all within ten seconds. Knows nothing of what is served, nor how the process ends: with the exit code that is
 * promised here, by itself or, where something still holds it, by `cli/serve.ts`.
 */
import type { RequestListener } from 'node:http';
import { createTraffic } from './drain.js';
import { listen, type TlsFiles } from './listen.js';

export interface ServeLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What delivers signals: `process`, or an emitter in a test. */
export interface SignalSource {
  on(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP', listener: (signal: string) => void): unknown;
  removeListener(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP', listener: (signal: string) => void): unknown;
}

export interface ServeOptions {
  readonly handler: RequestListener;
  readonly config: { readonly http: { readonly host: string; readonly port: number } };
  readonly tls?: TlsFiles | undefined;
  readonly log: ServeLog;
  /** Told of each new connection. */
  readonly connected: () => void;
  /** Undoes the container: background jobs, database. Runs once, after the last answer. */
  readonly close: () => Promise<void>;
  /** From `drain()` on, `/readyz` answers 503. */
  readonly ready: { drain(): void };
  readonly signals: SignalSource;
}

export interface Serving {
  /** The port in fact, also where 0 was asked for. */
  readonly port: number;
  /** Stops as a signal would; further calls and signals change nothing. Answers the exit code. */
  stop(reason: string): Promise<number>;
  /**
   * Stops since another process has taken its place: as far as `/readyz` tells, this machine goes on.
   * @param lingerMs how long idle connections may still be used for one more request
   */
  retire(lingerMs: number): Promise<number>;
  /** From the moment it was told to. */
  readonly isStopping: boolean;
  /** Settles with the exit code when everything has stopped, whatever made it stop. */
  readonly ended: Promise<number>;
}

/** The terminal that goes away is one of them; of several processes the primary alone hears it, and reloads. */
const STOPPING = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Together below ten seconds, after which an orchestrator may kill. */
const DRAIN_MS = 7_000;
const CLOSE_MS = 2_000;
/** Long enough for a request that was sent when we stopped; a proxy keeps its connections busier than this. */
const LINGER_MS = 500;

/** @throws {StartFault} with one line for the person at the terminal */
export async function serve(options: ServeOptions): Promise<Serving> {
  const { log, signals } = options;
  const traffic = createTraffic(options.handler);
  const { servers, port } = await listen(traffic.handler, { ...options.config.http, tls: options.tls, log });

  for (const server of servers) server.on('connection', options.connected);

  let stopping: Promise<number> | undefined;
  let draining = false;
  let end: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });

  async function stopOnce(reason: string, lingerMs: number): Promise<number> {
    log.info({ reason }, 'stopping');
    const cut = await traffic.drain(servers, DRAIN_MS + Math.max(0, lingerMs - LINGER_MS), lingerMs);
    if (cut > 0) log.warn({ cut }, 'requests were cut because they took too long');
    const code = await closeInTime(options);
    for (const name of STOPPING) signals.removeListener(name, onSignal);
    log.info({}, 'stopped');
    end(code);
    return code;
  }

  function stop(reason: string): Promise<number> {
    if (!draining) options.ready.drain();
    draining = true;
    // Once: npm passes on a Ctrl-C that the terminal has already sent, so signals come in twos.
    stopping ??= stopOnce(reason, LINGER_MS);
    return stopping;
  }

  function retire(lingerMs: number): Promise<number> {
    stopping ??= stopOnce('reload', lingerMs);
    return stopping;
  }

  function onSignal(signal: string): void {
    void stop(signal);
  }
  for (const name of STOPPING) signals.on(name, onSignal);
  return {
    port,
    stop,
    retire,
    ended,
    get isStopping() {
      return stopping !== undefined;
    },
  };
}

async function closeInTime({ close, log }: ServeOptions): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`closing took longer than ${CLOSE_MS} ms`)), CLOSE_MS);
  });
  try {
    await Promise.race([close(), late]);
    return 0;
  } catch (error) {
    log.error({ err: error }, 'closing failed');
    return 1;
  } finally {
    clearTimeout(timer);
  }
}
