import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';

/** Behind the name of the database. */
const DRAFT = /^-\d{8}T\d{9}Z\.sqlite\.part$/;

/**
 * Copies a SQLite file to `backups/<name>-<time>.sqlite` beside it and answers the path. The copy is
 * whole even while other processes write: VACUUM INTO reads in one transaction, the WAL included.
 */
export function copySqliteFile(file: string, now: number): string {
  const folder = join(dirname(file), 'backups');
  const time = new Date(now).toISOString().replace(/[-:.]/g, '');
  const name = basename(file, extname(file));
  const path = join(folder, `${name}-${time}.sqlite`);
  if (existsSync(path)) throw new Error(`${path} is there already.`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  removeDrafts(folder, name);
  // Under its name only when it is whole: the process may be ended in the middle.
  const draft = `${path}.part`;
  // Made first, and empty, so that it is readable for the owner alone from the first byte.
  closeSync(openSync(draft, 'wx', 0o600));
  vacuumInto(file, draft);
  renameSync(draft, path);
  return path;
}

/** Of processes that were ended while they copied: who copies now holds the lock of the migrations, so none is at work. */
function removeDrafts(folder: string, name: string): void {
  for (const entry of readdirSync(folder)) {
    if (entry.startsWith(name) && DRAFT.test(entry.slice(name.length))) rmSync(join(folder, entry));
  }
}

/** @param path an empty file */
export function vacuumInto(file: string, path: string): void {
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
