import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { hashSync, verifySync } from '@node-rs/argon2';
import { rootFolder } from '../platform/config/root-folder.js';
import { type Argon2, argon2id, COSTS } from './passwords.js';

export type HashingJob =
  | { readonly name: 'hash'; readonly args: Parameters<typeof hashSync> }
  | { readonly name: 'verify'; readonly args: Parameters<typeof verifySync> };

export type HashingAnswer = { readonly result: string | boolean } | { readonly fault: string };

const compiled = (): string => join(rootFolder(), 'dist/src/accounts/hashing-thread.js');

interface Thread {
  readonly worker: Worker;
  /** Of the job it has; `undefined` when it has ended instead. */
  answered(answer: HashingAnswer | undefined): void;
}

/** Megabytes: a thread needs little beside Argon2's own memory, which V8 does not count. */
const LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };

/**
 * Argon2id in threads that yield to the event loop where processors are scarce: libuv's are as urgent as the loop, and
 * who verifies a token would wait while the system lets somebody's password have a turn (R29). A thread is started
 * when it is first wanted and kept; there are as many as jobs run at once, which the caller bounds.
 * @param file what runs in them: `hashing-thread.ts`, compiled
 */
export function inHashingThreads(file = compiled()): Argon2 {
  const idle: Thread[] = [];

  function start(): Thread {
    const worker = new Worker(file, { resourceLimits: LIMITS });
    const thread: Thread = { worker, answered() {} };
    worker.on('message', (answer: HashingAnswer) => thread.answered(answer));
    // Its end is told too, with or without an error.
    worker.on('error', () => {});
    worker.on('exit', () => {
      const at = idle.indexOf(thread);
      if (at !== -1) idle.splice(at, 1);
      thread.answered(undefined);
    });
    return thread;
  }

  async function ask(job: HashingJob): Promise<HashingAnswer | undefined> {
    const thread = idle.pop() ?? start();
    // Only who waits for an answer keeps the process alive.
    thread.worker.ref();
    const answer = await new Promise<HashingAnswer | undefined>((resolve) => {
      thread.answered = resolve;
      thread.worker.postMessage(job);
    });
    thread.worker.unref();
    if (answer !== undefined) idle.push(thread);
    return answer;
  }

  /** A thread that cannot be had, or dies, must not keep anybody from signing in. */
  async function result<Result>(job: HashingJob, otherwise: () => Promise<Result>): Promise<Result> {
    const answer = await ask(job);
    if (answer === undefined) return otherwise();
    if ('fault' in answer) throw new Error(answer.fault);
    return answer.result as Result;
  }

  return {
    hash: (password) => result({ name: 'hash', args: [password, COSTS] }, () => argon2id.hash(password)),
    verify: (stored, password) =>
      result({ name: 'verify', args: [stored, password] }, () => argon2id.verify(stored, password)),
  };
}
