/** R21, R29: more than the server can do. What it can do it goes on doing, and the rest are told at once. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { newPlace, type Place } from '../support/command-line.js';
import { measured, percentile, size, until } from '../support/figures.js';
import { closedLoad, type Offered, openLoad, requestBytes, type Shot } from '../support/open-load.js';
import { type Program, startProgram } from '../support/program.js';
import { FORK } from '../support/racers.js';

const OVERLOAD_MS = size(4_000, 20_000, 120_000);
const TOP_MS = size(2_000, 5_000, 15_000);
const CONNECTIONS = size(400, 1000, 1000);
const TIMES = 5;

const KEY = 'the-key-of-another-program-for-tokens';
const CROWD = fileURLToPath(new URL('../support/crowd-process.ts', import.meta.url));
const SIGN_INS = 200;
const VERIFY_RATE = size(50, 200, 500);
const VERIFY_MS = size(3_000, 10_000, 60_000);
const RUNNING_MS = 1000;

let place: Place;
let program: Program;
let host: string;
/** A signed and recorded token: neither the cheapest nor the dearest request there is. */
let issue: Buffer;

beforeAll(async () => {
  place = newPlace();
  program = await startProgram(place.folder, {
    ...place.env,
    // One address asks for all; what is measured is what stands behind the ceilings.
    RATE_LIMITS: 'off',
    LOG_LEVEL: 'warn',
    OAUTH2_API_KEY: KEY,
    TRUST_PROXY: '127.0.0.1/32',
  });
  await program.until(/Stop: Ctrl-C/);
  host = new URL(program.issuer).host;
  issue = requestBytes(host, '/auth/token', { json: { username: 'grace', api_key: KEY } });
});

afterAll(async () => {
  await program?.stop();
  place?.remove();
});

const ok = (shots: readonly Shot[]) => shots.filter(({ status }) => status === 200);
const delays = (shots: readonly Shot[]) => shots.map(({ milliseconds }) => milliseconds);

/** Seconds of a processor it has had so far; where the system does not tell, the time of the clock. */
function cpuSeconds({ child }: Program): number {
  try {
    const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(' ');
    return (Number(fields[13]) + Number(fields[14])) / 100;
  } catch {
    return performance.now() / 1000;
  }
}

interface Top {
  readonly perSecond: number;
  readonly perCpuSecond: number;
}

async function measure(work: () => Promise<Offered>): Promise<Top & Offered> {
  const [began, cpu] = [performance.now(), cpuSeconds(program)];
  const offered = await work();
  const served = ok(offered.shots).length;
  return {
    ...offered,
    perSecond: (served / (performance.now() - began)) * 1000,
    perCpuSecond: served / (cpuSeconds(program) - cpu),
  };
}

