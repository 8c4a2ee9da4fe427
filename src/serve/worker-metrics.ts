/** Metrics of several processes: the primary asks the workers that serve, a worker that was asked asks the primary. */
import { countsOf, mergeMetrics, type Metrics, type Snapshot } from '../platform/observe/metrics.js';
import type { PrimaryLink } from './cluster.js';
import type { Scrape } from './metrics.js';
import type { WorkerProcess } from './worker-link.js';

/** A worker that does not answer by then stands with what it said before. */
const PATIENCE_MS = 1_500;
/** Of a worker with the primary, which waits for others meanwhile. */
const LONGER_PATIENCE_MS = 2_500;

/** No question has this number. */
const UNASKED = 0;

/** What cannot be answered is not: whoever asked goes on without it when his patience ends. */
const leftToPatience = (): void => {};

interface Asked<T> {
  /** The number to be sent along, and what is answered to it. */
  ask(send: (id: number) => void): Promise<T | undefined>;
  answered(id: number, value: T): void;
}

function createAsked<T>(patienceMs: number): Asked<T> {
  const waiting = new Map<number, (value: T | undefined) => void>();
  let latest = 0;
  return {
    ask(send) {
      latest += 1;
      const id = latest;
      return new Promise((resolve) => {
        const settle = (value: T | undefined): void => {
          clearTimeout(late);
          waiting.delete(id);
          resolve(value);
        };
        const late = setTimeout(settle, patienceMs, undefined);
        waiting.set(id, settle);
        send(id);
      });
    },
    answered: (id, value) => waiting.get(id)?.(value),
  };
}

export interface WorkerMetrics {
  /** Follows a worker from its start to its end. */
  watch(worker: WorkerProcess): WorkerProcess;
  readonly scrape: Scrape;
}

/** Counts never fall, whoever is busy or has gone: Prometheus would take that for a start from nothing. */
export function createWorkerMetrics(): WorkerMetrics {
  const serving = new Set<WorkerProcess>();
  /** What each of those that are there said last. */
  const last = new Map<WorkerProcess, Snapshot>();
  /** Of all that have gone. */
  let kept: Promise<Snapshot> = Promise.resolve([]);
  const asked = createAsked<Snapshot>(PATIENCE_MS);

  async function scrape(): Promise<string> {
    await Promise.all(
      [...serving].map((worker) => asked.ask((id) => worker.send({ postern: 'measure', id }))),
    );
    // Both as of now: one that goes meanwhile is in either of them.
    const [gone, those] = [kept, [...last.values()]];
    return mergeMetrics([await gone, ...those]);
  }

  function keep(own: Snapshot): void {
    // Figures are not worth the primary.
    kept = kept.then((others) => countsOf([others, own]).catch(() => others));
  }

  return {
    scrape,
    watch(worker) {
      let here = true;
      worker.onExit(() => {
        here = false;
        serving.delete(worker);
        keep(last.get(worker) ?? []);
        last.delete(worker);
      });
      worker.onMessage((message) => {
        if (message.postern === 'ready') serving.add(worker);
        // What comes later than its exit is counted already, or lost.
        if (message.postern === 'measured' && here) {
          last.set(worker, message.metrics);
          asked.answered(message.id, message.metrics);
        }
        if (message.postern === 'scrape') {
          const { id } = message;
          scrape()
            .then((text) => worker.send({ postern: 'scraped', id, text }))
            .catch(leftToPatience);
        }
      });
      return worker;
    },
  };
}

/** A worker's side. */
export interface Gathered {
  readonly scrape: Scrape;
  /** Unasked, before it goes. */
  tellLast(): Promise<void>;
}

/** In a worker: answers the primary, and asks it for everybody's. */
export function gatherThrough(link: PrimaryLink, metrics: Metrics): Gathered {
  const asked = createAsked<string>(LONGER_PATIENCE_MS);
  link.onMessage((message) => {
    if (message.postern === 'scraped') asked.answered(message.id, message.text);
    if (message.postern === 'measure') void tell(message.id).catch(leftToPatience);
  });

  async function tell(id: number): Promise<void> {
    link.tell({ postern: 'measured', id, metrics: await metrics.snapshot() });
  }

  return {
    async scrape() {
      const text = await asked.ask((id) => link.tell({ postern: 'scrape', id }));
      if (text === undefined) throw new Error('the primary process did not answer');
      return text;
    },
    async tellLast() {
      if (metrics.on) await tell(UNASKED).catch(leftToPatience);
    },
  };
}
