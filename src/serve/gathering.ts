/** Metrics of several processes: the primary asks the workers that serve, a worker that was asked asks the primary. */
import { mergeMetrics, type Metrics, type Snapshot } from '../platform/observe/metrics.js';
import type { PrimaryLink } from './cluster.js';
import type { Scrape } from './metrics.js';
import type { WorkerProcess } from './worker-link.js';

/** A worker that does not answer by then is left out: the others are of use. */
const PATIENCE_MS = 2_000;

/** What cannot be answered is not: whoever asked goes on without it when his patience ends. */
const leftToPatience = (): void => {};

interface Asked<T> {
  /** The number to be sent along, and what is answered to it. */
  ask(send: (id: number) => void): Promise<T | undefined>;
  answered(id: number, value: T): void;
}

function createAsked<T>(): Asked<T> {
  const waiting = new Map<number, (value: T | undefined) => void>();
  let last = 0;
  return {
    ask(send) {
      last += 1;
      const id = last;
      return new Promise((resolve) => {
        const settle = (value: T | undefined): void => {
          clearTimeout(late);
          waiting.delete(id);
          resolve(value);
        };
        const late = setTimeout(settle, PATIENCE_MS, undefined);
        waiting.set(id, settle);
        send(id);
      });
    },
    answered: (id, value) => waiting.get(id)?.(value),
  };
}

export interface Gathering {
  /** Follows a worker from its start to its end. */
  watch(worker: WorkerProcess): WorkerProcess;
  readonly scrape: Scrape;
}

export function createGathering(): Gathering {
  const serving = new Set<WorkerProcess>();
  const asked = createAsked<Snapshot>();

  async function scrape(): Promise<string> {
    const answers = [...serving].map((worker) => asked.ask((id) => worker.send({ postern: 'measure', id })));
    return mergeMetrics((await Promise.all(answers)).filter((one) => one !== undefined));
  }

  return {
    scrape,
    watch(worker) {
      worker.onExit(() => serving.delete(worker));
      worker.onMessage((message) => {
        if (message.postern === 'ready') serving.add(worker);
        if (message.postern === 'measured') asked.answered(message.id, message.metrics);
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

/** In a worker: answers the primary, and asks it for everybody's. */
export function gatherThrough(link: PrimaryLink, metrics: Metrics): Scrape {
  const asked = createAsked<string>();
  link.onMessage((message) => {
    if (message.postern === 'scraped') asked.answered(message.id, message.text);
    if (message.postern === 'measure') {
      const { id } = message;
      metrics
        .snapshot()
        .then((own) => link.tell({ postern: 'measured', id, metrics: own }))
        .catch(leftToPatience);
    }
  });
  return async () => {
    const text = await asked.ask((id) => link.tell({ postern: 'scrape', id }));
    if (text === undefined) throw new Error('the primary process did not answer');
    return text;
  };
}
