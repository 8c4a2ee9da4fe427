/** Issue 6 §3: two workers share one SQLite file under load. Nobody is refused, and no worker stands still for long. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { measured, percentile, size, until } from '../support/figures.js';
import { createLedger, SOUND } from '../support/ledger.js';
import { freePort } from '../support/free-port.js';
import type { Program } from '../support/program.js';
import { createSite, type Site } from '../support/site.js';
import { checkedAt, endTraffic, kindsOf, startTraffic } from '../support/traffic.js';

const ANSWERS = size(300, 3_000, 30_000);
const RELOADS = size(2, 5, 20);
const TIMEOUT = 120_000 + ANSWERS * 100;
/** With a margin for the machine: the workers share its cores with the load. */
const MOST_BLOCKED_MS = size(250, 100, 100);

let site: Site;
let program: Program;
let metricsPort: number;

beforeAll(async () => {
  site = await createSite();
  metricsPort = await freePort();
  program = await site.start({ WORKERS: '2', METRICS_PORT: String(metricsPort) });
}, TIMEOUT);
afterEach(endTraffic);
afterAll(async () => {
  await program?.stop();
  site?.place.remove();
});

/** The longest that a turn of either worker's event loop took since this was asked last, milliseconds. */
async function longestTurn(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  return 1000 * Number(/^nodejs_eventloop_lag_max_seconds (\S+)/m.exec(text)?.[1]);
}

const reloads = (): number => program.said().match(/"reloaded"/g)?.length ?? 0;

test(
  'two workers write to one SQLite file: no request fails, nothing is lost, neither loop stands still',
  async () => {
    const { target, clients } = site;
    const ledger = createLedger();
    const traffic = startTraffic(target, clients, ledger, { machines: 8, people: 4 });
    await until('both are warm', () => traffic.answered() > ANSWERS / 3, TIMEOUT);
    const start = await longestTurn();
    await until('enough', () => traffic.answered() > ANSWERS, TIMEOUT);
    const longest = await longestTurn();
    await traffic.end();
    const verdict = await ledger.check(checkedAt(target, clients));
    measured(
      'workers',
      `2 on one SQLite file: ${traffic.answered()} answered, ${traffic.failures.length} failed, p99 ` +
        `${Math.round(percentile(traffic.times, 0.99))} ms; longest turn of a loop ${Math.round(longest)} ms ` +
        `(${Math.round(start)} while starting); ${verdict.checked} checked, ${verdict.lost} lost`,
    );
    expect(traffic.failures).toEqual([]);
    expect(verdict).toMatchObject(SOUND);
    expect(longest).toBeLessThan(MOST_BLOCKED_MS);
  },
  TIMEOUT,
);

test(
  'R07: reloaded again and again amid codes, refreshes and revocations, no request fails and nothing is lost',
  async () => {
    const { target, clients } = site;
    const ledger = createLedger();
    const traffic = startTraffic(target, clients, ledger, { machines: 4, people: 4 });
    const before = reloads();
    for (let reload = 1; reload <= RELOADS; reload += 1) {
      const enough = traffic.answered() + 50;
      await until('traffic flows', () => traffic.answered() > enough, TIMEOUT);
      program.child.kill('SIGHUP');
      await until('the workers are exchanged', () => reloads() === before + reload, TIMEOUT);
    }
    await traffic.end();
    const verdict = await ledger.check(checkedAt(target, clients));
    measured(
      'R07',
      `${RELOADS} reloads of 2 workers: ${traffic.answered()} answered, ${traffic.failures.length} failed (${kindsOf(traffic.failures)}); ` +
        `${verdict.checked} checked, ${verdict.lost} lost, ${verdict.resurrected} resurrected, ${verdict.doubled} doubled`,
    );
    expect(traffic.failures).toEqual([]);
    expect(verdict).toMatchObject(SOUND);
  },
  TIMEOUT,
);
