/** The supervisor's ends of `node:cluster`: workers share the port, the primary deals connections out. */
import cluster, { type Worker } from 'node:cluster';
import { EventEmitter, once } from 'node:events';
import { availableParallelism } from 'node:os';
import type { SignalSource } from './serve.js';
import { type FromWorker, isOurs, type ToWorker, type WorkerProcess } from './worker-link.js';

export const isWorker = (): boolean => cluster.isWorker;

export const workerCount = (workers: number | 'auto'): number =>
  workers === 'auto' ? availableParallelism() : workers;

interface ForkLog {
  error(fields: object, message: string): void;
}

/** Starts this very program once more, as a worker. One for which the system has no process has ended. */
export function forkWorker(log: ForkLog): WorkerProcess {
  try {
    const worker = cluster.fork();
    return worker.process.pid === undefined ? neverBegun(log, once(worker, 'error')) : linkTo(worker);
  } catch (error) {
    return neverBegun(log, Promise.resolve([error]));
  }
}

/** Of such a worker no exit is told: some reasons (EAGAIN) come as an `error`, others (ENOMEM) are thrown. */
function neverBegun(log: ForkLog, reason: Promise<readonly unknown[]>): WorkerProcess {
  const logged = reason.then(([err]) => log.error({ err }, 'there is no process for a worker'));
  return {
    pid: undefined,
    send: () => {},
    kill: () => {},
    onMessage: () => {},
    onExit: (listener) => void logged.then(() => listener(1, null)),
  };
}

function linkTo(worker: Worker): WorkerProcess {
  // A message that finds the channel closed: the worker is ending, and its exit is told.
  worker.on('error', () => {});
  return {
    pid: worker.process.pid,
    send(message) {
      if (worker.isConnected()) worker.send(message);
    },
    kill: () => void worker.process.kill('SIGKILL'),
    onMessage: (listener) =>
      void worker.on('message', (message: unknown) => {
        if (isOurs<FromWorker>(message)) listener(message);
      }),
    onExit: (listener) => void worker.once('exit', listener),
  };
}

/** A worker's end. */
export interface PrimaryLink {
  tell(message: FromWorker): void;
  onMessage(listener: (message: ToWorker) => void): void;
  /** For `serve`: what the primary says, and SIGTERM. */
  readonly signals: SignalSource;
  /** Lets the process end. */
  leave(): void;
}

export function linkToPrimary(): PrimaryLink {
  const signals = new EventEmitter();
  // A terminal sends Ctrl-C to every process of the group; the primary tells its workers itself.
  process.on('SIGINT', () => {});
  process.on('SIGHUP', () => {});
  process.on('SIGTERM', (signal) => signals.emit('SIGTERM', signal));
  const link: PrimaryLink = {
    tell: (message) => void process.send?.(message),
    onMessage: (listener) =>
      void process.on('message', (message) => {
        if (isOurs<ToWorker>(message)) listener(message);
      }),
    signals,
    leave() {
      if (process.connected) cluster.worker?.disconnect();
    },
  };
  link.onMessage((message) => {
    if (message.postern === 'stop') signals.emit('SIGTERM', message.reason);
  });
  return link;
}
