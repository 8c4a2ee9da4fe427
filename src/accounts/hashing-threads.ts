import type { hashSync, verifySync } from '@node-rs/argon2';
import { compiledFile } from '../platform/config/root-folder.js';
import { createPassingThread, type PassingThread } from '../platform/threads/passing-thread.js';
import { type Argon2, argon2id, COSTS } from './passwords.js';

export type HashingJob =
  | { readonly name: 'hash'; readonly args: Parameters<typeof hashSync> }
  | { readonly name: 'verify'; readonly args: Parameters<typeof verifySync> };

export type HashingAnswer = { readonly result: string | boolean } | { readonly fault: string };

/**
 * Argon2id in threads that yield to the event loop where processors are scarce: libuv's are as urgent as the loop, and
 * who verifies a token would wait while the system lets somebody's password have a turn (R29). There are as many
 * as jobs have run at once, which the caller bounds.
 * @param file what runs in them: `argon2-thread.ts`, compiled
 */
export function inHashingThreads(
  log: { warn(fields: object, message: string): void },
  file = compiledFile('accounts/argon2-thread.js'),
): Argon2 {
  const idle: PassingThread<HashingJob, HashingAnswer>[] = [];
  const lost = (err: unknown): void =>
    log.warn({ err }, 'a thread for hashing passwords is lost; it is done without for a while');

  async function ask(job: HashingJob): Promise<HashingAnswer | undefined> {
    const thread = idle.pop() ?? createPassingThread(file, { lost });
    const answer = await thread.ask(job);
    idle.push(thread);
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
