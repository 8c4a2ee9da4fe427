/**
 * R17: hours under load with everything expiring: memory, files and rows stay bounded, answers as quick as at the
 * beginning, but for what the machine itself became slower by: a twin that is asked a little tells it.
 * DRILL_SOAK_HOURS says how long (the row's is 8); 25 minutes with --full, one without.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { measured, percentile, since, size } from '../support/figures.js';
import { createLedger, type Ledger } from '../support/ledger.js';
import type { Program } from '../support/program.js';
import { createSite, type Site } from '../support/site.js';
import { endTraffic, startTraffic } from '../support/traffic.js';

const HOURS = Number(process.env.DRILL_SOAK_HOURS || size(1 / 60, 1 / 60, 25 / 60));
const LENGTH_MS = HOURS * 3_600_000;
const SAMPLES = 60;
const MIB = 1024 * 1024;

let site: Site;
let program: Program;
let twin: Site;
let twinProgram: Program;

/** What a server finds that was away for an hour. */
const LEFT_BEHIND = 5_000;
/** Long enough for them to be swept. */
const SWEPT_AFTER_HOURS = 0.1;
/** Long enough for a slope of memory to say something. */
const TELLING_HOURS = 2;
/** Tokens end after two minutes and go ten minutes later: from then on as many come as go. */
const LIFETIMES = { ACCESS_TOKEN_TTL: '120', REFRESH_TOKEN_IDLE_TTL: '120', REFRESH_TOKEN_MAX_TTL: '600' };
const STEADY_HOURS = 0.25;
const IS_STEADY = HOURS > 1.5 * STEADY_HOURS;

beforeAll(async () => {
  site = await createSite(LIFETIMES);
  leaveBehind();
  program = await site.start();
  twin = await createSite(LIFETIMES);
  twinProgram = await twin.start();
}, 90_000);
afterEach(endTraffic);
afterAll(async () => {
  await program?.stop();
  site?.place.remove();
  await twinProgram?.stop();
  twin?.place.remove();
});

/** Resident memory (MiB) and open files of the program; Linux. */
function vitals() {
  const { pid } = program.child;
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    rss: (Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024) / MIB,
    files: readdirSync(`/proc/${pid}/fd`).length,
  };
}

function leaveBehind(): void {
  const handle = new BetterSqlite3(site.file);
  handle.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${LEFT_BEHIND})
    INSERT INTO oidc_payloads (key, kind, client_id, expires_at, payload)
    SELECT 'left-' || i, 'AccessToken', 'none', ${Date.now() - 3_600_000}, '{}' FROM n`);
  handle.close();
  expect(overdue()).toBe(LEFT_BEHIND);
}

/** Rows that ended more than twelve minutes ago: pruned after ten, each minute, and a sweep takes its time. */
function overdue(): number {
  const handle = new BetterSqlite3(site.file, { readonly: true });
  const count = handle
    .prepare<[number], number>('SELECT count(*) FROM oidc_payloads WHERE expires_at < ?')
    .pluck();
  const rows = count.get(Date.now() - 12 * 60_000) ?? 0;
  handle.close();
  return rows;
}

/** Least squares, per hour. */
function slope(points: readonly [hours: number, value: number][]): number {
  const mean = (index: 0 | 1) => points.reduce((sum, point) => sum + point[index], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const over = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0);
  return over / points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
}

interface Answered {
  readonly hours: number;
  /** How many answers there were until then. */
  readonly traffic: number;
  readonly beside: number;
}

/** Hours of entries would fill this process. */
const forgetful: Ledger = {
  ...createLedger(),
  gave() {},
  using() {},
  took() {},
  revoking() {},
  revoked() {},
};

test(
  `R17: ${HOURS.toFixed(2)} h under load leave memory, files and rows as they were`,
  async () => {
    // About half of what one core does.
    const lanes = { machines: 3, people: 2 };
    const traffic = startTraffic(site.target, site.clients, forgetful, lanes);
    // Some twenty requests a second.
    const beside = startTraffic(twin.target, twin.clients, forgetful, { ...lanes, restMs: 250 });
    const began = performance.now();
    const memory: [number, number][] = [];
    const files: number[] = [];
    const answered: Answered[] = [];
    for (let sample = 1; sample <= SAMPLES; sample += 1) {
      const next = (LENGTH_MS / SAMPLES) * sample - since(began);
      await new Promise((resolve) => setTimeout(resolve, next));
      const now = vitals();
      memory.push([since(began) / 3_600_000, now.rss]);
      files.push(now.files);
      answered.push({
        hours: since(began) / 3_600_000,
        traffic: traffic.times.length,
        beside: beside.times.length,
      });
    }
    const unswept = overdue();
    await Promise.all([traffic.end(), beside.end()]);
    // What starts up, and the heap up to its first collections, is no leak.
    const settled = memory.slice(SAMPLES / 2);
    const grows = slope(settled);
    // A quarter of the time in which all is as it goes on to be, at its beginning and at its end.
    const steady = IS_STEADY ? STEADY_HOURS : 0;
    const quarter = (HOURS - steady) / 4;
    const p99 = (of: 'traffic' | 'beside', from: number, to: number) => {
      const { times } = of === 'traffic' ? traffic : beside;
      const until = (hours: number) => answered.find((sample) => sample.hours >= hours)?.[of] ?? times.length;
      return percentile(times.slice(until(from), until(to)), 0.99);
    };
    const early = (of: 'traffic' | 'beside') => p99(of, steady, steady + quarter);
    const late = (of: 'traffic' | 'beside') => p99(of, HOURS - quarter, HOURS);
    const [first, last] = [early('traffic'), late('traffic')];
    const [twinFirst, twinLast] = [early('beside'), late('beside')];
    measured(
      'R17',
      `${HOURS.toFixed(2)} h: ${traffic.answered()} answered, ${traffic.failures.length} failed; RSS ${settled[0]?.[1].toFixed(0)} to ` +
        `${settled.at(-1)?.[1].toFixed(0)} MiB in the second half (${grows.toFixed(1)} MiB/h); files ${Math.min(...files)} to ${Math.max(...files)}; ` +
        `p99 ${first.toFixed(1)} ms early, ${last.toFixed(1)} ms late, of its twin ${twinFirst.toFixed(1)} and ${twinLast.toFixed(1)}` +
        `${IS_STEADY ? '' : ' (too short to judge them)'}; ${unswept} rows overdue`,
    );
    expect([...traffic.failures, ...beside.failures]).toEqual([]);
    if (HOURS >= SWEPT_AFTER_HOURS) expect(unswept).toBe(0);
    expect(Math.max(...files)).toBeLessThan(Math.min(...files) + 20);
    expect(Math.max(...settled.map(([, rss]) => rss))).toBeLessThan(300);
    if (IS_STEADY) expect(last / first).toBeLessThan(1.1 * Math.max(1, twinLast / twinFirst));
    if (HOURS >= TELLING_HOURS) expect(grows).toBeLessThan(1);
  },
  LENGTH_MS + 600_000,
);
