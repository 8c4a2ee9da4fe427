/** R24: one of two nodes loses its way to PostgreSQL. It says so, the other does not notice, and it comes back. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Balancer, startBalancer } from '../support/balancer.js';
import { newPlace, type Place } from '../support/command-line.js';
import { measured, percentile, size, until } from '../support/figures.js';
import { freshPostgres } from '../support/postgres.js';
import { freePort } from '../support/free-port.js';
import { type Program, startProgram } from '../support/program.js';
import { type Asked, tokenAt } from '../support/token-at.js';
import { openWay, type Way } from '../support/way.js';

const BLOCKED_MS = size(2_000, 20_000, 120_000);
const TIMEOUT = 120_000 + BLOCKED_MS;

let place: Place;
let way: Way;
let issuer: string;
let client: { clientId: string; secret: string };
/** On its own way to the database, and straight. */
let parted: Program;
let other: Program;
let proxy: Proxy;

interface Proxy {
  readonly balancer: Balancer;
  sendsTo(node: Program): boolean;
  close(): Promise<void>;
}

beforeAll(async () => {
  place = newPlace();
  const straight = await freshPostgres();
  const url = new URL(straight);
  way = await openWay({ host: url.hostname, port: Number(url.port) });
  url.hostname = '127.0.0.1';
  url.port = String(way.port);
  issuer = `http://localhost:${await freePort()}`;
  const shared = {
    KEYS_DIR: place.env.KEYS_DIR as string,
    SECRET_KEY: 'two nodes of one service share this secret',
    ISSUER: issuer,
    LOG_LEVEL: 'warn',
    RATE_LIMITS: 'off',
  };
  const args = 'client create --json --name Parted --grant-type client_credentials --scope profile';
  const made = (await place.run(args, { env: { ...shared, DATABASE_URL: straight } })).json();
  client = { clientId: made.client_id, secret: made.client_secret };
  other = await startProgram(place.folder, { ...shared, DATABASE_URL: straight });
  await other.until(/Stop: Ctrl-C/);
  parted = await startProgram(place.folder, { ...shared, DATABASE_URL: url.href });
  await parted.until(/Stop: Ctrl-C/);
  proxy = await startProxy();
}, TIMEOUT);

afterAll(async () => {
  await proxy?.close();
  await Promise.all([parted?.stop(), other?.stop()]);
  await way?.close();
  place?.remove();
});

const ask = ({ port }: Pick<Program, 'port'>) => tokenAt(port, { issuer }, client);
const readiness = async ({ port }: Program) => (await fetch(`http://127.0.0.1:${port}/readyz`)).status;

/** The two nodes behind a proxy that asks each, four times a second, whether it is ready. */
async function startProxy(): Promise<Proxy> {
  const healthy = new Set<number>();
  let on = true;
  const watch = async (node: Program) => {
    while (on) {
      if ((await readiness(node).catch(() => 0)) === 200) healthy.add(node.port);
      else healthy.delete(node.port);
      await sleep(250);
    }
  };
  const watching = [parted, other].map(watch);
  const balancer = await startBalancer(Number(new URL(issuer).port), () => [...healthy]);
  return {
    balancer,
    sendsTo: ({ port }) => healthy.has(port),
    async close() {
      on = false;
      await Promise.all(watching);
      await balancer.close();
    },
  };
}

describe.each(['cut', 'hang'] as const)('the way to the database: %s', (fault) => {
  test(
    `R24: ${fault}`,
    async () => {
      const ready = async () => (await readiness(parted)) === 200;
      await until('it is ready', ready, 10_000);
      expect((await ask(parted)).status).toBe(200);
      const elsewhere: Asked[] = [];
      const proxied: (Asked & { readonly from: number })[] = [];
      const atProxy = { port: Number(new URL(issuer).port) };
      let on = true;
      const traffic = [
        (async () => {
          while (on) elsewhere.push(await ask(other));
        })(),
        (async () => {
          while (on) proxied.push({ from: performance.now(), ...(await ask(atProxy)) });
        })(),
      ];

      await way[fault]();
      const failed = await until('readiness fails', async () => !(await ready()), 5_000);
      await until('the proxy knows', async () => !proxy.sendsTo(parted), 5_000);
      const [known, before] = [performance.now(), proxy.balancer.answered.get(parted.port)];
      const here: Asked[] = [];
      for (const end = performance.now() + BLOCKED_MS; performance.now() < end; )
        here.push(await ask(parted));
      expect(await readiness(parted)).toBe(503);
      expect((await fetch(`http://127.0.0.1:${parted.port}/livez`)).status).toBe(200);
      expect(await readiness(other)).toBe(200);
      // One may have been on its way to it when the proxy heard.
      expect((proxy.balancer.answered.get(parted.port) ?? 0) - (before ?? 0)).toBeLessThanOrEqual(1);
      const restored = performance.now();
      await way.restore();
      const back = await until('it is ready again', ready, 5_000);
      await until('it gives tokens', async () => (await ask(parted)).status === 200, 5_000);
      await until('it is sent requests again', async () => proxy.sendsTo(parted), 5_000);
      on = false;
      await Promise.all(traffic);
      const unnoticed = proxied.filter(
        ({ from, milliseconds }) => from > known && from + milliseconds < restored,
      );

      measured(
        'R24',
        `${fault} for ${BLOCKED_MS / 1000} s: not ready after ${Math.round(failed)} ms, ${here.length} requests there ` +
          `answered 503, the slowest in ${Math.round(Math.max(...here.map(({ milliseconds }) => milliseconds)))} ms; ` +
          `${unnoticed.length} through a proxy once it knew, ${elsewhere.length} at the other node, 0 failed, p99 ` +
          `${Math.round(
            percentile(
              elsewhere.map(({ milliseconds }) => milliseconds),
              0.99,
            ),
          )} ms; ready again ${Math.round(back)} ms after`,
      );
      expect(here.filter(({ status, retryAfter }) => status !== 503 || !retryAfter)).toEqual([]);
      expect(Math.max(...here.map(({ milliseconds }) => milliseconds))).toBeLessThan(5_000);
      expect([...elsewhere, ...unnoticed].filter(({ status }) => status !== 200)).toEqual([]);
      expect(unnoticed.length).toBeGreaterThan(10);
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
  expect(child.exitCode).toBe(0);
  await way.restore();
}, 60_000);
