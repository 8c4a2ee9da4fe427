/**
 * R15: clocks that differ between nodes, and one that is set back under a running node. Run by `npm run drill`:
 * the clocks are those of libfaketime, which comes from apt.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { measured } from '../support/figures.js';
import { getCode, getWith, introspect, post, redeem, refresh } from '../support/flow.js';
import { postJson } from '../support/json-calls.js';
import { type Nodes, startNodes } from '../support/nodes.js';
import type { TestServer } from '../support/server.js';

const PATIENCE_MS = 600_000;
const KEY = 'the-key-of-another-program-for-tokens';
const REFUSED = { status: 400, body: { error: 'invalid_grant' } };

let folder: string;
let nodes: Nodes;
/** The two nodes, past the proxy. */
let at: readonly [TestServer, TestServer];

function library(): string {
  for (const place of readdirSync('/usr/lib')) {
    const file = join('/usr/lib', place, 'faketime', 'libfaketime.so.1');
    try {
      if (readdirSync(join(file, '..')).includes('libfaketime.so.1')) return file;
    } catch {
      // Not here.
    }
  }
  throw new Error('This drill needs libfaketime: apt-get install -y faketime');
}

/** Seconds by which the clock of a node differs from now on. */
const setClock = (node: number, seconds: number) =>
  writeFileSync(join(folder, `clock-${node}`), `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}s\n`);

const withClock = (node: number) => ({
  LD_PRELOAD: library(),
  FAKETIME_TIMESTAMP_FILE: join(folder, `clock-${node}`),
  FAKETIME_NO_CACHE: '1',
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
});

async function restart(node: number, seconds: number): Promise<void> {
  await nodes.program(node).stop();
  setClock(node, seconds);
  await nodes.start(node, withClock(node));
}

beforeAll(async () => {
  library();
  folder = mkdtempSync(join(tmpdir(), 'postern-clocks-'));
  nodes = await startNodes(2, { OAUTH2_API_KEY: KEY });
  for (const node of [0, 1]) await restart(node, 0);
  at = [nodes.at(0), nodes.at(1)];
}, PATIENCE_MS);

afterAll(async () => {
  await nodes?.close();
  rmSync(folder, { recursive: true, force: true });
});

const timeOf = async (node: TestServer): Promise<number> =>
  Date.parse((await fetch(node.url('/livez'))).headers.get('date') ?? '');

test.each([30, -30, 55, -55, 90, -90])(
  'R15: with one clock %i s off, what one node gives the other takes, or refuses cleanly',
  async (seconds) => {
    const { clients, target } = nodes;
    await restart(1, seconds);
    expect(Math.abs((await timeOf(at[1])) - (await timeOf(at[0])) - seconds * 1000)).toBeLessThan(3_000);
    const outcomes: string[] = [];
    for (const [from, to] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const [giver, taker] = [at[from], at[to]];
      const machine = await post(
        giver,
        '/oauth/token',
        { grant_type: 'client_credentials' },
        clients.machine,
      );
      expect(await introspect(taker, clients.machine, machine.body.access_token)).toMatchObject({
        active: true,
      });
      // The front channel through the proxy, which sends each page to another node.
      const code = await getCode(target, clients.web);
      const redeemed = await redeem(taker, clients.web, code);
      // A JWT that begins within a minute is taken; dserver's own times are in it, no node's memory.
      const minted = await postJson(giver, '/auth/token', { username: 'grace', api_key: KEY });
      const verified = await postJson(taker, '/auth/verify', { token: minted.body.token });
      const behind = from === 0 ? -seconds : seconds;
      expect([behind, verified.status]).toEqual([behind, behind > 60 ? 401 : 200]);
      outcomes.push(`code ${redeemed.status}`, `JWT ${verified.status}`);
      // A code lives 60 s: to a clock that is 90 s ahead it has ended.
      if (Math.abs(seconds) <= 30) expect(redeemed.status).toBe(200);
      else if (redeemed.status !== 200) expect(redeemed).toMatchObject(REFUSED);
      const own = await redeem(giver, clients.web, await getCode(giver, clients.web));
      expect(own.status).toBe(200);
      expect((await getWith(taker, '/oauth/userinfo', own.body.access_token)).status).toBe(200);
      const next = await refresh(taker, clients.web, own.body.refresh_token);
      expect(next.status).toBe(200);
      expect((await getWith(giver, '/oauth/userinfo', next.body.access_token)).status).toBe(200);
    }
    measured(
      'R15',
      `one clock ${seconds} s off: tokens and refreshes taken by the other node, ${outcomes.join(', ')}`,
    );
  },
  PATIENCE_MS,
);

test(
  'R15: a clock set back by an hour, at work and before a restart, revives nothing',
  async () => {
    const { clients } = nodes;
    for (const node of [0, 1]) await restart(node, 0);
    const grant = await getCode(nodes.target, clients.web);
    const first = (await redeem(at[1], clients.web, grant)).body;
    const machine = (await post(at[1], '/oauth/token', { grant_type: 'client_credentials' }, clients.machine))
      .body;
    const other = (await redeem(at[1], clients.web, await getCode(nodes.target, clients.web))).body;
    expect((await refresh(at[1], clients.web, first.refresh_token)).status).toBe(200);
    await post(at[1], '/oauth/revoke', { token: other.refresh_token }, clients.web);

    // Time passes: the grace of the refresh, the life of the access tokens, but not ten minutes more.
    const life = Number(machine.expires_in);
    for (const node of [0, 1]) setClock(node, life + 60);
    expect(await introspect(at[1], clients.machine, machine.access_token)).toMatchObject({ active: false });

    const revived: string[] = [];
    const look = async (when: string, expired: boolean) => {
      const note = (what: string, alive: boolean) => alive && revived.push(`${what} ${when}`);
      if (expired)
        note('expired token', (await introspect(at[1], clients.machine, machine.access_token)).active);
      note('revoked token', (await introspect(at[1], clients.web, other.access_token)).active);
      note('revoked refresh token', (await refresh(at[1], clients.web, other.refresh_token)).status === 200);
      note('used refresh token', (await refresh(at[1], clients.web, first.refresh_token)).status === 200);
      note('used code', (await redeem(at[1], clients.web, grant)).status === 200);
    };
    setClock(1, life + 60 - 3600);
    await look('at work', true);
    await nodes.program(1).until(/the clock was set back/);
    // A process that starts with a wrong clock cannot know what time it is: only what was used is sure.
    await restart(1, life + 60 - 3600);
    await look('after a restart', false);
    measured('R15', `a step of -1 h at work and across a restart: ${revived.length} of 9 revived`);
    expect(revived).toEqual([]);
  },
  PATIENCE_MS,
);
