/**
 * PostgreSQL goes away, hangs, crashes and runs out of connections, under load, below the real program. What was
 * answered stays true, what cannot be done is a 503 within three seconds, and afterwards all goes on by itself.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { measured, percentile, since, size, until } from '../support/figures.js';
import { createBrowser } from '../support/browser.js';
import { freePort } from '../support/free-port.js';
import { authorizeUrl, getCode, getWith, newPkce, post, redeem } from '../support/flow.js';
import { createLedger, SOUND } from '../support/ledger.js';
import { type PrivatePostgres, startPrivatePostgres } from '../support/private-postgres.js';
import type { Program } from '../support/program.js';
import type { TestServer } from '../support/server.js';
import { createSite, type Site } from '../support/site.js';
import { type Asked, tokenAt } from '../support/token-at.js';
import { checkedAt, type Clients, endTraffic, startTraffic } from '../support/traffic.js';

const PATIENCE_MS = size(180_000, 600_000, 3_600_000);
/** The whole of an answer, the wait for the database and the words about it. */
const LIMIT_MS = 3_000;
const RECOVERY_MS = 5_000;
const POOL = 10;
const CONNECTIONS = 12;
const CHALLENGE = { code_challenge: newPkce().challenge, code_challenge_method: 'S256' };

let postgres: PrivatePostgres;
let site: Site;
let program: Program;
let target: TestServer;
let clients: Clients;

beforeAll(async () => {
  postgres = await startPrivatePostgres({ max_connections: String(CONNECTIONS) });
  site = await createSite({ DATABASE_URL: postgres.url, DATABASE_POOL_MAX: String(POOL) });
  ({ clients, target } = site);
  program = await site.start();
}, PATIENCE_MS);

afterEach(endTraffic);
afterAll(async () => {
  await program?.stop();
  await postgres?.close();
  site?.place.remove();
});

const status = async (path: string): Promise<number> => (await getWith(target, path)).status;
const giveToken = () => post(target, '/oauth/token', { grant_type: 'client_credentials' }, clients.machine);
const revoke = (token: string) => post(target, '/oauth/revoke', { token }, clients.machine);

async function withPostgres<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Milliseconds each, all at once. */
async function waitsFor(
  requests: Record<string, () => Promise<{ status: number }>>,
): Promise<[string, number, number][]> {
  return Promise.all(
    Object.entries(requests).map(async ([name, send]): Promise<[string, number, number]> => {
      const asked = performance.now();
      const { status } = await send();
      return [name, status, since(asked)];
    }),
  );
}

const OUTAGES: [name: string, begin: () => unknown, end: () => unknown][] = [
  ['is stopped', () => postgres.stop(), () => postgres.start()],
  ['hangs', () => postgres.freeze(), () => postgres.thaw()],
];

