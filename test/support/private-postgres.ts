/**
 * A PostgreSQL of a drill's own, which keeps what it commits and can be stopped, frozen and torn down: nothing
 * that is done to it disturbs the other tests.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { initialise, makeHome, reachableBinaries, untilReady, whoRunsIt } from './start-postgres.js';

export interface PrivatePostgres {
  readonly url: string;
  start(): Promise<void>;
  /** As `pg_ctl stop -m mode`: `immediate` is a crash, to be recovered from at the next start. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
  /** Every process of it stands still: connections are neither refused nor answered. */
  freeze(): void;
  thaw(): void;
  close(): Promise<void>;
}

/** As in `start-postgres.ts`; the files stay where it is told so. */
const GUARD = `trap '' INT HUP; home=$1; shift; "$@" & pid=$!; read -r word; kill -QUIT $pid; wait $pid; cd /; [ "$word" = keep ] || rm -rf "$home"`;

/** The server and its children, which are process groups of their own. */
function familyOf(pid: number): number[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  const pairs = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const found = [pid];
  for (const parent of found) {
    for (const [child, above] of pairs) if (above === parent && child !== undefined) found.push(child);
  }
  return found;
}

/** @param settings as in `postgresql.conf`, e.g. `{ max_connections: '20' }` */
export async function startPrivatePostgres(settings: Record<string, string> = {}): Promise<PrivatePostgres> {
  const identity = whoRunsIt();
  const home = makeHome(identity);
  const native = reachableBinaries(home, identity);
  const data = join(home, 'data');
  const password = randomBytes(12).toString('hex');
  initialise(native, home, data, password, identity);
  const port = await freePort();
  const all = { port: String(port), listen_addresses: '127.0.0.1', unix_socket_directories: '', ...settings };
  const options = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  let guard: ChildProcess | undefined;

  async function start(): Promise<void> {
    const server = [join(native, 'bin', 'postgres'), '-D', data, ...options];
    const stdio: ['pipe', 'ignore', 'pipe'] = ['pipe', 'ignore', 'pipe'];
    guard = spawn('sh', ['-c', GUARD, 'sh', home, ...server], { ...identity, cwd: home, stdio });
    await untilReady(guard);
  }

  const signalAll = (signal: NodeJS.Signals): void => {
    const [, ...family] = familyOf(guard?.pid ?? 0);
    for (const pid of family) process.kill(pid, signal);
  };

  async function stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    if (guard === undefined || guard.exitCode !== null) return;
    const gone = once(guard, 'exit');
    const args = ['stop', '-w', '-m', mode, '-D', data];
    // Not waited for on the spot: the load of this process goes on meanwhile.
    const tool = spawn(join(native, 'bin', 'pg_ctl'), args, { ...identity, cwd: home, stdio: 'ignore' });
    const [code] = await once(tool, 'exit');
    if (code !== 0) throw new Error(`pg_ctl stop -m ${mode} ended with ${code}`);
    guard.stdin?.end('keep\n');
    await gone;
  }

  await start();
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    start,
    stop,
    freeze: () => signalAll('SIGSTOP'),
    thaw: () => signalAll('SIGCONT'),
    async close() {
      signalAll('SIGCONT');
      await stop('immediate');
      rmSync(home, { recursive: true, force: true });
    },
  };
}
