/** `/metrics` (contract §2): absent unless asked for, behind its token or on its own port, of all processes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../support/free-port.js';
import { type Program, startProgram } from '../support/program.js';
import { startServer } from '../support/server.js';

const PATIENCE_MS = 180_000;
const TOKEN = 'a-token-that-only-prometheus-knows';

/** What the first test of the workers has asked. */
const expectCounted = (text: string) => {
  // One more: who asked for `/metrics` at the main port.
  for (const [route, count] of [
    ['/oauth/token', 10],
    ['other', 11],
  ]) {
    expect(text).toContain(
      `\npostern_http_request_duration_seconds_count{route="${route}",status="4xx"} ${count}\n`,
    );
  }
};

describe('without METRICS_PORT and METRICS_TOKEN', () => {
  test('there is no /metrics', async () => {
    const server = await startServer();
    expect((await fetch(server.url('/metrics'))).status).toBe(404);
    await server.close();
  });
});

describe('two workers', () => {
  let folder: string;
  let program: Program;
  let metricsPort: number;

  const scrape = (token?: string, path = '/metrics', method = 'GET') =>
    fetch(`http://127.0.0.1:${metricsPort}${path}`, {
      method,
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postern-metrics-'));
    metricsPort = await freePort();
    program = await startProgram(folder, {
      WORKERS: '2',
      METRICS_PORT: String(metricsPort),
      METRICS_TOKEN: TOKEN,
    });
    await program.until(/Stop: Ctrl-C/);
  }, PATIENCE_MS);

  afterAll(async () => {
    await program?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('the token is asked for, and nothing else is there', async () => {
    expect((await scrape()).status).toBe(401);
    expect((await scrape('wrong')).headers.get('www-authenticate')).toBe('Bearer');
    expect((await scrape(TOKEN, '/livez')).status).toBe(404);
    expect((await scrape(TOKEN, '/metrics', 'POST')).status).toBe(405);
    expect(
      (await fetch(`${program.issuer}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } })).status,
    ).toBe(404);
  });

  test('requests of both are counted, by route, with nothing personal', async () => {
    // A connection each, so that both workers get some.
    for (let index = 0; index < 10; index += 1) {
      await fetch(`${program.issuer}/oauth/token`, {
        method: 'POST',
        headers: { connection: 'close' },
        body: new URLSearchParams({
          grant_type: 'password',
          username: 'somebody',
          password: 'secret',
          client_id: 'x',
        }),
      });
      await fetch(`${program.issuer}/no/such/${index}`, { headers: { connection: 'close' } });
      for (const path of ['/jwks', '/oauth/jwks.json'])
        await fetch(program.issuer + path, { headers: { connection: 'close' } });
    }
    const text = await (await scrape(TOKEN)).text();
    expectCounted(text);
    // Under either name: who asks first is answered at the other address.
    const keySets = text.matchAll(/_count\{route="[^"]*\/jwks(?:\.json)?",status="2xx"\} (\d+)/g);
    expect([...keySets].reduce((sum, [, count]) => sum + Number(count), 0)).toBe(20);
    expect(text).not.toMatch(/somebody|secret|no\/such/);
    expect(text).toMatch(/^postern_build_info\{version="/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_seconds /m);
  });

  test('the counts of workers that are exchanged stay', async () => {
    program.child.kill('SIGHUP');
    await program.until(/"reloaded"/);
    await program.until(/"stopped"[\s\S]*"stopped"/);
    expectCounted(await (await scrape(TOKEN)).text());
  });
});

describe('METRICS_TOKEN alone', () => {
  test(
    'serves them on the main port, of all processes',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'postern-metrics-'));
      const program = await startProgram(folder, { WORKERS: '2', METRICS_TOKEN: TOKEN });
      await program.until(/Stop: Ctrl-C/);
      const url = `http://127.0.0.1:${program.port}/metrics`;
      expect((await fetch(url)).status).toBe(401);
      // Any Host will do: Prometheus knows a node by its address.
      const headers = { authorization: `Bearer ${TOKEN}`, host: 'node-7.internal' };
      const answer = await fetch(url, { headers });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
      expect(await program.stop()).toBe(0);
      rmSync(folder, { recursive: true, force: true });
    },
    PATIENCE_MS,
  );
});