test.each(OUTAGES)(
  'R10: PostgreSQL %s: 503 in time, no write is claimed, all comes back by itself',
  async (name, begin, end) => {
    const ledger = createLedger();
    const traffic = startTraffic(target, clients, ledger, { machines: 16, people: 4 });
    await until('traffic flows', () => traffic.answered() > 50, 60_000);
    const { access_token: kept } = (await giveToken()).body;

    const browser = createBrowser();
    const grant = await getCode(target, clients.web, {}, { browser });
    const { access_token: own } = (await redeem(target, clients.web, grant)).body;

    await begin();
    const began = performance.now();
    const probes: [string, number, number][] = [];
    const live: number[] = [];
    const length = size(5_000, 15_000, 60_000);
    const ready = until('not ready', async () => (await status('/readyz')) === 503, 10_000);
    while (since(began) < length) {
      const seen = await waitsFor({
        revocation: () => revoke(kept),
        introspection: () => post(target, '/oauth/introspect', { token: kept }, clients.machine),
        UserInfo: () => getWith(target, '/oauth/userinfo', own),
        API: () => getWith(target, '/api/me', own),
        'start page': () => browser.copy().get(target.url('/')),
        authorization: () => browser.copy().get(authorizeUrl(target, clients.web, CHALLENGE)),
      });
      probes.push(...seen);
      const asked = performance.now();
      expect(await status('/livez')).toBe(200);
      live.push(since(asked));
    }
    const notReady = await ready;
    const ended = performance.now();
    await end();
    const back = await until('tokens again', async () => (await giveToken()).status === 200, RECOVERY_MS);
    await until('ready again', async () => (await status('/readyz')) === 200, RECOVERY_MS);
    await until('traffic flows again', () => traffic.lastAnswer() > ended + back + 500, 30_000);
    await traffic.end();

    // A walk to a code is several requests.
    const failures = traffic.failures.filter(
      ({ what, to }) => what !== 'authorization' && to > began && to < ended,
    );
    const waits = [
      ...failures.map(({ from, to }) => to - Math.max(from, began)),
      ...probes.map(([, , wait]) => wait),
    ];
    const verdict = await ledger.check(checkedAt(target, clients));
    const worst = Math.round(Math.max(...waits));
    const slow = [
      ...failures.map(({ what, from, to }): [string, number] => [
        what,
        Math.round(to - Math.max(from, began)),
      ]),
      ...probes.map(([what, , wait]): [string, number] => [what, wait]),
    ].filter(([, wait]) => wait > LIMIT_MS);
    measured(
      'R10',
      `PostgreSQL ${name} for ${Math.round(length / 1000)} s: ${waits.length} times 503, p99 ${Math.round(percentile(waits, 0.99))} ms, ` +
        `longest ${worst} ms; livez at most ${Math.max(...live)} ms, not ready after ${notReady} ms, back in ${back} ms; ` +
        `${verdict.checked} checked, ${verdict.lost} lost, ${verdict.resurrected} resurrected, ${verdict.doubled} doubled`,
    );
    expect(probes.filter(([, status]) => status !== 503)).toEqual([]);
    expect(failures.filter(({ status, retryAfter }) => status !== 503 || !retryAfter)).toEqual([]);
    expect(failures.length).toBeGreaterThan(10);
    expect(slow).toEqual([]);
    expect(verdict).toMatchObject(SOUND);
    // What was refused had not been done.
    expect((await post(target, '/oauth/introspect', { token: kept }, clients.machine)).body.active).toBe(
      true,
    );
    expect(program.child.exitCode).toBeNull();
  },
  PATIENCE_MS,
);

test(
  'R11: PostgreSQL crashes under load, again and again: nothing answered is lost',
  async () => {
    const crashes = size(2, 5, 20);
    const ledger = createLedger();
    const traffic = startTraffic(target, clients, ledger);
    const bursts: number[] = [];
    const downs: number[] = [];
    for (let crash = 0; crash < crashes; crash += 1) {
      const enough = traffic.answered() + 40 + Math.floor(Math.random() * 40);
      await until('traffic flows', () => traffic.answered() > enough, 60_000);
      const began = performance.now();
      await postgres.stop('immediate');
      await postgres.start();
      const up = performance.now();
      await until('traffic flows again', () => traffic.lastAnswer() > up, 30_000);
      const failed = traffic.failures.filter(({ from, to }) => to > began && from < performance.now());
      bursts.push(failed.length === 0 ? 0 : Math.max(...failed.map(({ to }) => to)) - up);
      downs.push(up - began);
    }
    await traffic.end();
    const verdict = await ledger.check(checkedAt(target, clients));
    const longest = Math.round(Math.max(...bursts));
    measured(
      'R11',
      `${crashes} crashes: ${traffic.answered()} answered, ${traffic.failures.length} failed, down for at most ${Math.round(Math.max(...downs))} ms, errors until at most ${Math.max(0, longest)} ms after that; ` +
        `${verdict.checked} checked, ${verdict.lost} lost, ${verdict.resurrected} resurrected, ${verdict.doubled} doubled`,
    );
    expect(verdict).toMatchObject(SOUND);
    expect(longest).toBeLessThanOrEqual(RECOVERY_MS);
    expect(traffic.failures.filter(({ status }) => status !== 503)).toEqual([]);
  },
  PATIENCE_MS,
);

