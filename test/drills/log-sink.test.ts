/** R28: whoever reads the log stands still. Requests do not wait for him, and what he misses is counted. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { newPlace, type Place } from '../support/command-line.js';
import { measured, percentile, size, until } from '../support/figures.js';
import { closedLoad, requestBytes } from '../support/open-load.js';
import { freePort } from '../support/free-port.js';
import { type Program, startProgram } from '../support/program.js';

const BLOCKED_MS = size(5_000, 20_000, 60_000);
const TIMEOUT = 60_000 + BLOCKED_MS * 2;
/** As long as a line gets, so that the pipe is soon full: the path stands in it. */
const LONG_PATH = `/${'a/'.repeat(2000)}`;

let place: Place;
let program: Program;
let metricsPort: number;

beforeAll(async () => {
  place = newPlace();
  metricsPort = await freePort();
  program = await startProgram(place.folder, {
    ...place.env,
    RATE_LIMITS: 'off',
    METRICS_PORT: String(metricsPort),
  });
  await program.until(/Stop: Ctrl-C/);
});

afterAll(async () => {
  await program?.stop();
  place?.remove();
});

async function dropped(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  return Number(/^postern_log_lines_dropped_total (\d+)/m.exec(text)?.[1] ?? -1);
}

const load = (forMs: number) =>
  closedLoad(program.port, requestBytes(new URL(program.issuer).host, LONG_PATH), 4, forMs);

test(
  'R28: the pipe of the log is full',
  async () => {
    const before = await load(1_000);
    expect(await dropped()).toBe(0);
    program.child.stdout?.pause();
    const blocked = await load(BLOCKED_MS);
    const missing = await dropped();
    program.child.stdout?.resume();
    await program.until(/log lines are missing here/);
    expect(program.said()).toContain(`"dropped":${missing}`);

    const delays = [before, blocked].map((shots) => shots.map(({ milliseconds }) => milliseconds));
    const [open, full] = delays.map((list) => percentile(list, 0.99)) as [number, number];
    measured(
      'R28',
      `blocked for ${BLOCKED_MS / 1000} s: ${blocked.length} requests answered, p99 ${Math.round(full)} ms (${Math.round(open)} ms ` +
        `before), ${missing} lines dropped and counted`,
    );
    expect(blocked.filter(({ status }) => status !== 404)).toEqual([]);
    expect(missing).toBeGreaterThan(0);
    expect(missing).toBeLessThan(blocked.length);
    expect(Math.max(...delays.flat())).toBeLessThan(3_000);
  },
  TIMEOUT,
);

test(
  'R28: SIGTERM ends it all the same, with exit code 0',
  async () => {
    const already = await dropped();
    program.child.stdout?.pause();
    while ((await dropped()) === already) await load(500);
    program.child.kill('SIGTERM');
    const within = await until('it has ended', () => program.child.exitCode !== null, 10_000);
    measured('R28', `with the pipe full it ended within ${Math.round(within)} ms of SIGTERM`);
    expect(program.child.exitCode).toBe(0);
    program.child.stdout?.resume();
  },
  TIMEOUT,
);
