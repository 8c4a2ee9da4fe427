/** A real PgBouncer in transaction mode in front of the run's PostgreSQL. For drills: it comes from apt. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from './free-port.js';

const NOBODY = 65_534;

export interface Pooler {
  /** As it says itself, like `PgBouncer 1.18.0`. */
  readonly version: string;
  /** The same database, through the pooler. */
  through(url: string): string;
  close(): void;
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (answered: boolean) => () => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', settle(true));
    socket.once('error', settle(false));
  });

/** @throws where there is none to be run */
export async function startPgbouncer(): Promise<Pooler> {
  const found = spawnSync('pgbouncer', ['--version'], { encoding: 'utf8' });
  if (found.status !== 0) throw new Error('This drill needs PgBouncer: apt-get install -y pgbouncer');
  const server = new URL(process.env.POSTERN_TEST_POSTGRES ?? '');
  const port = await freePort();
  const folder = mkdtempSync('/tmp/postern-pgbouncer-');
  const file = join(folder, 'pgbouncer.ini');
  const { hostname, port: behind, username, password } = server;
  writeFileSync(
    file,
    `[databases]
* = host=${hostname} port=${behind} user=${username} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
`,
  );
  const root = process.getuid?.() === 0;
  if (root) {
    for (const path of [folder, file]) chownSync(path, NOBODY, NOBODY);
  }
  chmodSync(file, 0o600);
  const child = spawn('pgbouncer', ['-q', file], {
    stdio: 'ignore',
    ...(root ? { uid: NOBODY, gid: NOBODY } : {}),
  });
  const died = new Promise<never>((_, reject) => {
    child.once('exit', (code) => reject(new Error(`pgbouncer ended with ${code}`)));
    child.once('error', reject);
  });
  died.catch(() => {});
  while (!(await Promise.race([answers(port), died])));
  return {
    version: found.stdout.split('\n')[0] ?? '',
    through(url) {
      const address = new URL(url);
      address.port = String(port);
      return address.href;
    },
    close() {
      child.kill('SIGINT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
