/**
 * Three nodes on one PostgreSQL, no sticky sessions: killed one after another, and restarted in turn, under load.
 * The short forms, with the workers of one machine, are in `test/flows/workers.test.ts`.
 */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createBrowser } from '../support/browser.js';
import { measured, percentile, since, size, until } from '../support/figures.js';
import { authorizeUrl, newPkce, redeem, walk, answerOf } from '../support/flow.js';
import { createLedger, SOUND } from '../support/ledger.js';
import { type Nodes, startNodes } from '../support/nodes.js';
import {
  checkedAt,
  endTraffic,
  type Failure,
  kindsOf,
  startTraffic,
  type Traffic,
} from '../support/traffic.js';

const NODES = 3;
const KILLS = size(3, 6, 30);
/** Between two kills at least; only then is there a share of all requests, in percent, that may fail. */
const APART_MS = size(0, 0, 20_000);
const MOST_FAILED = 0.5;
const ROUNDS = size(1, 2, 5);
const PATIENCE_MS = 3_600_000;

let nodes: Nodes;

beforeAll(async () => {
  nodes = await startNodes(NODES);
}, PATIENCE_MS);
afterEach(endTraffic);
afterAll(() => nodes?.close());

const flowing = (traffic: Traffic, more: number) => {
  const enough = traffic.answered() + more;
  return until('traffic flows', () => traffic.answered() >= enough, 120_000);
};

/**
 * Three nodes, the load and PostgreSQL share the cores: where a node is kept from them for half a second, its gate
 * turns requests away before any work (R21), which is no failure of the fault at hand; few may be.
 */
function apart(traffic: Traffic): { failed: Failure[]; turnedAway: Failure[] } {
  const away = ({ status, retryAfter }: Failure) => status === 503 && retryAfter;
  const turnedAway = traffic.failures.filter(away);
  expect(turnedAway.length).toBeLessThan(traffic.answered() / 200);
  return { failed: traffic.failures.filter((failure) => !away(failure)), turnedAway };
}

/** Begins a login, does the work, ends the login: at whatever nodes the proxy chooses. */
async function loginAround(work: () => Promise<void>): Promise<number> {
  const { target, clients } = nodes;
  const browser = createBrowser();
  const pkce = newPkce();
  const challenge = { code_challenge: pkce.challenge, code_challenge_method: 'S256' };
  const signInPage = await browser.follow(
    await browser.get(authorizeUrl(target, clients.web, challenge)),
    target.issuer,
  );
  await work();
  const code = answerOf(await walk(target, browser, signInPage)).get('code') ?? '';
  return (await redeem(target, clients.web, { code, pkce, browser })).status;
}

test(
  'R03: nodes are killed at random under load: nothing answered is lost, doubled or resurrected',
  async () => {
    const { target, clients, balancer } = nodes;
    const ledger = createLedger();
    const traffic = startTraffic(target, clients, ledger, { machines: 6, people: 4 });
    const cutBefore = balancer.cut.length;
    const killed: number[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      await flowing(traffic, 40 + Math.floor(Math.random() * 40));
      const index = Math.floor(Math.random() * NODES);
      const program = nodes.program(index);
      killed.push(program.port);
      const began = performance.now();
      program.child.kill('SIGKILL');
      await program.ended;
      await flowing(traffic, 20);
      await nodes.start(index);
      await until('the next kill is due', () => since(began) >= APART_MS, 2 * APART_MS);
    }
    await flowing(traffic, 60);
    await traffic.end();
    const verdict = await ledger.check(checkedAt(target, clients));
    const cut = balancer.cut.slice(cutBefore);
    const { failed, turnedAway } = apart(traffic);
    const share = (100 * failed.length) / (failed.length + traffic.answered());
    measured(
      'R03',
      `${KILLS} kills of ${NODES} nodes: ${traffic.answered()} answered, ${failed.length} failed (${share.toFixed(2)} %: ${kindsOf(failed)}), ${turnedAway.length} turned away, ` +
        `${cut.length} in flight at a dead node, p99 ${Math.round(percentile(traffic.times, 0.99))} ms; ` +
        `${verdict.checked} checked, ${verdict.lost} lost, ${verdict.resurrected} resurrected, ${verdict.doubled} doubled`,
    );
    expect(verdict).toMatchObject(SOUND);
    // Every failure is a request that was at the node that died.
    expect(failed.filter(({ status }) => status !== 502)).toEqual([]);
    expect(failed.length).toBeLessThanOrEqual(cut.length);
    if (APART_MS > 0) expect(share).toBeLessThan(MOST_FAILED);
    expect(cut.filter(({ port }) => !killed.includes(port))).toEqual([]);
  },
  PATIENCE_MS,
);

test(
  'R07: nodes are restarted in turn under load: no request fails, logins begun before end after',
  async () => {
    const { target, clients, balancer } = nodes;
    const ledger = createLedger();
    const traffic = startTraffic(target, clients, ledger, { machines: 6, people: 4 });
    const cutBefore = balancer.cut.length;
    const stops: number[] = [];
    const logins: number[] = [];
    const codes: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let index = 0; index < NODES; index += 1) {
        await flowing(traffic, 40);
        const restart = async () => {
          const began = performance.now();
          codes.push(await nodes.program(index).stop());
          stops.push(since(began));
          await nodes.start(index);
        };
        logins.push(await loginAround(restart));
      }
    }
    await flowing(traffic, 40);
    await traffic.end();
    const verdict = await ledger.check(checkedAt(target, clients));
    const { failed, turnedAway } = apart(traffic);
    measured(
      'R07',
      `${ROUNDS} rounds over ${NODES} nodes: ${traffic.answered()} answered, ${failed.length} failed (${kindsOf(failed)}), ${turnedAway.length} turned away, ` +
        `${logins.filter((status) => status === 200).length} of ${logins.length} logins across a restart, ` +
        `stopped in at most ${Math.max(...stops)} ms, p99 ${Math.round(percentile(traffic.times, 0.99))} ms; ` +
        `${verdict.checked} checked, ${verdict.lost} lost, ${verdict.resurrected} resurrected, ${verdict.doubled} doubled`,
    );
    expect(balancer.cut.slice(cutBefore)).toEqual([]);
    expect(failed).toEqual([]);
    expect(new Set(logins)).toEqual(new Set([200]));
    expect(new Set(codes)).toEqual(new Set([0]));
    expect(verdict).toMatchObject(SOUND);
  },
  PATIENCE_MS,
);
