/**
 * Compiles src/ and migrations/ into the git-ignored dist/ when they differ from what was compiled last.
 * The compiler writes into a folder of its own, which is then moved into place under a lock: two starts
 * at once compile once, and a failed compile leaves the previous result standing.
 *
 * Some twenty files come of it instead of fourteen hundred, most of the packages among them: a start takes half the
 * time and fifteen megabytes less. What is used by some commands only (`import()`) keeps a file of its own.
 * Types are checked by `npm run typecheck`.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { withLock } from './lock.mjs';
import { OneLine, tell } from './one-line.mjs';
import { inRoot, main, root } from './paths.mjs';

const SOURCES = ['src', 'migrations'];
const SETTINGS = ['tsconfig.json', 'scripts/lib/build.mjs', 'package-lock.json'];
const stampFile = inRoot('dist', '.built');

export async function ensureBuilt() {
  if (isBuilt()) return;
  await withLock(inRoot('dist', '.building'), 'compiling', async () => {
    if (!isBuilt()) await build();
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

async function build() {
  tell('Compiling ...');
  const before = fingerprint();
  // Beside dist/, not in it: the source maps name their sources by relative path.
  const fresh = `.dist-${process.pid}`;
  removeLeftovers();
  try {
    await compile(fresh);
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

/**
 * Stays in node_modules: what is compiled for a machine; what the library is made of, since it goes by the names
 * of its classes and functions, which bundling may change; databases that knex knows and we do not.
 */
const APART = [
  ...['better-sqlite3', '@node-rs/argon2', 'pg-native'],
  ...['oidc-provider', 'koa', 'koa-compose', 'jose', 'debug'],
  // Loaded late by a server that runs: a compile must not take them from under it.
  ...['nodemailer', 'pg'],
  ...['mysql', 'mysql2', 'mariadb/callback', 'oracledb', 'tedious', 'sqlite3', 'pg-query-stream'],
];

/** Loaded by path, each in a thread of its own. */
const THREADS = ['src/accounts/argon2-thread.ts', 'src/platform/database/checkpoint-thread.ts'];

async function compile(outDir) {
  const { build: bundle, formatMessages } = await import('esbuild');
  try {
    await bundle({
      absWorkingDir: root,
      entryPoints: ['src/main.ts', ...THREADS],
      outdir: `${outDir}/src`,
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      external: APART,
      // For packages of the older kind. `NODE_OPTIONS=--enable-source-maps` makes stack traces name our sources.
      banner: {
        js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
      },
      sourcemap: true,
      sourcesContent: false,
      logLevel: 'silent',
    });
  } catch (error) {
    const said = await formatMessages(error.errors ?? [], { kind: 'error' });
    throw new OneLine(`${said.join('') || error.message}\nThe sources do not compile (above).`);
  }
}

function putInPlace(fresh) {
  rmSync(stampFile, { force: true });
  const old = inRoot(fresh, 'old');
  mkdirSync(old, { recursive: true });
  const place = inRoot('dist', 'src');
  if (existsSync(place)) renameSync(place, `${old}/src`);
  renameSync(inRoot(fresh, 'src'), place);
}
