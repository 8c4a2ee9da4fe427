/**
 * R23: a proxy drops answers after the server has committed, and the client asks again. A code's retry is refused,
 * so the client begins anew; a refresh's retry within the grace gets the very answer that was lost. Never a fork.
 */
import { createServer, request, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createBrowser } from '../support/browser.js';
import { measured, size } from '../support/figures.js';
import { getCode, introspect, redeem, refresh, type TokenAnswer } from '../support/flow.js';
import { freshPostgres } from '../support/postgres.js';
import { startServer, type TestClient, type TestServer } from '../support/server.js';

const CODES = size(20, 100, 500);
const REFRESHES = size(60, 500, 3000);
const TIMEOUT = 60_000 + (CODES + REFRESHES) * 1_000;
/** Of ten answers one is lost. */
const EVERY = 10;

interface LossyProxy {
  readonly port: number;
  /** What the server had said in the answers that were lost. */
  readonly lost: { status: number; body: string }[];
  to(port: number): void;
  close(): void;
}

/** Passes everything on, and loses some answers of the token endpoint once they have arrived in full. */
async function startLossyProxy(): Promise<LossyProxy> {
  const lost: LossyProxy['lost'] = [];
  let target = 0;
  let answers = 0;
  const server: Server = createServer((asked, answer) => {
    const { method, url: path, headers } = asked;
    const onward = request({ host: '127.0.0.1', port: target, method, path, headers }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      if (path === '/oauth/token') answers += 1;
      if (path === '/oauth/token' && answers % EVERY === 0) {
        lost.push({ status: response.statusCode ?? 0, body: body.toString() });
        asked.socket.destroy();
        return;
      }
      answer.writeHead(response.statusCode ?? 0, response.rawHeaders).end(body);
    });
    onward.on('error', () => asked.socket.destroy());
    asked.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    lost,
    to: (port) => {
      target = port;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Asks again where nothing came back; says whether it had to. */
async function insist(ask: () => Promise<TokenAnswer>): Promise<{ answer: TokenAnswer; again: boolean }> {
  try {
    return { answer: await ask(), again: false };
  } catch {
    return { answer: await ask(), again: true };
  }
}

describe.each(['SQLite', 'PostgreSQL'])('on %s', (database) => {
  let proxy: LossyProxy;
  let server: TestServer;
  let client: TestClient;

  beforeAll(async () => {
    proxy = await startLossyProxy();
    server = await startServer({
      ISSUER: `http://localhost:${proxy.port}`,
      RATE_LIMITS: 'off',
      ...(database === 'PostgreSQL' ? { DATABASE_URL: await freshPostgres() } : {}),
    });
    proxy.to(Number(new URL(server.local).port));
    await server.createAccount();
    client = await server.createClient();
  });

  afterAll(async () => {
    proxy?.close();
    await server?.close();
  });

  test(
    `R23: ${database}, codes: the retry is refused and nothing it gave is good`,
    async () => {
      const browser = createBrowser();
      let restarts = 0;
      for (let round = 0; round < CODES; round += 1) {
        const grant = await getCode(server, client, {}, { browser });
        const { answer, again } = await insist(() => redeem(server, client, grant));
        if (!again) {
          expect(answer.status).toBe(200);
          continue;
        }
        restarts += 1;
        expect([answer.status, answer.body.error]).toEqual([400, 'invalid_grant']);
        const gone = JSON.parse(proxy.lost.at(-1)?.body ?? '{}');
        expect(await introspect(server, client, gone.access_token)).toEqual({ active: false });
        const anew = await insist(async () =>
          redeem(server, client, await getCode(server, client, {}, { browser })),
        );
        expect(anew.answer.status).toBe(200);
      }
      measured(
        'R23',
        `${database}: ${CODES} codes, ${restarts} answers lost: each retry refused, each new start good`,
      );
      expect(restarts).toBeGreaterThan(0);
    },
    TIMEOUT,
  );

  test(
    `R23: ${database}, refreshes: the retry gets the successor that was lost`,
    async () => {
      const first = await insist(async () =>
        redeem(server, client, await getCode(server, client, { scope: 'openid offline_access' })),
      );
      let tokens = first.answer.body;
      const successors = new Map<string, Set<string>>();
      let retried = 0;
      for (let round = 0; round < REFRESHES; round += 1) {
        const parent: string = tokens.refresh_token;
        const { answer, again } = await insist(() => refresh(server, client, parent));
        expect(answer.status).toBe(200);
        const children = successors.get(parent) ?? new Set();
        successors.set(parent, children.add(answer.body.refresh_token));
        if (again) {
          retried += 1;
          const gone = JSON.parse(proxy.lost.at(-1)?.body ?? '{}');
          children.add(gone.refresh_token);
          expect(gone.access_token).toBe(answer.body.access_token);
        }
        tokens = answer.body;
      }
      const forks = [...successors.values()].filter(({ size }) => size > 1).length;
      measured(
        'R23',
        `${database}: ${REFRESHES} refreshes, ${retried} answers lost and asked for again, ${forks} forks`,
      );
      expect(retried).toBeGreaterThanOrEqual(Math.floor(REFRESHES / EVERY) - 1);
      expect(forks).toBe(0);
      expect(await introspect(server, client, tokens.access_token)).toMatchObject({ active: true });
    },
    TIMEOUT,
  );
});
