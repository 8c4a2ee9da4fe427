/**
 * Installs what package-lock.json names, when that has not been done for this lock file and this Node.
 * SQLite's binding is bound to one Node ABI, so a change of Node's major version installs again.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { missingBuildTools } from './environment.mjs';
import { withLock } from './lock.mjs';
import { OneLine, tell } from './one-line.mjs';
import { inRoot, root } from './paths.mjs';

const stampFile = inRoot('node_modules', '.postern-installed');

export async function ensureInstalled() {
  if (isInstalled()) return;
  await withLock(inRoot('dist', '.installing'), 'installing packages', async () => {
    if (isInstalled()) return;
    // Somebody ran `npm install` by hand: keep it if it is complete and works.
    if (!matchesLock() || !sqliteLoads()) await install();
    writeFileSync(stampFile, fingerprint());
  });
}

const isInstalled = () => existsSync(stampFile) && readFileSync(stampFile, 'utf8') === fingerprint();

function fingerprint() {
  const { modules } = process.versions;
  return createHash('sha256')
    .update(readFileSync(inRoot('package-lock.json')))
    .update(`${modules} ${process.platform} ${process.arch}`)
    .digest('hex');
}

/** Whether npm's own record of node_modules holds every package of the lock file at its version. */
function matchesLock() {
  const record = inRoot('node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const present = JSON.parse(readFileSync(record, 'utf8')).packages ?? {};
  const wanted = JSON.parse(readFileSync(inRoot('package-lock.json'), 'utf8')).packages ?? {};
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === '') return true;
    // Optional ones are the other platforms' binaries, which npm leaves out.
    return present[path] === undefined ? optional === true : present[path].version === version;
  });
}

function sqliteLoads() {
  const probe = "new (require('better-sqlite3'))(':memory:').close()";
  return spawnSync(process.execPath, ['-e', probe], { cwd: root }).status === 0;
}

async function install() {
  tell('Installing packages. The first time this compiles SQLite, which takes about 90 seconds ...');
  const began = Date.now();
  const seconds = () => Math.round((Date.now() - began) / 1000);
  const pulse = setInterval(() => tell(`  still installing, ${seconds()} s`), 15_000);
  // One install for `npm start` and `npm test`, hence --include=dev whatever NODE_ENV says.
  // `npm run -s` hands its silence down, and then nothing would say why an install failed: hence the level.
  const flags = ['--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const { code, output } = await npm(['ci', ...flags]);
  clearInterval(pulse);
  if (code !== 0) throw new OneLine(failure(output));
  tell(`Installed in ${seconds()} s.`);
}

function npm(args) {
  const runner = process.env.npm_execpath;
  const viaNode = runner !== undefined && basename(runner) === 'npm-cli.js';
  const [command, ...before] = viaNode ? [process.execPath, runner] : ['npm'];
  return new Promise((resolve) => {
    const child = spawn(command, [...before, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-20_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => resolve({ code: 1, output: `npm cannot be run: ${error.message}` }));
    child.once('close', (code) => resolve({ code, output }));
  });
}

function failure(output) {
  const missing = missingBuildTools();
  const tail = output.trimEnd().split('\n').slice(-25).join('\n');
  if (missing.length === 0) return `${tail}\n\nInstalling failed (npm ci, above).`;
  return `SQLite has to be compiled on this machine. Run: apt-get install -y ${missing.join(' ')}`;
}
