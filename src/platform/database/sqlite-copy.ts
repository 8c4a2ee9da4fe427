import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';

/** Behind the name of the database. */
const DRAFT = /^-\d{8}T\d{9}Z\.sqlite\.part$/;

/** No copy takes a day. */
const DRAFT_MS = 24 * 60 * 60_000;

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
  removeDrafts(folder, name, now);
  // Under its name only when it is whole: the process may be ended in the middle.
  const draft = `${path}.part`;
  // Made first, and empty, so that it is readable for the owner alone from the first byte.
  closeSync(openSync(draft, 'wx', 0o600));
  vacuumInto(file, draft);
  renameSync(draft, path);
  return path;
}

/** Of processes that were ended while they copied; a younger one may be of a file with another ending. */
function removeDrafts(folder: string, name: string, now: number): void {
  for (const entry of readdirSync(folder)) {
    const path = join(folder, entry);
    const isDraft = entry.startsWith(name) && DRAFT.test(entry.slice(name.length));
    if (isDraft && statSync(path).mtimeMs < now - DRAFT_MS) rmSync(path, { force: true });
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
