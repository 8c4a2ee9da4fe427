/** R14: SQLite held by another process for ten seconds, and a disk that is full, below a whole server. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import type { SqliteDatabase } from '../../src/platform/database/sqlite.js';
import { newPlace, type Place } from '../support/command-line.js';
import { measured, percentile, since, size, until } from '../support/figures.js';
import { post } from '../support/flow.js';
import { createLedger, SOUND } from '../support/ledger.js';
import { startServer, type TestServer } from '../support/server.js';
import { checkedAt, type Clients, createClients, endTraffic, startTraffic } from '../support/traffic.js';

const LIMIT_MS = 3_500;
const RECOVERY_MS = 5_000;
const LOCKED_MS = size(4_000, 10_000, 10_000);

let place: Place;
let server: TestServer;
let clients: Clients;
let file: string;

beforeAll(async () => {
  place = newPlace();
  server = await startServer({ ...place.env, RATE_LIMITS: 'off' });
  file = server.container.config.database.file as string;
  clients = await createClients(server);
}, 90_000);

afterEach(endTraffic);
afterAll(async () => {
  await server?.close();
  place?.remove();
});

const give = () => post(server, '/oauth/token', { grant_type: 'client_credentials' }, clients.machine);
const look = (token: string) => post(server, '/oauth/introspect', { token }, clients.machine);

/** A file system with a quota, as SQLite sees it: no page more than there are. */
function setMaxPages(pages: 'as many as there are' | 'any number'): void {
  const database = server.container.database as unknown as SqliteDatabase;
  const { page_count: now } = database.prepare('PRAGMA page_count').get() as { page_count: number };
  const most = pages === 'any number' ? 1_000_000_000 : now;
  database.prepare(`PRAGMA max_page_count = ${most}`).get();
}

interface Fault {
  readonly name: string;
  /** Whether even a row that only changes finds no place. */
  readonly everyWrite: boolean;
  begin(): void;
  over(began: number): boolean;
  end(): void;
}

let other: BetterSqlite3.Database;
const FAULTS: Fault[] = [
  {
    name: `another process holds the write lock for ${LOCKED_MS / 1000} s`,
    everyWrite: true,
    begin() {
      other = new BetterSqlite3(file);
      other.exec('BEGIN IMMEDIATE');
    },
    over: (began) => since(began) > LOCKED_MS,
    end() {
      other.exec('ROLLBACK');
      other.close();
    },
  },
  {
    name: 'the disk is full',
    everyWrite: false,
    begin: () => setMaxPages('as many as there are'),
    over: (began) => since(began) > 2_000,
    end: () => setMaxPages('any number'),
  },
];

test.each(FAULTS)(
  'R14: $name: reads go on, writes are 503, nothing is damaged, then all goes on',
  async ({ name, everyWrite, begin, over, end }) => {
    const ledger = createLedger();
    const traffic = startTraffic(server, clients, ledger, { machines: 6, people: 0 });
    await until('traffic flows', () => traffic.answered() > 30, 60_000);
    const { access_token: token } = (await give()).body;

    begin();
    const began = performance.now();
    await until('writes fail', () => traffic.failures.length > 0, 30_000);
    const reads: number[] = [];
    while (!over(began)) {
      const asked = performance.now();
      expect((await look(token)).body.active).toBe(true);
      reads.push(since(asked));
      if (!everyWrite) continue;
      expect(await post(server, '/oauth/revoke', { token }, clients.machine)).toMatchObject({ status: 503 });
    }
    end();
    const ended = performance.now();
    const back = await until('tokens again', async () => (await give()).status === 200, RECOVERY_MS);
    await until('traffic flows again', () => traffic.lastAnswer() > ended + back, 30_000);
    await traffic.end();

    const handle = new BetterSqlite3(file);
    const integrity = handle.pragma('integrity_check', { simple: true });
    handle.close();
    const waits = traffic.failures.map(({ from, to }) => to - from);
    const verdict = await ledger.check(checkedAt(server, clients));
    measured(
      'R14',
      `${name}: ${waits.length} times 503, longest ${Math.round(Math.max(...waits))} ms; ${reads.length} reads, ` +
        `p99 ${percentile(reads, 0.99)} ms; back in ${back} ms, integrity ${integrity}; ` +
        `${verdict.checked} checked, ${verdict.lost} lost, ${verdict.resurrected} resurrected, ${verdict.doubled} doubled`,
    );
    expect(traffic.failures.filter(({ status, retryAfter }) => status !== 503 || !retryAfter)).toEqual([]);
    expect(Math.max(...waits)).toBeLessThanOrEqual(LIMIT_MS);
    expect(integrity).toBe('ok');
    expect(verdict).toMatchObject(SOUND);
  },
  120_000,
);
