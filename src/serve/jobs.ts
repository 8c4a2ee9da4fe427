/**
 * Work that is done again and again beside serving, such as pruning. A job never overlaps itself, starts
 * at a slightly random time so that several servers do not work in step, and never keeps the process alive.
 */
export interface JobLog {
  error(fields: object, message: string): void;
}

export interface Job {
  readonly name: string;
  readonly everyMs: number;
  /** `signal` is aborted when the server stops; long work should look at it between batches. */
  readonly work: (signal: AbortSignal) => Promise<void>;
}

export interface Jobs {
  start(job: Job): void;
  /** No job begins any more; answers when the running ones have ended, or soon: they may hang on something. */
  stop(): Promise<void>;
}

interface JobsDeps {
  readonly log: JobLog;
  /** In [0, 1), as `Math.random`. */
  readonly random: () => number;
}

/** Before the first run: who does this work may change more often than it comes round. */
const FIRST_MS = 60_000;
/** Between two runs, however long they take. */
const LEAST_MS = 1_000;
/** The wait before a run lies between 90 and 110 per cent of the period. */
const JITTER = 0.1;
/** Together with the last mails (`postman.ts`) below what closing may take (`serve.ts`). */
const LAST_RUNS_MS = 400;

export function createJobs({ log, random }: JobsDeps): Jobs {
  const halt = new AbortController();
  const timers = new Map<Job, NodeJS.Timeout>();
  const running = new Set<Promise<void>>();

  function schedule(job: Job, ms = job.everyMs): void {
    if (halt.signal.aborted) return;
    const wait = ms * (1 - JITTER + 2 * JITTER * random());
    timers.set(job, setTimeout(() => begin(job), wait).unref());
  }

  function begin(job: Job): void {
    const began = performance.now();
    const run = once(job).finally(() => {
      running.delete(run);
      // From beginning to beginning: what took long has the more to do the longer it waits.
      schedule(job, Math.max(LEAST_MS, job.everyMs - (performance.now() - began)));
    });
    running.add(run);
  }

  async function once(job: Job): Promise<void> {
    try {
      await job.work(halt.signal);
    } catch (error) {
      log.error({ err: error, job: job.name }, 'background job failed');
    }
  }

  return {
    start: (job) => schedule(job, Math.min(job.everyMs, FIRST_MS)),
    async stop() {
      halt.abort();
      for (const timer of timers.values()) clearTimeout(timer);
      let late: NodeJS.Timeout | undefined;
      const limit = new Promise<void>((resolve) => {
        late = setTimeout(resolve, LAST_RUNS_MS);
      });
      await Promise.race([Promise.all(running), limit]);
      clearTimeout(late);
    },
  };
}
