/** The other side of `checkpoints.ts`, with a handle of its own on the file; Node closes it when the thread ends. */
import { parentPort, workerData } from 'node:worker_threads';
import BetterSqlite3 from 'better-sqlite3';

/** So often it looks for more before it rests: a busy server never stops committing. */
const LOOKS = 2;

const handle = new BetterSqlite3(workerData as string, { fileMustExist: true });
handle.pragma('synchronous = FULL');

interface Outcome {
  readonly busy: number;
  /** Pages in the log. */
  readonly log: number;
}

/** The log begins anew only when all of it has been brought over, what was committed meanwhile included. */
function checkpoint(): void {
  let before = -1;
  for (let look = 0; look < LOOKS; look += 1) {
    const [{ busy, log }] = handle.pragma('wal_checkpoint(PASSIVE)') as [Outcome];
    if (busy !== 0 || log === before) return;
    before = log;
  }
}

parentPort?.on('message', () => {
  checkpoint();
  parentPort?.postMessage('done');
});
