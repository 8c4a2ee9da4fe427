/**
 * R04 and R05: the only node, on SQLite, killed at random moments while it writes; and its files copied at random
 * moments, as a power cut would leave them. The ledger holds what was answered.
 */
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { sha256 } from '../../src/platform/crypto/ids.js';
import { measured, size, until } from '../support/figures.js';
import { createLedger, type Ledger, SOUND } from '../support/ledger.js';
import type { Program } from '../support/program.js';
import { createSite, type Site } from '../support/site.js';
import { checkedAt, endTraffic, startTraffic } from '../support/traffic.js';

/** 3 in `npm test`, 30 in `npm run drill`, 200 with --full. */
const KILLS = Number(process.env.DRILL_KILLS || 3);
const COPIES = size(12, 50, 200);

let site: Site;
let program: Program;

beforeAll(async () => {
  site = await createSite();
}, 90_000);

afterEach(async () => {
  await endTraffic();
  await program?.stop();
});
afterAll(() => site?.place.remove());

function requireWhole(path: string): BetterSqlite3.Database {
  const handle = new BetterSqlite3(path);
  expect(handle.pragma('integrity_check', { simple: true })).toBe('ok');
  return handle;
}

const words = ({ checked, lost, resurrected, doubled }: Awaited<ReturnType<Ledger['check']>>) =>
  `${checked} checked, ${lost} lost, ${resurrected} resurrected, ${doubled} doubled`;

test(
  `R04: ${KILLS} kills, nothing answered is lost or comes back, and the file is whole`,
  async () => {
    const ledger = createLedger();
    for (let kill = 0; kill < KILLS; kill += 1) {
      program = await site.start();
      const traffic = startTraffic(site.target, site.clients, ledger, { machines: 4, people: 1 });
      // A random moment after the first answers, not a time of the clock.
      const enough = 8 + Math.floor(Math.random() * 60);
      await until('answers', () => traffic.answered() > enough, 60_000);
      program.child.kill('SIGKILL');
      await program.ended;
      await traffic.end();
      expect(traffic.failures.filter(({ status }) => status !== 0)).toEqual([]);
      const handle = requireWhole(site.file);
      // An attempt that was killed while its password was hashed counts for half a minute more: after ten of them in
      // a row, and no sign-in that ended, alice would be asked to come again in a moment.
      handle.prepare('UPDATE throttle SET held = 0').run();
      handle.close();
    }

    program = await site.start();
    const { given } = ledger.counts;
    const verdict = await ledger.check(checkedAt(site.target, site.clients));
    measured('R04', `${KILLS} kills of the only node: ${words(verdict)}`);
    expect(given).toBeGreaterThan(5 * KILLS);
    expect(verdict).toMatchObject(SOUND);
    expect(await program.stop()).toBe(0);
  },
  60_000 + KILLS * 60_000,
);

/** What a copy of the files says of a token, read past the program. */
function stateIn(handle: BetterSqlite3.Database) {
  const find = handle.prepare<[string], { consumed_at: number | null; revoked_at: number | null }>(
    `SELECT row.consumed_at, grant_row.revoked_at FROM oidc_payloads row
     LEFT JOIN oidc_payloads grant_row ON grant_row.key = row.grant_key WHERE row.key = ?`,
  );
  return {
    async isActive(token: string) {
      const row = find.get(sha256(token));
      return row !== undefined && row.consumed_at === null && row.revoked_at === null;
    },
    async useAgain(thing: string) {
      const row = find.get(sha256(JSON.parse(thing).code));
      return row?.consumed_at === null ? 'once more' : undefined;
    },
  };
}

/** A code or refresh token that was used without what it gave, or gave without being used. */
const HALVES = `
  SELECT count(*) FROM oidc_payloads used WHERE used.kind IN ('AuthorizationCode', 'RefreshToken')
  AND used.consumed_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM oidc_payloads made WHERE made.grant_key = used.grant_key AND made.kind = 'AccessToken')
  UNION ALL
  SELECT count(*) FROM (
    SELECT grant_key,
      sum(kind = 'AccessToken') AS access, sum(kind = 'RefreshToken') AS refresh,
      sum(kind IN ('AuthorizationCode', 'RefreshToken') AND consumed_at IS NOT NULL) AS used
    FROM oidc_payloads WHERE grant_key IN (
      SELECT key FROM oidc_payloads WHERE kind = 'Grant' AND revoked_at IS NULL) GROUP BY grant_key)
  WHERE access <> refresh OR access <> used`;

test(
  `R05: ${COPIES} copies of the files at random moments all open, whole, with everything that was answered`,
  async () => {
    program = await site.start();
    const ledger = createLedger();
    const traffic = startTraffic(site.target, site.clients, ledger, { machines: 4, people: 3 });
    await until('answers', () => traffic.answered() > 20, 60_000);
    const total = { checked: 0, lost: 0, resurrected: 0, doubled: 0 };
    let halves = 0;
    for (let copy = 0; copy < COPIES; copy += 1) {
      const enough = traffic.answered() + Math.floor(Math.random() * 12);
      await until('answers', () => traffic.answered() >= enough, 60_000);
      // Both files of one moment: the program stands still wherever it is, within a write perhaps.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
      const answered = ledger.snapshot();
      process.kill(program.child.pid ?? 0, 'SIGSTOP');
      const path = join(site.place.folder, `copy-${copy}.sqlite`);
      for (const end of ['', '-wal'])
        if (existsSync(site.file + end)) copyFileSync(site.file + end, path + end);
      process.kill(program.child.pid ?? 0, 'SIGCONT');

      const handle = requireWhole(path);
      for (const count of handle.prepare<[], number>(HALVES).pluck().all()) halves += count;
      const verdict = await answered.check(stateIn(handle));
      handle.close();
      for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += verdict[key];
    }
    await traffic.end();
    measured('R05', `${COPIES} copies opened: ${words(total)}, ${halves} half transactions`);
    expect(traffic.failures).toEqual([]);
    expect(total).toMatchObject(SOUND);
    expect(total.checked).toBeGreaterThan(10 * COPIES);
    expect(halves).toBe(0);
    expect(await program.stop()).toBe(0);
  },
  120_000 + COPIES * 10_000,
);
