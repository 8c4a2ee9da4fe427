/**
 * What every front door (start, test, cli) does first: a Node that can work, everything installed,
 * everything compiled. Only `node:` modules here and in the files beside it, since nothing else exists yet.
 * Progress goes to standard error, so that a command's JSON on standard output stays clean.
 */
import { ensureBuilt } from './build.mjs';
import { requireNode } from './environment.mjs';
import { ensureInstalled } from './install.mjs';
import { OneLine } from './one-line.mjs';

export async function prepare({ build = true } = {}) {
  requireNode(process.versions.node);
  await ensureInstalled();
  if (build) await ensureBuilt();
}

/** Runs a front door; what it refuses on purpose ends it with that one line and no stack trace. */
export async function enter(work) {
  try {
    await work();
  } catch (error) {
    process.stderr.write(error instanceof OneLine ? `${error.message}\n` : `${error?.stack ?? error}\n`);
    process.exit(1);
  }
}
