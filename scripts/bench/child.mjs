/** A server under test as a process of its own, which ends with the benchmark. */
import { spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const PROBE = new URL('./probe.mjs', import.meta.url).href;
const PATIENCE_MS = 60_000;

const running = new Set();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A port nobody listens on at this moment. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** GET over a fresh connection, for readiness. */
export function look(port, path, host) {
  return new Promise((resolve) => {
    const asked = request({ port, path, host: '127.0.0.1', agent: false, headers: { host } }, (answer) => {
      answer.resume().once('end', () => resolve(answer.statusCode));
    });
    asked.once('error', () => resolve(undefined));
    asked.end();
  });
}

/**
 * Starts a server and waits for its first 200.
 * @param {object} server
 * @param {string[]} server.command Node's arguments, or a whole command line where `program` is given
 * @param {string} server.log file for what it prints
 * @param {boolean} [server.family] its workers count with it
 * @param {() => Promise<boolean>} server.ready
 */
export async function startChild({ program, command, preload = [], env, cwd, log, ready, family = false }) {
  const out = openSync(log, 'a');
  const node = program === undefined;
  // A primary's workers would inherit the probe, and take its questions for the primary's.
  const probed = node && !family;
  const imports = [...(probed ? [PROBE] : []), ...preload].flatMap((module) => ['--import', module]);
  const begun = performance.now();
  const child = spawn(program ?? process.execPath, node ? [...imports, ...command] : command, {
    cwd,
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', out, out, ...(probed ? ['ipc'] : [])],
  });
  running.add(child);
  let ended = false;
  const exited = new Promise((resolve) => {
    child.once('exit', () => {
      ended = true;
      running.delete(child);
      resolve();
    });
  });
  while (!(await ready())) {
    if (ended) throw new Error(`the server ended while it was starting:\n${tail(log)}`);
    if (performance.now() - begun > PATIENCE_MS) throw new Error(`the server is not ready after a minute`);
    await sleep(4);
  }
  return {
    pid: child.pid,
    startMs: performance.now() - begun,
    /** CPU time in microseconds and resident memory in bytes. */
    usage: () => (probed ? askProbe(child) : readProc(child.pid)),
    async stop() {
      child.kill('SIGTERM');
      await Promise.race([exited, sleep(9_000, undefined, { ref: false })]);
      if (!ended) child.kill('SIGKILL');
      await exited;
    },
  };
}

const tail = (file) => readFileSync(file, 'utf8').split('\n').slice(-12).join('\n');

function askProbe(child) {
  return new Promise((resolve, reject) => {
    if (!child.connected) return reject(new Error('the server is gone'));
    const gone = () => reject(new Error('the server ended before it answered'));
    child.once('exit', gone);
    child.once('message', (answer) => {
      child.off('exit', gone);
      resolve(answer);
    });
    child.send('usage');
  });
}

const TICKS_PER_SECOND = 100;
const PAGE = 4096;

/** Linux only, for servers that are not Node or not one process: the process and its children. */
function readProc(pid) {
  const fields = (id) =>
    readFileSync(`/proc/${id}/stat`, 'latin1')
      .replace(/^.*\) /, '')
      .split(' ');
  const children = (id) =>
    readFileSync(`/proc/${id}/task/${id}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
  const all = [pid, ...children(pid).flatMap((id) => [id, ...children(id)])];
  const usage = all.map((id) => {
    const stat = fields(id);
    return { ticks: Number(stat[11]) + Number(stat[12]), pages: Number(stat[21]) };
  });
  const sum = (name) => usage.reduce((total, one) => total + one[name], 0);
  return Promise.resolve({ cpu: (sum('ticks') / TICKS_PER_SECOND) * 1e6, rss: sum('pages') * PAGE });
}
