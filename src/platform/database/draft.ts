/** A file that has its name only when it is whole, and is gone where it never became so. */
import { closeSync, linkSync, openSync, renameSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { setImmediate as turn } from 'node:timers/promises';
import { errorCode } from '../config/error-code.js';
import { newId } from '../crypto/ids.js';

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What SQLite and its migrations leave beside a file. */
const BESIDE = ['', '-wal', '-shm', '-journal', '.migrate-lock'];

/**
 * The signals that end a process remove the draft first.
 * @throws with the code EEXIST where the name was taken meanwhile
 */
export async function withDraft<T>(file: string, work: (draft: string) => Promise<T>): Promise<T> {
  const draft = `${file}.${newId()}.part`;
  const remove = () => {
    for (const end of BESIDE) rmSync(`${draft}${end}`, { force: true });
  };
  const onSignal = (signal: (typeof ENDING)[number]) => {
    remove();
    process.exit(128 + constants.signals[signal]);
  };
  for (const signal of ENDING) process.on(signal, onSignal);
  try {
    const answer = await work(draft);
    // A signal that came while SQLite was at work is heard now.
    await turn();
    giveName(draft, file);
    return answer;
  } finally {
    for (const signal of ENDING) process.removeListener(signal, onSignal);
    remove();
  }
}

/** File systems without links (FAT, some network ones) answer with any of these. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES']);

/** Never in place of another file, which a mere rename would overwrite. The draft may be left. */
export function giveName(draft: string, file: string, link: typeof linkSync = linkSync): void {
  try {
    link(draft, file);
  } catch (error) {
    if (!NO_LINKS.has(errorCode(error) ?? '')) throw error;
    // The name is taken first, by an empty file: whoever ends the process right here leaves that behind.
    closeSync(openSync(file, 'wx', 0o600));
    renameSync(draft, file);
  }
}
