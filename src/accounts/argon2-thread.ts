/** The other side of `hashing-threads.ts`: one job after the other, synchronously, since nothing else runs here. */
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { hashSync, verifySync } from '@node-rs/argon2';
import type { HashingAnswer, HashingJob } from './hashing-threads.js';

/** As `nice` counts: a tenth of a processor that the event loop wants as well, and all of one that is free. */
const NICE = 10;

function giveWay(): void {
  // Linux has a priority for each thread; elsewhere it would be that of the whole process.
  if (process.platform !== 'linux') return;
  try {
    setPriority(Number(basename(readlinkSync('/proc/thread-self'))), NICE);
  } catch {
    // No /proc, or a sandbox that forbids it: then hashing is as urgent as everything else.
  }
}

function answerTo(job: HashingJob): HashingAnswer {
  try {
    return { result: job.name === 'hash' ? hashSync(...job.args) : verifySync(...job.args) };
  } catch (error) {
    return { fault: String(error) };
  }
}

giveWay();
parentPort?.on('message', (job: HashingJob) => parentPort?.postMessage(answerTo(job)));
