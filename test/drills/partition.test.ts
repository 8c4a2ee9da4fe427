/** R24: one of two nodes loses its way to PostgreSQL. It says so, the other does not notice, and it comes back. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newPlace, type Place } from '../support/command-line.js';
import { measured, percentile, size, until } from '../support/figures.js';
import { freshPostgres } from '../support/postgres.js';
import { freePort } from '../support/free-port.js';
import { type Program, startProgram } from '../support/program.js';
import { sendWire } from '../support/raw.js';
import { openWay, type Way } from '../support/way.js';

const BLOCKED_MS = size(2_000, 20_000, 120_000);
const TIMEOUT = 120_000 + BLOCKED_MS;

let place: Place;
let way: Way;
let basic: string;
/** On its own way to the database, and straight. */
let parted: Program;
let other: Program;

beforeAll(async () => {
  place = newPlace();
  const straight = await freshPostgres();
  const url = new URL(straight);
  way = await openWay({ host: url.hostname, port: Number(url.port) });
  url.hostname = '127.0.0.1';
  url.port = String(way.port);
  const port = await freePort();
  const shared = {
    KEYS_DIR: place.env.KEYS_DIR as string,
    SECRET_KEY: 'two nodes of one service share this secret',
    ISSUER: `http://localhost:${port}`,
    LOG_LEVEL: 'warn',
    RATE_LIMITS: 'off',
  };
  const args = 'client create --json --name Parted --grant-type client_credentials --scope profile';
  const client = (await place.run(args, { env: { ...shared, DATABASE_URL: straight } })).json();
  basic = Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64');
  other = await startProgram(place.folder, { ...shared, DATABASE_URL: straight }, port);
  await other.until(/Stop: Ctrl-C/);
  parted = await startProgram(place.folder, { ...shared, DATABASE_URL: url.href });
  await parted.until(/Stop: Ctrl-C/);
}, TIMEOUT);

afterAll(async () => {
  await Promise.all([parted?.stop(), other?.stop()]);
  await way?.close();
  place?.remove();
});

const readiness = async ({ port }: Program) => (await fetch(`http://127.0.0.1:${port}/readyz`)).status;

/** A write, so that nothing kept in memory can answer for it; the issuer's Host, as a proxy would send it. */
async function tokenOf({
  port,
}: Program): Promise<{ status: number; retryAfter: boolean; milliseconds: number }> {
  const { status, text, milliseconds } = await sendWire(port, {
    method: 'POST',
    path: '/oauth/token',
    headers: {
      host: new URL(other.issuer).host,
      authorization: `Basic ${basic}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: 'grant_type=client_credentials',
  });
  return { status, retryAfter: /^retry-after: [1-9]/im.test(text), milliseconds };
}

describe.each(['cut', 'hang'] as const)('the way to the database: %s', (fault) => {
  test(
    `R24: ${fault}`,
    async () => {
      const ready = async () => (await readiness(parted)) === 200;
      await until('it is ready', ready, 10_000);
      expect((await tokenOf(parted)).status).toBe(200);
      const elsewhere: Awaited<ReturnType<typeof tokenOf>>[] = [];
      let on = true;
      const traffic = (async () => {
        while (on) elsewhere.push(await tokenOf(other));
      })();

      await way[fault]();
      const failed = await until('readiness fails', async () => !(await ready()), 5_000);
      const here: Awaited<ReturnType<typeof tokenOf>>[] = [];
      for (const end = performance.now() + BLOCKED_MS; performance.now() < end; )
        here.push(await tokenOf(parted));
      expect(await readiness(parted)).toBe(503);
      expect((await fetch(`http://127.0.0.1:${parted.port}/livez`)).status).toBe(200);
      expect(await readiness(other)).toBe(200);
      await way.restore();
      const back = await until('it is ready again', ready, 5_000);
      await until('it gives tokens', async () => (await tokenOf(parted)).status === 200, 5_000);
      on = false;
      await traffic;

      measured(
        'R24',
        `${fault} for ${BLOCKED_MS / 1000} s: not ready after ${Math.round(failed)} ms, ${here.length} requests there ` +
          `answered 503, the slowest in ${Math.round(Math.max(...here.map(({ milliseconds }) => milliseconds)))} ms; ` +
          `${elsewhere.length} at the other node, 0 failed, p99 ` +
          `${Math.round(
            percentile(
              elsewhere.map(({ milliseconds }) => milliseconds),
              0.99,
            ),
          )} ms; ready again ${Math.round(back)} ms after`,
      );
      expect(here.filter(({ status, retryAfter }) => status !== 503 || !retryAfter)).toEqual([]);
      expect(Math.max(...here.map(({ milliseconds }) => milliseconds))).toBeLessThan(5_000);
      expect(elsewhere.filter(({ status }) => status !== 200)).toEqual([]);
    },
    TIMEOUT,
  );
});

test('R24: told to stop while its way to the database hangs, it ends in time', async () => {
  way.hang();
  parted.child.kill('SIGTERM');
  const { child } = parted;
  const took = await until('it has ended', () => child.exitCode !== null, 10_000);
  measured('R24', `told to stop while the way hangs: exit ${child.exitCode} after ${took} ms`);
  await way.restore();
}, 60_000);
