import { Worker } from 'node:worker_threads';

/** A thread that comes when it is asked and goes when it has had nothing to do: each holds some ten megabytes. */
export interface PassingThread<Order, Answer> {
  /**
   * One order at a time. `undefined` where the thread could not be had or died; one that never answered is not
   * tried again for a minute.
   */
  ask(order: Order): Promise<Answer | undefined>;
  /** When it has done what it was at. */
  end(): Promise<void>;
}

interface Options {
  readonly data?: unknown;
  /** Milliseconds without an order after which it goes. */
  readonly goesAfter?: number;
  /** Told why it could not be had, or that it died. */
  readonly lost?: (cause: unknown) => void;
}

const GOES_AFTER_MS = 5_000;
const NOT_TRIED_MS = 60_000;
/** Megabytes of a heap; what native code takes comes on top. */
const LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };

interface Running<Answer> {
  readonly worker: Worker;
  hasAnswered: boolean;
  answered(answer: Answer | undefined): void;
}

/** @param file compiled; it answers every message of its `parentPort` with one */
export function createPassingThread<Order, Answer>(
  file: string,
  { data, goesAfter = GOES_AFTER_MS, lost = () => {} }: Options = {},
): PassingThread<Order, Answer> {
  let running: Running<Answer> | undefined;
  let going: NodeJS.Timeout | undefined;
  let gone: Promise<unknown> = Promise.resolve();
  let notBefore = 0;

  function start(): Running<Answer> {
    const worker = new Worker(file, { workerData: data, resourceLimits: LIMITS, execArgv: [] });
    const started: Running<Answer> = { worker, hasAnswered: false, answered() {} };
    worker.on('message', (answer: Answer) => {
      started.hasAnswered = true;
      started.answered(answer);
    });
    let fault: unknown;
    worker.on('error', (error) => {
      fault = error;
    });
    // With or without an error; the end that we asked for is told too.
    worker.on('exit', (code) => {
      if (running === started) {
        running = undefined;
        lost(fault ?? new Error(`it ended with ${code}`));
      }
      if (!started.hasAnswered) notBefore = performance.now() + NOT_TRIED_MS;
      started.answered(undefined);
    });
    return started;
  }

  async function end(): Promise<void> {
    clearTimeout(going);
    const { worker } = running ?? {};
    running = undefined;
    if (worker !== undefined) gone = worker.terminate();
    await gone;
  }

  return {
    async ask(order) {
      clearTimeout(going);
      if (running === undefined && performance.now() < notBefore) return undefined;
      try {
        running ??= start();
      } catch (error) {
        // There are as many threads as the system allows.
        notBefore = performance.now() + NOT_TRIED_MS;
        lost(error);
        return undefined;
      }
      const asked = running;
      // Only who waits for an answer keeps the process alive.
      asked.worker.ref();
      const answer = await new Promise<Answer | undefined>((resolve) => {
        asked.answered = resolve;
        asked.worker.postMessage(order);
      });
      asked.worker.unref();
      going = setTimeout(() => void end(), goesAfter).unref();
      return answer;
    },
    end,
  };
}
