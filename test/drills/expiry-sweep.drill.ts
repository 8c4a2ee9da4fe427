/**
 * R18: many expired rows are swept while the server is asked. Windows with and without the sweep take turns, so
 * that what else the machine does falls on both.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import pg from 'pg';
import { migrateUp } from '../../src/platform/database/migrate.js';
import { newPlace, type Place } from '../support/command-line.js';
import { postgresSettings, sqliteSettings } from '../support/databases.js';
import { FULL, measured, percentile } from '../support/figures.js';
import { freshPostgres } from '../support/postgres.js';
import type { Swept } from '../support/sweep-server.js';

const ROWS = Number(process.env.SWEEP_ROWS || (FULL ? 5_000_000 : 150_000));
const WINDOWS = FULL ? 60 : 15;
const WINDOW_MS = FULL ? 3_000 : 1_500;
const WRITERS = 3;
const THINK_MS = 10;

const ENTRY = fileURLToPath(new URL('../support/sweep-server.ts', import.meta.url));
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const HUSH = new URL('../../scripts/lib/hush-runtime-notice.mjs', import.meta.url).href;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const tell = (text: string) => measured('R18', text);

/** Rows as an access token leaves them, all of them long expired; the last one lives. */
const COLUMNS = '(key, kind, grant_key, account_id, client_id, expires_at, payload)';
function fillSqlite(file: string): void {
  const db = new BetterSqlite3(file);
  db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
    INSERT INTO oidc_payloads ${COLUMNS}
    SELECT lower(hex(randomblob(22))), 'AccessToken', hex(randomblob(16)), 'nobody', 'none', i, hex(randomblob(200)) FROM n`);
  db.close();
}
async function fillPostgres(client: pg.Client): Promise<void> {
  await client.query(`INSERT INTO oidc_payloads ${COLUMNS}
    SELECT md5(i::text) || 'x', 'AccessToken', md5('g' || i), 'nobody', 'none', i, repeat(md5(i::text), 12)
    FROM generate_series(1, ${ROWS}) i`);
}

interface Served {
  readonly child: ChildProcess;
  readonly ask: () => Promise<number>;
  say(word: 'sweep' | 'watch' | 'stop'): void;
  swept(): Promise<Swept>;
}

async function serve(env: Record<string, string>): Promise<Served> {
  const child = fork(ENTRY, [JSON.stringify(env)], {
    execArgv: ['--no-warnings', '--import', TSX, '--import', HUSH],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [{ port, clientId, secret }] = await once(child, 'message');
  const agent = new Agent({ keepAlive: true });
  const authorization = `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`;
  const headers = {
    authorization,
    host: new URL(String(env.ISSUER)).host,
    'content-type': 'application/x-www-form-urlencoded',
  };
  const ask = () =>
    new Promise<number>((resolve, reject) => {
      const options = { agent, port, host: '127.0.0.1', method: 'POST', path: '/oauth/token', headers };
      const sent = request(options, (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode ?? 0));
      });
      sent.once('error', reject);
      sent.end('grant_type=client_credentials');
    });
  return {
    child,
    ask,
    say: (word) => void child.send(word),
    swept: async () => (await once(child, 'message'))[0],
  };
}

/** Milliseconds each request took in one window. */
async function window({ ask }: Served): Promise<number[]> {
  const times: number[] = [];
  const ends = performance.now() + WINDOW_MS;
  const writer = async () => {
    while (performance.now() < ends) {
      const begun = performance.now();
      expect(await ask()).toBe(200);
      times.push(performance.now() - begun);
      await sleep(THINK_MS);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  return times;
}

/** Of many short windows: bursts of other programs fall into a few of them. */
const median = (values: readonly number[]): number => percentile(values, 0.5);

interface Side {
  /** p99 of each window. */
  readonly windows: number[];
  requests: number;
  readonly reports: Swept[];
}

/** The median window without and with the sweep, and what the sweep did. */
async function drill(served: Served, look: () => Promise<void> = async () => {}) {
  const turnOf = async (word: 'sweep' | 'watch', side: Side) => {
    served.say(word);
    // In both, since a look costs something too.
    const looking = look();
    const times = await window(served);
    side.windows.push(percentile(times, 0.99));
    side.requests += times.length;
    served.say('stop');
    side.reports.push(await served.swept());
    await looking;
  };
  const quiet: Side = { windows: [], requests: 0, reports: [] };
  const swept: Side = { windows: [], requests: 0, reports: [] };
  await window(served);
  for (let turn = 0; turn < WINDOWS; turn += 1) {
    await turnOf('watch', quiet);
    await turnOf('sweep', swept);
  }
  const figures = ({ windows, reports }: Side) => ({
    p99: median(windows),
    longest: Math.max(...reports.map((one) => one.longest)),
    loop: median(reports.map((one) => one.p99)),
  });
  const [without, during] = [figures(quiet), figures(swept)];
  const removed = swept.reports.reduce((sum, one) => sum + one.removed, 0);
  const rate = Math.round(removed / ((WINDOWS * WINDOW_MS) / 1000));
  const text = ({ p99: answers, loop, longest }: typeof during) =>
    `p99 ${answers.toFixed(1)} ms, loop held up p99 ${loop.toFixed(1)}, at most ${longest.toFixed(1)} ms`;
  tell(`${ROWS} rows, ${removed} swept (${rate}/s) beside ${swept.requests} requests`);
  tell(`without the sweep: ${text(without)}`);
  tell(`with the sweep:    ${text(during)}`);
  return { without, during, removed };
}

let place: Place;
const children: ChildProcess[] = [];
beforeAll(() => {
  place = newPlace();
});
afterAll(async () => {
  for (const child of children) {
    child.disconnect();
    await once(child, 'exit');
  }
  place.remove();
});

const envOf = (url: string) => ({
  ISSUER: 'http://localhost:5000',
  DATABASE_URL: url,
  KEYS_DIR: join(place.folder, 'keys'),
  SECRET_KEY: 'the secret of a drill, long enough for it',
});

/** Milliseconds of p99 without the sweep beyond which other programs have the machine. */
const BUSY = 25;

/** A fifth more, and what two windows differ by anyway; a busy machine cannot tell a fifth, only a multiple. */
function bearable(without: number): number {
  if (without < BUSY) return without * 1.2 + 3;
  tell(
    `p99 is ${without.toFixed(0)} ms without the sweep: on so busy a machine only twice as much is called a fault`,
  );
  return without * 2;
}

describe('R18: expired rows are swept under load', () => {
  test('R18: on SQLite batches hold up the loop for less than 100 ms and p99 stays', async () => {
    const file = join(place.folder, 'sweep.sqlite');
    await migrateUp(sqliteSettings(file));
    fillSqlite(file);
    const served = await serve(envOf(`sqlite:${file}`));
    children.push(served.child);
    const { without, during, removed } = await drill(served);
    expect(removed).toBeGreaterThan(1000);
    expect(during.p99).toBeLessThan(bearable(without.p99));
    expect(during.loop).toBeLessThan(Math.max(100, without.loop * 2));
    // Of all turns of the loop, unless other programs held one up as long without the sweep.
    expect(during.longest).toBeLessThan(Math.max(100, without.longest * 2));
  });

  test('R18: on PostgreSQL no table is locked and p99 stays', async () => {
    const url = await freshPostgres();
    await migrateUp(postgresSettings(url));
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    try {
      await fillPostgres(admin);
      const served = await serve(envOf(url));
      children.push(served.child);
      const modes = new Set<string>();
      let looks = 0;
      const look = async () => {
        const ends = performance.now() + WINDOW_MS;
        while (performance.now() < ends) {
          const { rows } = await admin.query(
            `SELECT DISTINCT mode FROM pg_locks JOIN pg_stat_activity USING (pid)
             WHERE locktype = 'relation' AND relation = 'oidc_payloads'::regclass AND backend_type = 'client backend'`,
          );
          for (const { mode } of rows) modes.add(mode);
          looks += 1;
          await sleep(20);
        }
      };
      const { without, during, removed } = await drill(served, look);
      tell(`locks on the table in ${looks} looks: ${[...modes].sort().join(', ') || 'none'}`);
      expect(removed).toBeGreaterThan(1000);
      expect(during.p99).toBeLessThan(bearable(without.p99));
      const rowLocks = ['AccessShareLock', 'RowShareLock', 'RowExclusiveLock'];
      expect([...modes].filter((mode) => !rowLocks.includes(mode))).toEqual([]);
      expect(modes).toContain('RowExclusiveLock');
    } finally {
      await admin.end();
    }
  });
});
