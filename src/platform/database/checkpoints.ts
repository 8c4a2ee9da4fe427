import { compiledFile } from '../config/root-folder.js';
import type { DatabaseLog } from './database.js';
import { createPassingThread } from '../threads/passing-thread.js';

/**
 * Commits of so many units fill two to six hundred pages. A page that is written again and again meanwhile is brought
 * over once: with a third of the units that takes twice the time a request.
 */
const UNITS = 100;

export interface Checkpoints {
  /** Told of every commit. */
  committed(units: number): void;
  /** Before the main handle: the last one to close the file takes its log away. */
  close(): Promise<void>;
}

/**
 * Brings SQLite's log into the database file, from a thread: on the event loop that takes 6 to 25 milliseconds of
 * writing and waiting for the disk, many times a second under load. Readers and writers go on beside it. Should it lag
 * or fail, SQLite does it with a commit (`wal_autocheckpoint`).
 */
export function createCheckpoints(
  file: string,
  log?: DatabaseLog,
  thread = compiledFile('platform/database/checkpoint-thread.js'),
): Checkpoints {
  const { ask, end } = createPassingThread<'checkpoint', 'done'>(thread, {
    data: file,
    lost: (err) => log?.warn({ err }, 'the thread for checkpoints is lost; SQLite does them with a commit'),
  });
  let units = 0;
  let busy = false;

  async function checkpoint(): Promise<void> {
    units = 0;
    busy = true;
    await ask('checkpoint');
    busy = false;
  }

  return {
    committed(more) {
      units += more;
      if (units >= UNITS && !busy) void checkpoint();
    },
    close: end,
  };
}
