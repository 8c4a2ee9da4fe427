/**
 * The primary of several processes: starts workers, replaces those that die, exchanges all of them one by one
 * on reload, and ends when they have ended. It serves nothing itself and holds nothing that could break, so
 * that it outlives every worker. One worker is told to lead: it does the background work of this machine.
 */
import type { ServeLog, SignalSource } from './serve.js';
import { createRestarts } from './restarts.js';
import type { ToWorker, WorkerProcess } from './worker-link.js';

export interface SupervisorOptions {
  readonly fork: () => WorkerProcess;
  /** How many there shall be; asked anew at each reload. */
  readonly count: () => number;
  readonly log: ServeLog;
  readonly signals: SignalSource;
  /** Milliseconds. */
  readonly now?: () => number;
}

export interface Supervisor {
  /** Starts the first worker alone, so that what is wrong is told once; then the others. Answers the port. */
  start(): Promise<number | undefined>;
  /** Whether every worker was exchanged; the old ones go on where a new one does not start. */
  reload(): Promise<boolean>;
  stop(reason: string): Promise<number>;
  /** Settles with the exit code when no worker is left. */
  readonly ended: Promise<number>;
}

/** Longer than a worker takes by its own rules; one that hangs is killed. */
const STOP_LIMIT_MS = 9_500;
const RETIRE_LIMIT_MS = 30_000;
/** Longer than it waits for another process that migrates (`migration-lock.ts`). */
const START_LIMIT_MS = 11 * 60_000;

