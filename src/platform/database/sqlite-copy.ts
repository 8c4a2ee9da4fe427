import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';

/**
 * Copies a SQLite file to `backups/<name>-<time>.sqlite` beside it and answers the path. The copy is
 * whole even while other processes write: VACUUM INTO reads in one transaction, the WAL included.
 */
export function copySqliteFile(file: string, now: number): string {
  const folder = join(dirname(file), 'backups');
  const time = new Date(now).toISOString().replace(/[-:.]/g, '');
  const path = join(folder, `${basename(file, extname(file))}-${time}.sqlite`);
  if (existsSync(path)) throw new Error(`${path} is there already.`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Under its name only when it is whole: the process may be ended in the middle.
  const draft = `${path}.part`;
  // Made first, and empty, so that it is readable for the owner alone from the first byte.
  closeSync(openSync(draft, 'wx', 0o600));
  vacuumInto(file, draft);
  renameSync(draft, path);
  return path;
}

/** @param path an empty file */
function vacuumInto(file: string, path: string): void {
  const source = new BetterSqlite3(file, { fileMustExist: true });
  try {
    source.prepare('VACUUM INTO ?').run(path);
    sync(path);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    source.close();
  }
}

/** VACUUM INTO leaves the writing to the operating system; the copy must outlive what follows it. */
function sync(path: string): void {
  const descriptor = openSync(path, 'r+');
  fsyncSync(descriptor);
  closeSync(descriptor);
}
