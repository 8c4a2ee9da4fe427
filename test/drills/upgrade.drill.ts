/**
 * R08: the program of the previous migration level, taken from this repository's history, beside the new one on
 * one PostgreSQL under load: the new one migrates, both serve, then all are new; and back again, with a stop.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { migrations } from '../../migrations/index.js';
import { type Balancer, startBalancer } from '../support/balancer.js';
import { measured, percentile, since, size, until } from '../support/figures.js';
import { createLedger, SOUND } from '../support/ledger.js';
import { freshPostgres } from '../support/postgres.js';
import { freePort } from '../support/free-port.js';
import { type Program, startProgram } from '../support/program.js';
import { PASSWORD, REDIRECT_URI, type TestClient, type TestServer } from '../support/server.js';
import { checkedAt, endTraffic, kindsOf, startTraffic } from '../support/traffic.js';

const BESIDE_MS = size(5_000, 20_000, 600_000);
/** In the table that is written most and in those that newer migrations alter, so that they would take their time. */
const ROWS = size(10_000, 100_000, 1_000_000);
const PATIENCE_MS = 3_600_000;
const SAMPLE_MS = 20;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const undo: (() => unknown)[] = [];
afterEach(endTraffic);
afterAll(async () => {
  for (const step of undo.reverse()) await step();
});

function git(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error(`git ${args[0]} failed, and this drill needs the history: ${stderr}`);
  return stdout.trim();
}

/** The sources as they were before the newest migration came. */
function previousProgram(folder: string): { commit: string; entry: string[] } {
  const newest = `migrations/${migrations.at(-1)?.name}.ts`;
  const added = git('log', '--first-parent', '-m', '--diff-filter=A', '--format=%H', '-1', '--', newest);
  if (added === '') throw new Error(`no commit that added ${newest}: this drill needs the whole history`);
  const commit = git('rev-parse', '--short', `${added}^1`);
  const old = join(folder, 'previous');
  git('worktree', 'add', '--detach', old, commit);
  undo.push(() => git('worktree', 'remove', '--force', old));
  symlinkSync(join(ROOT, 'node_modules'), join(old, 'node_modules'));
  const tsx = join(ROOT, 'node_modules', 'tsx', 'dist', 'loader.mjs');
  return { commit, entry: ['--no-warnings', '--import', tsx, join(old, 'src', 'main.ts')] };
}

/** How long any lock that keeps others from an older table was seen held, in milliseconds. */
function watchLocks(url: string) {
  const held = new Map<string, { from: number; to: number }>();
  let on = true;
  const running = (async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    while (on) {
      const { rows } = await client.query<{ name: string }>(
        `SELECT c.relname || ' ' || l.mode || ' ' || l.pid AS name FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
         WHERE l.granted AND l.mode IN ('AccessExclusiveLock', 'ExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock')
           AND c.relnamespace = 'public'::regnamespace`,
      );
      const now = performance.now();
      for (const { name } of rows) held.set(name, { from: held.get(name)?.from ?? now, to: now });
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    }
    await client.end();
  })();
  return async () => {
    on = false;
    await running;
    return [...held].map(([name, { from, to }]): [string, number] => [
      name,
      Math.round(to - from + SAMPLE_MS),
    ]);
  };
}