test(
  `R21: ${TIMES} times what it can do`,
  async () => {
    const { port } = program;
    const top = () => measure(async () => ({ shots: await closedLoad(port, issue, 32, TOP_MS), unsent: 0 }));
    await closedLoad(port, issue, 32, 1_000);
    const before = await top();
    const alive: number[] = [];
    let asking = true;
    const asked = (async () => {
      while (asking) {
        const began = performance.now();
        expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
        alive.push(performance.now() - began);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    })();
    const rate = before.perSecond * TIMES;
    const over = await measure(() =>
      openLoad(port, issue, { rate, forMs: OVERLOAD_MS, connections: CONNECTIONS }),
    );
    asking = false;
    await asked;
    const recovered = await until(
      'it is calm',
      async () => {
        const calm = await closedLoad(port, issue, 4, 200);
        return ok(calm).length === calm.length && percentile(delays(calm), 0.95) < 250;
      },
      10_000,
    );
    const after = await top();

    const { shots, unsent } = over;
    const served = ok(shots);
    const refused = shots.filter(({ status }) => status === 503 || status === 429);
    const slowest = percentile(delays(refused), 0.99);
    const share = over.perSecond / ((before.perSecond + after.perSecond) / 2);
    // The load maker takes processor time that the server had while the top was measured.
    const inItsTime = over.perCpuSecond / ((before.perCpuSecond + after.perCpuSecond) / 2);
    measured(
      'R21',
      `top ${Math.round(before.perSecond)}/s before, ${Math.round(after.perSecond)}/s after; offered ` +
        `${Math.round((shots.length / OVERLOAD_MS) * 1000)}/s (${unsent} of ${shots.length + unsent} not sent) for ${OVERLOAD_MS / 1000} s: goodput ${Math.round(over.perSecond)}/s, ` +
        `${Math.round(share * 100)} % of the top, ${Math.round(inItsTime * 100)} % for the same processor time, p95 ` +
        `${Math.round(percentile(delays(served), 0.95))} ms; ${refused.length} refused, p50 ` +
        `${Math.round(percentile(delays(refused), 0.5))} p99 ${Math.round(slowest)} ms; ` +
        `${shots.length - served.length - refused.length} others; /livez p95 ${Math.round(percentile(alive, 0.95))} ms; ` +
        `calm after ${Math.round(recovered)} ms`,
    );
    // A load that waits for the server would be none that it cannot do.
    expect(unsent).toBeLessThan((shots.length + unsent) / 10);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.filter(({ retryAfter }) => !retryAfter)).toEqual([]);
    expect(served.length + refused.length).toBe(shots.length);
    expect(slowest).toBeLessThan(1_000);
    expect(Math.max(share, inItsTime)).toBeGreaterThan(0.8);
    expect(program.said()).toMatch(/too many requests at once/);
  },
  60_000 + OVERLOAD_MS * 2,
);

test(
  'R29: 200 sign-ins at once while tokens are verified',
  async () => {
    const { port } = program;
    const answer = await fetch(`${program.issuer}/auth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'grace', api_key: KEY }),
    });
    const { token } = (await answer.json()) as { token: string };
    const verify = requestBytes(host, '/auth/verify', { json: { token } });
    const load = { rate: VERIFY_RATE, forMs: VERIFY_MS, connections: 200 };
    const { shots: calm } = await openLoad(port, verify, load);

    const crowd = fork(CROWD, FORK);
    await once(crowd, 'message');
    const verifying = openLoad(port, verify, load);
    // Who verifies has done so for a while when the crowd comes.
    await sleep(RUNNING_MS);
    crowd.send({ port, host, people: SIGN_INS });
    const { shots: all, unsent } = await verifying;
    const busy = all.filter(({ at }) => at > RUNNING_MS);
    const told = once(crowd, 'message') as Promise<[{ waves: number; shots: Shot[] }]>;
    crowd.send('stop');
    const [{ waves, shots: signIns }] = await told;
    crowd.disconnect();

    const hashed = signIns.filter(({ status }) => status === 401);
    const turnedAway = signIns.filter(({ status }) => status === 503 || status === 429);
    const [without, beside] = [calm, busy].map((shots) => percentile(delays(shots), 0.99)) as [
      number,
      number,
    ];
    measured(
      'R29',
      `${waves} times ${SIGN_INS} sign-ins at once in ${VERIFY_MS / 1000} s: ${hashed.length} hashed, ` +
        `${turnedAway.length} turned away, p99 ${Math.round(percentile(delays(turnedAway), 0.99))} ms; /auth/verify at ` +
        `${VERIFY_RATE}/s: p50 ${Math.round(percentile(delays(busy), 0.5))} p99 ${Math.round(beside)} ms beside them, p50 ` +
        `${Math.round(percentile(delays(calm), 0.5))} p99 ${Math.round(without)} ms without, ${(beside / without).toFixed(1)} times`,
    );
    expect([ok(busy).length, unsent]).toEqual([busy.length, 0]);
    expect(hashed.length).toBeGreaterThan(0);
    expect(turnedAway.length).toBeGreaterThan(0);
    expect(hashed.length + turnedAway.length).toBe(signIns.length);
    expect(turnedAway.filter(({ retryAfter }) => !retryAfter)).toEqual([]);
    // A hash on the loop would hold all of them up for its tens of milliseconds, a hundred times over.
    expect(beside).toBeLessThan(50 + 3 * without);
  },
  60_000 + VERIFY_MS * 4,
);
