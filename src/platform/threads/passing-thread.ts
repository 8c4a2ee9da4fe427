import { Worker } from 'node:worker_threads';

/** A thread that comes when it is asked and goes when it has had nothing to do: each holds some ten megabytes. */
export interface PassingThread<Order, Answer> {
  /** One order at a time. `undefined` where the thread could not be had, or died of it. */
  ask(order: Order): Promise<Answer | undefined>;
  /** When it has done what it was at. */
  end(): Promise<void>;
}

interface Options {
  readonly data?: unknown;
  /** Megabytes of its heap; what native code takes comes on top. */
  readonly heap: number;
  /** Milliseconds without an order after which it goes. */
  readonly goesAfter?: number;
}

const GOES_AFTER_MS = 5_000;

interface Running<Answer> {
  readonly worker: Worker;
  answered(answer: Answer | undefined): void;
}

/** @param file compiled; it answers every message of its `parentPort` with one */
export function createPassingThread<Order, Answer>(
  file: string,
  { data, heap, goesAfter = GOES_AFTER_MS }: Options,
): PassingThread<Order, Answer> {
  let running: Running<Answer> | undefined;
  let going: NodeJS.Timeout | undefined;

  function start(): Running<Answer> {
    const resourceLimits = { maxOldGenerationSizeMb: heap, maxYoungGenerationSizeMb: 2 };
    const worker = new Worker(file, { workerData: data, resourceLimits });
    const started: Running<Answer> = { worker, answered() {} };
    worker.on('message', (answer: Answer) => started.answered(answer));
    // Its end is told too, with or without an error.
    worker.on('error', () => {});
    worker.on('exit', () => {
      if (running === started) running = undefined;
      started.answered(undefined);
    });
    return started;
  }

  async function end(): Promise<void> {
    clearTimeout(going);
    const { worker } = running ?? {};
    running = undefined;
    await worker?.terminate();
  }

  return {
    async ask(order) {
      clearTimeout(going);
      running ??= start();
      const { worker } = running;
      const asked = running;
      // Only who waits for an answer keeps the process alive.
      worker.ref();
      const answer = await new Promise<Answer | undefined>((resolve) => {
        asked.answered = resolve;
        worker.postMessage(order);
      });
      worker.unref();
      going = setTimeout(() => void end(), goesAfter).unref();
      return answer;
    },
    end,
  };
}
