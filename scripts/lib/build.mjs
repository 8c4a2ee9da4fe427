/**
 * Compiles src/ and migrations/ into the git-ignored dist/ when they differ from what was compiled last.
 * The compiler writes into a folder of its own, which is then moved into place under a lock: two starts
 * at once compile once, and a failed compile leaves the previous result standing.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { withLock } from './lock.mjs';
import { OneLine, tell } from './one-line.mjs';
import { inRoot, main, root } from './paths.mjs';

const SOURCES = ['src', 'migrations'];
const SETTINGS = ['tsconfig.json', 'scripts/build/tsconfig.json', 'package-lock.json'];
const stampFile = inRoot('dist', '.built');

export async function ensureBuilt() {
  if (isBuilt()) return;
  await withLock(inRoot('dist', '.building'), 'compiling', () => {
    if (!isBuilt()) build();
  });
}

const isBuilt = () =>
  existsSync(main) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === fingerprint();

/** Over the contents, because a checkout or a copy may give an older file a newer time or the reverse. */
function fingerprint() {
  const hash = createHash('sha256');
  for (const file of [...SETTINGS, ...SOURCES.flatMap(filesBelow)]) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(inRoot(file)))
      .update('\0');
  }
  return hash.digest('hex');
}

function filesBelow(folder) {
  if (!existsSync(inRoot(folder))) return [];
  return readdirSync(inRoot(folder), { recursive: true })
    .map((name) => `${folder}/${name}`)
    .filter((name) => name.endsWith('.ts'))
    .sort();
}

function build() {
  tell('Compiling ...');
  const before = fingerprint();
  // Beside dist/, not in it: the source maps name their sources by relative path.
  const fresh = `.dist-${process.pid}`;
  removeLeftovers();
  try {
    compile(fresh);
    putInPlace(fresh);
    writeFileSync(stampFile, before);
  } finally {
    rmSync(inRoot(fresh), { recursive: true, force: true });
  }
}

/** Of compiles that were killed; safe, since the lock is ours. */
function removeLeftovers() {
  for (const name of readdirSync(root)) {
    if (name.startsWith('.dist-')) rmSync(inRoot(name), { recursive: true, force: true });
  }
}

function compile(outDir) {
  const tsc = inRoot('node_modules', 'typescript', 'bin', 'tsc');
  const args = ['-p', inRoot('scripts', 'build', 'tsconfig.json'), '--outDir', inRoot(outDir)];
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, ...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new OneLine(`${stdout}${stderr}\nThe sources do not compile (above).`);
}

function putInPlace(fresh) {
  rmSync(stampFile, { force: true });
  const old = inRoot(fresh, 'old');
  mkdirSync(old, { recursive: true });
  for (const folder of SOURCES) {
    const place = inRoot('dist', folder);
    if (existsSync(place)) renameSync(place, `${old}/${folder}`);
    if (existsSync(inRoot(fresh, folder))) renameSync(inRoot(fresh, folder), place);
  }
}