interface Member {
  readonly worker: WorkerProcess;
  state: 'starting' | 'ready' | 'leaving';
  /** Whoever started it sees to its failing to start. */
  readonly trial: boolean;
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { log, signals, now = Date.now } = options;
  const members = new Set<Member>();
  const restarts = createRestarts();
  const timers = new Set<NodeJS.Timeout>();
  let wanted = options.count();
  let leader: Member | undefined;
  let port: number | undefined;
  let stopping = false;
  let exitCode = 0;
  let starting: Promise<number | undefined> | undefined;
  let reloading: Promise<boolean> | undefined;
  let again = false;
  let end: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });

  const inState = (state: Member['state']) => [...members].filter((member) => member.state === state);

  function later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      work();
    }, ms);
    timers.add(timer);
  }

  /** Whether it came to serve. */
  function startOne(trial: boolean): Promise<boolean> {
    const member: Member = { worker: options.fork(), state: 'starting', trial };
    members.add(member);
    later(START_LIMIT_MS, () => {
      if (!members.has(member) || member.state !== 'starting') return;
      log.error({ worker: member.worker.pid }, 'a worker hung while it started');
      member.worker.kill();
    });
    return new Promise((resolve) => {
      member.worker.onMessage((message) => {
        if (message.postern !== 'ready') return;
        ({ port } = message);
        if (member.state === 'starting') member.state = 'ready';
        log.info({ worker: member.worker.pid }, 'serving');
        appoint();
        resolve(true);
      });
      member.worker.onExit((code, signal) => {
        resolve(false);
        if (!members.delete(member)) return;
        if (leader === member) leader = undefined;
        left(member, code, signal);
      });
    });
  }

  function appoint(): void {
    if (leader !== undefined || stopping) return;
    [leader] = inState('ready');
    leader?.worker.send({ postern: 'lead' });
  }

  function left({ worker, state, trial }: Member, code: number | null, signal: string | null): void {
    appoint();
    if (stopping) {
      if (state !== 'starting') exitCode = Math.max(exitCode, code ?? 1);
      if (members.size === 0) finish();
      return;
    }
    if (state === 'leaving' || (trial && state === 'starting')) return;
    log.error({ worker: worker.pid, exit: signal ?? code }, 'a worker ended unexpectedly');
    const { waitMs, tooMany } = restarts.died(now());
    // One that serves is better than none: the database may be out for new ones alone, the settings broken since.
    // One that is starting may be the first after the cause was mended.
    if (tooMany && inState('ready').length + inState('starting').length === 0) {
      log.error({}, 'workers keep dying; giving up');
      exitCode = 1;
      void stop('workers keep dying');
      return;
    }
    later(waitMs, replenish);
  }

  const isShort = (): boolean => !stopping && members.size - inState('leaving').length < wanted;

  function replenish(): void {
    if (isShort()) void startOne(false);
  }

  function leave(member: Member, message: ToWorker, limitMs: number): void {
    member.state = 'leaving';
    if (leader === member) leader = undefined;
    member.worker.send(message);
    later(limitMs, () => {
      if (members.has(member)) member.worker.kill();
    });
  }

  function dismiss(member: Member): void {
    if (member.state === 'ready') {
      leave(member, { postern: 'retire' }, RETIRE_LIMIT_MS);
      return;
    }
    // It has nothing to end, and nobody waits for it: it is none of ours from now on.
    members.delete(member);
    member.worker.kill();
  }

  async function exchange(): Promise<boolean> {
    const old = [...members].filter(({ state }) => state !== 'leaving');
    const before = wanted;
    wanted = options.count();
    log.info({ workers: wanted }, 'reloading');
    for (let index = 0; index < Math.max(wanted, old.length) && !stopping; index += 1) {
      if (index < wanted && !(await startOne(true))) {
        log.error({}, 'a new worker did not start: the reload is given up, the old ones go on');
        wanted = before;
        while (isShort()) void startOne(false);
        return false;
      }
      const former = old[index];
      if (former !== undefined && members.has(former) && !stopping) {
        dismiss(former);
        appoint();
      }
    }
    settleNumber();
    log.info({}, 'reloaded');
    return true;
  }

  /**
   * A worker that died during the exchange may have been replaced not at all, or twice: restores the wanted number.
   */
  function settleNumber(): void {
    while (isShort()) void startOne(false);
    const staying = [...members].filter(({ state }) => state !== 'leaving');
    for (const surplus of staying.slice(wanted)) dismiss(surplus);
    appoint();
  }

  /** One that is asked for during another follows it: what changed meanwhile shall hold too. */
  async function exchangeUntilSettled(): Promise<boolean> {
    let exchanged: boolean;
    do {
      again = false;
      exchanged = await exchange();
    } while (again && !stopping);
    return exchanged;
  }

  function reload(): Promise<boolean> {
    // It would end one that the start waits for.
    if (starting !== undefined) return starting.then(reload);
    again = reloading !== undefined;
    reloading ??= exchangeUntilSettled()
      .catch((error: unknown) => {
        log.error({ err: error }, 'the reload is given up, the old workers go on');
        return false;
      })
      .finally(() => {
        reloading = undefined;
      });
    return reloading;
  }

  function stop(reason: string): Promise<number> {
    if (stopping) return ended;
    stopping = true;
    log.info({ reason, workers: members.size }, 'stopping');
    for (const member of members) {
      // One that does not serve yet has nothing to end, and does not listen to us yet.
      if (member.state === 'starting') member.worker.kill();
      else leave(member, { postern: 'stop', reason }, STOP_LIMIT_MS);
    }
    if (members.size === 0) finish();
    return ended;
  }

  function finish(): void {
    for (const timer of timers) clearTimeout(timer);
    for (const name of ['SIGTERM', 'SIGINT'] as const) signals.removeListener(name, onStop);
    signals.removeListener('SIGHUP', onReload);
    end(exitCode);
  }

  async function startAll(): Promise<number | undefined> {
    for (let index = 0; index < wanted && !stopping; index += 1) {
      if (await startOne(true)) continue;
      if (!stopping) exitCode = 1;
      await stop('a worker did not start');
      return undefined;
    }
    return port;
  }

  const onStop = (signal: string): void => void stop(signal);
  const onReload = (): void => void reload();

  return {
    start() {
      for (const name of ['SIGTERM', 'SIGINT'] as const) signals.on(name, onStop);
      signals.on('SIGHUP', onReload);
      starting = startAll().finally(() => {
        starting = undefined;
      });
      return starting;
    },
    reload,
    stop,
    ended,
  };
}
