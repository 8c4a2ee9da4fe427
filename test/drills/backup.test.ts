/**
 * R26: a backup of a database that a server is writing to all the while, restored elsewhere. What had been promised
 * when it was begun, and holds still, is in it; what had been used up or revoked stays so.
 */
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import pg from 'pg';
import { measured, size, until } from '../support/figures.js';
import { createLedger, SOUND } from '../support/ledger.js';
import { freshPostgres } from '../support/postgres.js';
import { createSite, type Site } from '../support/site.js';
import { checkedAt, endTraffic, startTraffic } from '../support/traffic.js';

/** So that it takes a while to copy them. */
const ROWS = size(30_000, 200_000, 2_000_000);
const PATIENCE_MS = 300_000 + ROWS;

const undo: (() => unknown)[] = [];
afterEach(async () => {
  await endTraffic();
  for (const step of undo.splice(0).reverse()) await step();
});

const COLUMNS = '(key, kind, expires_at, payload)';

async function fill({ file, env }: Site): Promise<void> {
  const end = Date.now() + 86_400_000;
  if (!env.DATABASE_URL?.startsWith('postgres')) {
    const db = new BetterSqlite3(file);
    db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
      INSERT INTO oidc_payloads ${COLUMNS} SELECT 'row-' || i, 'AccessToken', ${end}, hex(randomblob(200)) FROM n`);
    return void db.close();
  }
  const client = new pg.Client({ connectionString: env.DATABASE_URL });
  await client.connect();
  const row = `'row-' || i, 'AccessToken', ${end}, repeat(md5(i::text), 12)`;
  const rows = `SELECT ${row} FROM generate_series(1, ${ROWS}) i`;
  await client.query(`INSERT INTO oidc_payloads ${COLUMNS} ${rows}`).finally(() => client.end());
}

const KINDS = {
  SQLite: async (): Promise<Record<string, string>> => ({}),
  PostgreSQL: async () => ({ DATABASE_URL: await freshPostgres() }),
};

test.each(Object.entries(KINDS))(
  'R26: %s is backed up amid codes, refreshes and revocations, and restored into either kind',
  async (name, database) => {
    const site = await createSite(await database());
    undo.push(() => site.place.remove());
    await fill(site);
    const program = await site.start();
    undo.push(() => program.stop());
    const ledger = createLedger();
    const traffic = startTraffic(site.target, site.clients, ledger, { machines: 4, people: 4 });
    await until('traffic flows', () => traffic.answered() > 150, 60_000);

    const before = ledger.snapshot();
    const file = join(site.place.folder, 'taken.backup');
    const [began, answered] = [performance.now(), traffic.answered()];
    const taken = await site.place.spawn(`backup ${file} --json`, { env: site.env });
    const [took, meanwhile] = [performance.now() - began, traffic.answered() - answered];
    expect([taken.stderr, taken.code]).toEqual([expect.not.stringMatching(/error/i), 0]);
    await traffic.end();
    await program.stop();
    const certain = before.heldUntil(ledger);

    for (const into of Object.values(KINDS)) {
      const DATABASE_URL =
        (await into()).DATABASE_URL ?? `sqlite:${join(site.place.folder, 'restored.sqlite')}`;
      const env = { ...site.env, DATABASE_URL };
      const restored = await site.place.spawn(`restore ${file} --json`, { env });
      expect([restored.code, restored.json().tables]).toEqual([0, taken.json().tables]);
      const there = await site.start({ DATABASE_URL });
      undo.push(() => there.stop());
      const verdict = await certain.snapshot().check(checkedAt(site.target, site.clients));
      await there.stop();
      measured(
        'R26',
        `a backup of ${name} with ${ROWS} rows in ${Math.round(took)} ms, ${meanwhile} answered meanwhile, into ` +
          `${DATABASE_URL.split(':')[0]}: ${verdict.checked} checked, ${verdict.lost} lost, ${verdict.resurrected} resurrected, ` +
          `${verdict.doubled} doubled`,
      );
      expect(verdict).toMatchObject(SOUND);
      expect(verdict.checked).toBeGreaterThan(50);
    }
    expect(traffic.failures).toEqual([]);
    expect(meanwhile).toBeGreaterThan(10);
  },
  PATIENCE_MS,
);