describe('R12: no connection is to be had', () => {
  const connections = () =>
    withPostgres(async (client) => {
      const sql = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'postern'`;
      return (await client.query<{ n: number }>(sql)).rows[0]?.n ?? 0;
    });

  test(
    'R12: the tables are locked and the connections used up: waits are bounded, nothing leaks',
    async () => {
      await until('tokens', async () => (await giveToken()).status === 200, RECOVERY_MS);
      const ledger = createLedger();
      const others: pg.Client[] = [];
      const holder = new pg.Client({ connectionString: postgres.url });
      await holder.connect();
      const traffic = startTraffic(target, clients, ledger, { machines: 24, people: 4 });
      await until('traffic flows', () => traffic.answered() > 50, 60_000);

      const began = performance.now();
      await holder.query('BEGIN; LOCK TABLE oidc_payloads IN ACCESS EXCLUSIVE MODE');
      const length = size(5_000, 15_000, 30_000);
      // Whatever the pool does not hold is taken by somebody else.
      for (let taken = true; taken; ) {
        const other = new pg.Client({ connectionString: postgres.url });
        taken = await other.connect().then(
          () => others.push(other) > 0,
          () => false,
        );
      }
      await until('the time is over', () => since(began) > length, length + 1_000);
      const ended = performance.now();
      for (const other of others) await other.end();
      await holder.query('ROLLBACK');
      const back = await until('tokens again', async () => (await giveToken()).status === 200, RECOVERY_MS);
      await until('traffic flows again', () => traffic.lastAnswer() > ended + back + 500, 30_000);
      await traffic.end();
      await holder.end();

      const failures = traffic.failures.filter(
        ({ what, from, to }) => what !== 'authorization' && to > began && from < ended,
      );
      const waits = failures.map(({ from, to }) => to - Math.max(from, began));
      const verdict = await ledger.check(checkedAt(target, clients));
      const after = await connections();
      measured(
        'R12',
        `${CONNECTIONS} connections, all taken, tables locked for ${Math.round(length / 1000)} s: ${failures.length} times 503, ` +
          `p99 ${Math.round(percentile(waits, 0.99))} ms, longest ${Math.round(Math.max(...waits))} ms, back in ${back} ms, ` +
          `${after} connections afterwards (pool of ${POOL}); ${verdict.checked} checked, ${verdict.lost} lost, ` +
          `${verdict.resurrected} resurrected, ${verdict.doubled} doubled`,
      );
      expect(failures.filter(({ status, retryAfter }) => status !== 503 || !retryAfter)).toEqual([]);
      expect(failures.length).toBeGreaterThan(10);
      expect(Math.max(...waits)).toBeLessThanOrEqual(LIMIT_MS);
      // One more listens for what other nodes say.
      expect(after).toBeLessThanOrEqual(POOL + 1);
      expect(verdict).toMatchObject(SOUND);
    },
    PATIENCE_MS,
  );

  test(
    'R12: two pools want more than there is: who comes too late is told so, and has its turn afterwards',
    async () => {
      await until('tokens', async () => (await giveToken()).status === 200, RECOVERY_MS);
      const second = await site.start({}, await freePort());
      try {
        const ledger = createLedger();
        const traffic = startTraffic(target, clients, ledger, { machines: 24, people: 4 });
        await until('traffic flows', () => traffic.answered() > 50, 60_000);
        const there: Asked[] = [];
        const ask = () => tokenAt(second.port, target, clients.machine);
        const began = performance.now();
        const length = size(5_000, 15_000, 30_000);
        const lane = async () => {
          while (since(began) < length) there.push(await ask());
        };
        await Promise.all(Array.from({ length: 12 }, lane));
        await traffic.end();
        // The first gives its idle connections back after ten seconds.
        const served = async () => {
          const answers = await Promise.all(Array.from({ length: 6 }, ask));
          return answers.every(({ status }) => status === 200);
        };
        const back = await until('the second is served', served, 10_000 + RECOVERY_MS);

        const verdict = await ledger.check(checkedAt(target, clients));
        const refused = there.filter(({ status }) => status !== 200);
        const failures = traffic.failures.filter(({ what }) => what !== 'authorization');
        const waits = [
          ...refused.map(({ milliseconds }) => milliseconds),
          ...failures.map(({ from, to }) => to - from),
        ];
        measured(
          'R12',
          `two pools of ${POOL} and ${CONNECTIONS} connections for ${Math.round(length / 1000)} s: ${traffic.answered()} answered and ` +
            `${failures.length} refused here, ${there.length - refused.length} and ${refused.length} there, refused within ` +
            `${Math.round(Math.max(0, ...waits))} ms; all served ${back} ms after; ${verdict.checked} checked, ${verdict.lost} lost, ` +
            `${verdict.resurrected} resurrected, ${verdict.doubled} doubled`,
        );
        expect(refused.length).toBeGreaterThan(0);
        expect(
          [...refused, ...failures].filter(({ status, retryAfter }) => status !== 503 || !retryAfter),
        ).toEqual([]);
        expect(Math.max(...waits)).toBeLessThanOrEqual(LIMIT_MS);
        expect(second.said()).toMatch(/53300|too many clients/);
        expect(verdict).toMatchObject(SOUND);
      } finally {
        await second.stop();
      }
    },
    PATIENCE_MS,
  );
});

/** Of all rows that are written, so many do not come through, half of them each way. */
const CONFLICTS: [share: number, claim: string][] = [
  [0.05, 'hardly anybody hears of it'],
  [0.6, 'who is refused is told when to come again'],
];

describe('R13: PostgreSQL takes back what it was told', () => {
  afterEach(() => withPostgres((client) => client.query('DROP FUNCTION IF EXISTS conflict() CASCADE')));

  test.each(CONFLICTS)(
    'R13: conflicts in %d of all rows: nothing is done twice, %s',
    async (share) => {
      const ledger = createLedger();
      const traffic = startTraffic(target, clients, ledger, { machines: 8, people: 6 });
      await until('traffic flows', () => traffic.answered() > 50, 60_000);
      await withPostgres((client) =>
        client.query(`CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF random() < ${share} THEN
            IF random() < 0.5 THEN RAISE EXCEPTION USING ERRCODE = '40001'; END IF;
            RAISE EXCEPTION USING ERRCODE = '40P01';
          END IF;
          RETURN COALESCE(NEW, OLD); END $$;
          CREATE TRIGGER conflict BEFORE INSERT OR UPDATE OR DELETE ON oidc_payloads
            FOR EACH ROW EXECUTE FUNCTION conflict()`),
      );
      const began = performance.now();
      const answeredBefore = traffic.answered();
      const length = size(5_000, 15_000, 60_000);
      await until('the time is over', () => since(began) > length, length + 1_000);
      const answered = traffic.answered() - answeredBefore;
      await withPostgres((client) => client.query('DROP FUNCTION conflict() CASCADE'));
      await traffic.end();

      const { failures } = traffic;
      const verdict = await ledger.check(checkedAt(target, clients));
      measured(
        'R13',
        `${100 * share} % of rows refused with 40001 or 40P01 for ${Math.round(length / 1000)} s: ${answered} answered, ` +
          `${failures.length} times 503; ` +
          `${verdict.checked} checked, ${verdict.lost} lost, ${verdict.resurrected} resurrected, ${verdict.doubled} doubled`,
      );
      expect(failures.filter(({ status, retryAfter }) => status !== 503 || !retryAfter)).toEqual([]);
      if (share > 0.5) expect(failures.length).toBeGreaterThan(10);
      else expect(failures.length).toBeLessThan(answered / 20);
      expect(answered).toBeGreaterThan(10);
      expect(verdict).toMatchObject(SOUND);
    },
    PATIENCE_MS,
  );
});
