/**
 * One process at a time installs or compiles; the others wait and then find it done. The lock is a file
 * holding its owner's process id, so that one left by a killed process is recognised and taken over.
 */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { tell } from './one-line.mjs';

/** Longer than any install takes; in containers a process id alone says little. */
const STALE_AFTER_MS = 20 * 60_000;

export async function withLock(file, what, work) {
  mkdirSync(dirname(file), { recursive: true });
  let told = false;
  while (!take(file)) {
    if (!told) tell(`Waiting for another Postern process that is ${what} ...`);
    told = true;
    await pause(200);
  }
  const release = () => rmSync(file, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.removeListener('exit', release);
    release();
  }
}

function take(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    if (isStale(file)) rmSync(file, { force: true });
    return false;
  }
}

function isStale(file) {
  try {
    const age = Date.now() - statSync(file).mtimeMs;
    if (age > STALE_AFTER_MS) return true;
    const owner = Number(readFileSync(file, 'utf8'));
    // Empty for the moment between its making and its writing.
    return owner > 0 ? !isAlive(owner) : age > 5_000;
  } catch {
    return false;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