test(
  'R08: the previous program and this one serve side by side, and then this one alone',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-upgrade-'));
    undo.push(() => rmSync(folder, { recursive: true, force: true }));
    const { commit, entry } = previousProgram(folder);
    const issuerPort = await freePort();
    const ports = [await freePort(), await freePort()];
    const url = await freshPostgres();
    const env = {
      ISSUER: `http://localhost:${issuerPort}`,
      DATABASE_URL: url,
      KEYS_DIR: join(folder, 'keys'),
      SECRET_KEY: 'the drills have a secret of their own, long enough',
      RATE_LIMITS: 'off',
    };
    const programs: Program[] = [];
    const start = async (index: number, program?: string[]) => {
      programs[index] = await startProgram(folder, env, ports[index], program);
      await programs[index]?.until(/Stop: Ctrl-C/);
    };
    undo.push(() => Promise.all(programs.map((program) => program.stop())));

    await start(0, entry);
    await start(1, entry);
    const balancer: Balancer = await startBalancer(issuerPort, () => ports);
    undo.push(() => balancer.close());
    const cli = (args: string[], input = '', program = entry) => {
      const options = {
        cwd: folder,
        env: { PATH: process.env.PATH, HOME: folder, ...env },
        input,
        encoding: 'utf8',
      } as const;
      const { status, stdout, stderr } = spawnSync(process.execPath, [...program, ...args], options);
      if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
      return stdout;
    };
    cli(['user', 'create', 'alice', '--password-stdin'], PASSWORD);
    const register = (...more: string[]): TestClient => {
      const made = JSON.parse(cli(['client', 'create', '--json', '--name', 'Drill', ...more]));
      return { clientId: made.client_id, secret: made.client_secret } as TestClient;
    };
    const code = [
      '--grant-type',
      'authorization_code',
      '--grant-type',
      'refresh_token',
      '--response-type',
      'code',
    ];
    const clients = {
      machine: register('--grant-type', 'client_credentials', '--scope', 'profile'),
      web: register(...code, '--redirect-uri', REDIRECT_URI, '--scope', 'openid profile offline_access'),
    };
    const busy = new pg.Client({ connectionString: url });
    await busy.connect();
    await busy.query(
      `INSERT INTO oidc_payloads (key, kind, payload, expires_at)
       SELECT 'row-' || n, 'AccessToken', '{}', ${Date.now() + 3_600_000} FROM generate_series(1, ${ROWS}) n`,
    );
    await busy.query(
      `INSERT INTO accounts SELECT filled.* FROM accounts, generate_series(1, ${ROWS}) n, LATERAL jsonb_populate_record(
         accounts, jsonb_build_object('id', 'row-' || n, 'username', 'row-' || n, 'username_key', 'row-' || n)) filled
       WHERE accounts.username = 'alice'`,
    );
    await busy.query(
      `INSERT INTO throttle (key, points, expires_at) SELECT 'row-' || n, 1, ${Date.now() + 3_600_000} FROM generate_series(1, ${ROWS}) n`,
    );
    await busy.end();

    const ledger = createLedger();
    const target = { issuer: env.ISSUER, url: (path: string) => `${env.ISSUER}${path}` } as TestServer;
    const traffic = startTraffic(target, clients, ledger, { machines: 4, people: 3 });
    const flowing = (more: number) => {
      const enough = traffic.answered() + more;
      return until('traffic flows', () => traffic.answered() >= enough, 120_000);
    };
    await flowing(60);
    const locks = watchLocks(url);
    expect(await programs[1]?.stop()).toBe(0);
    await start(1);
    const held = await locks();
    const began = performance.now();
    while (since(began) < BESIDE_MS) await flowing(20);
    const beside = { old: balancer.answered.get(ports[0] ?? 0), new: balancer.answered.get(ports[1] ?? 0) };

    expect(await programs[0]?.stop()).toBe(0);
    await start(0);
    await flowing(60);
    await traffic.end();
    // What both gave is good at this one; codes are not tried yet, which would end what came of them.
    const { isActive, ...again } = checkedAt(target, clients);
    const atThisOne = await ledger.check({ isActive });
    // Back again is no rolling matter: the previous program refuses the newer tables, and touches nothing.
    await Promise.all(programs.map((program) => program.stop()));
    await expect(start(0, entry)).rejects.toThrow(/migrated by a newer Postern/);
    cli(['migrate', 'down', '--yes'], '', [join(ROOT, 'dist', 'src', 'main.js')]);
    await start(0, entry);
    await start(1, entry);
    const verdict = await ledger.check({ isActive, ...again });
    const longest = Math.max(0, ...held.map(([, ms]) => ms));
    measured(
      'R08',
      `${commit} beside this program for ${Math.round(BESIDE_MS / 1000)} s over ${ROWS} rows: ${traffic.answered()} answered ` +
        `(${beside.old} old, ${beside.new} new), ${traffic.failures.length} failed (${kindsOf(traffic.failures)}), p99 ${Math.round(percentile(traffic.times, 0.99))} ms; ` +
        `longest lock of a table ${longest} ms; ${atThisOne.checked} checked by this program and ${verdict.checked} ` +
        `after the way back, ${verdict.lost} lost, ` +
        `${verdict.resurrected} resurrected, ${verdict.doubled} doubled`,
    );
    expect([traffic.failures, balancer.faults]).toEqual([[], []]);
    expect(atThisOne).toMatchObject(SOUND);
    expect(verdict).toMatchObject(SOUND);
    expect(held.filter(([, ms]) => ms > 1_000)).toEqual([]);
  },
  PATIENCE_MS,
);
