/**
 * What the database does to the protocol: away, slow, refusing a row, growing. Nothing is answered as done
 * that was not written, nothing is half written, and what has ended is cleared away in good time.
 */
import { afterEach, describe, expect, test } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import pg from 'pg';
import { newUnit } from '../../src/authorization-server/unit-of-work.js';
import { prune } from '../../src/serve/prune.js';
import type { PayloadRow } from '../../src/stores/payload-store.js';
import { createBrowser } from '../support/browser.js';
import { dump } from '../support/dump.js';
import {
  answerOf,
  authorizeUrl,
  getCode,
  getWith,
  introspect,
  newPkce,
  post,
  redeem,
  refresh,
} from '../support/flow.js';
import { freshPostgres } from '../support/postgres.js';
import { startServer, type TestClient, type TestServer } from '../support/server.js';
import { later, realTime } from '../support/time.js';
import { openWay } from '../support/way.js';

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const INVALID_GRANT = { status: 400, body: { error: 'invalid_grant' } };

/** A database that can be taken away and given back while the server runs. */
interface Fault {
  readonly env: Record<string, string>;
  /** What still works without the database, or with no more than reading it. */
  readonly answered: readonly string[];
  begin(server: TestServer): Promise<void>;
  end(): Promise<void>;
  close(): Promise<void>;
}

/** Another process writes for a long time. */
async function lockedSqlite(): Promise<Fault> {
  let other: BetterSqlite3.Database | undefined;
  return {
    env: {},
    // Readers do not wait for a writer.
    answered: ['introspection', 'UserInfo', 'API', 'page'],
    async begin({ container }) {
      other = new BetterSqlite3(container.config.database.file as string);
      other.exec('BEGIN IMMEDIATE');
    },
    async end() {
      other?.exec('ROLLBACK');
    },
    async close() {
      other?.close();
    },
  };
}

/** The way to the server is cut: connections break, new ones are refused. */
async function cutPostgres(): Promise<Fault> {
  const url = new URL(await freshPostgres());
  const way = await openWay({ host: url.hostname, port: Number(url.port) });
  url.hostname = '127.0.0.1';
  url.port = String(way.port);
  return {
    env: { DATABASE_URL: url.href },
    answered: [],
    begin: way.cut,
    end: way.restore,
    close: way.close,
  };
}

const FAULTS: [name: string, prepare: () => Promise<Fault>][] = [
  ['SQLite locked by another process', lockedSqlite],
  ['PostgreSQL out of reach', cutPostgres],
];

const undo: (() => unknown)[] = [];
afterEach(async () => {
  realTime();
  for (const step of undo.splice(0).reverse()) await step();
});

async function serverWith(env: Record<string, string>): Promise<{ server: TestServer; client: TestClient }> {
  const server = await startServer(env);
  undo.push(() => server.close());
  await server.createAccount('alice');
  const client = await server.createClient({
    grant_types: ['authorization_code', 'refresh_token', DEVICE_GRANT],
  });
  return { server, client };
}

describe.each(FAULTS)('%s', (_name, prepare) => {
  test('writes are 503 with Retry-After, never 200 and never 500; afterwards all goes on', async () => {
    const fault = await prepare();
    undo.push(() => fault.close());
    const { server, client } = await serverWith({ DATABASE_TIMEOUT_MS: '1000', ...fault.env });
    const browser = createBrowser();
    const tokens = (await redeem(server, client, await getCode(server, client, {}, { browser }))).body;
    const device = (await post(server, '/oauth/device_authorization', { scope: 'openid' }, client)).body;
    const grant = await getCode(server, client, {}, { browser });
    const { challenge } = newPkce();
    const pkce = { code_challenge: challenge, code_challenge_method: 'S256' };
    const authorization = authorizeUrl(server, client, pkce);
    const pushed = { ...Object.fromEntries(new URL(authorization).searchParams), ...pkce };
    const login = await createBrowser().get(server.url('/login'));

    await fault.begin(server);
    const attempts: Record<string, Promise<{ status: number; headers: Headers }>> = {
      code: redeem(server, client, grant),
      refresh: refresh(server, client, tokens.refresh_token),
      device: post(
        server,
        '/oauth/token',
        { grant_type: DEVICE_GRANT, device_code: device.device_code },
        client,
      ),
      revocation: post(server, '/oauth/revoke', { token: tokens.access_token }, client),
      PAR: post(server, '/oauth/par', pushed, client),
      'device authorization': post(server, '/oauth/device_authorization', { scope: 'openid' }, client),
      authorization: browser.get(authorization),
      'sign-in': browser
        .submit(login, '/login', { username: 'alice', password: 'guessed' })
        .catch(() => login),
      introspection: post(server, '/oauth/introspect', { token: tokens.access_token }, client),
      UserInfo: getWith(server, '/oauth/userinfo', tokens.access_token),
      API: getWith(server, '/api/me', tokens.access_token),
      page: browser.get(server.url('/')),
    };
    const answers: Record<string, unknown> = {};
    for (const [name, attempt] of Object.entries(attempts)) {
      const { status, headers } = await attempt;
      answers[name] = status === 503 ? `503 ${Number(headers.get('retry-after')) > 0}` : status;
    }
    delete answers['sign-in'];
    const expected = Object.keys(answers).map((name) => [
      name,
      fault.answered.includes(name) ? 200 : '503 true',
    ]);
    expect(answers).toEqual(Object.fromEntries(expected));
    expect((await getWith(server, '/livez')).status).toBe(200);

    await fault.end();
    expect(await redeem(server, client, grant)).toMatchObject({ status: 200 });
    expect(await refresh(server, client, tokens.refresh_token)).toMatchObject({ status: 200 });
    expect((await getWith(server, '/oauth/userinfo', tokens.access_token)).status).toBe(200);
    expect(answerOf(await browser.get(authorization)).get('code')).toBeTruthy();
    expect(server.logs.filter((line) => line.includes('"status":500'))).toEqual([]);
  });
});

/** Makes the database refuse rows of a kind; answers how to stop that. */
async function refuseRows({ container }: TestServer, kind: string): Promise<() => Promise<void>> {
  const { database } = container.config;
  if (database.dialect === 'sqlite') {
    const handle = new BetterSqlite3(database.file as string);
    handle.exec(`CREATE TRIGGER refuse BEFORE INSERT ON oidc_payloads WHEN NEW.kind = '${kind}'
      BEGIN SELECT RAISE(ABORT, 'refused'); END`);
    return async () => {
      handle.exec('DROP TRIGGER refuse');
      handle.close();
    };
  }
  const client = new pg.Client({ connectionString: database.connectionString as string });
  await client.connect();
  await client.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'refused'; END $$`);
  await client.query(`CREATE TRIGGER refuse BEFORE INSERT ON oidc_payloads FOR EACH ROW
    WHEN (NEW.kind = '${kind}') EXECUTE FUNCTION refuse()`);
  return async () => {
    await client.query('DROP TRIGGER refuse ON oidc_payloads');
    await client.end();
  };
}

const envOf = async (dialect: string): Promise<Record<string, string>> =>
  dialect === 'PostgreSQL' ? { DATABASE_URL: await freshPostgres() } : {};

describe.each(['SQLite', 'PostgreSQL'])('on %s', (dialect) => {
  test('a unit of which one row fails leaves nothing: code and refresh token stay good', async () => {
    const { server, client } = await serverWith(await envOf(dialect));
    const grant = await getCode(server, client);
    const tokens = (await redeem(server, client, await getCode(server, client))).body;
    const before = (await dump(server.container.config)).length;

    const allow = await refuseRows(server, 'RefreshToken');
    expect((await redeem(server, client, grant)).status).toBe(500);
    expect((await refresh(server, client, tokens.refresh_token)).status).toBe(500);
    expect((await dump(server.container.config)).length).toBe(before);
    await allow();

    expect(await redeem(server, client, grant)).toMatchObject({ status: 200 });
    const next = await refresh(server, client, tokens.refresh_token);
    expect(next.status).toBe(200);
    expect(await introspect(server, client, next.body.access_token)).toMatchObject({ active: true });
  });

  test('a token that is not stored is not given for a grant that has ended meanwhile', async () => {
    const { server } = await serverWith(await envOf(dialect));
    const resource = 'https://data.example/api';
    await server.container.resources.create({ identifier: resource, scopes: ['read'], token_format: 'jwt' });
    const client = await server.createClient({ grant_types: ['authorization_code'], scope: 'openid read' });
    const { payloads } = server.container;
    const { apply } = payloads;
    const codeFor = () => getCode(server, client, { scope: 'read', resource });
    const grant = await codeFor();
    payloads.apply = async (unit) => {
      payloads.apply = apply;
      expect([unit.use !== undefined, unit.put.size]).toEqual([true, 0]);
      await payloads.revokeGrants({ clientId: client.clientId }, server.clock.now());
      return apply(unit);
    };
    expect(await redeem(server, client, grant, { resource })).toMatchObject(INVALID_GRANT);
    expect(await redeem(server, client, await codeFor(), { resource })).toMatchObject({ status: 200 });
  });

  test('a request under way does not bring back the session that a sign-out ended', async () => {
    const { server, client } = await serverWith(await envOf(dialect));
    const browser = createBrowser();
    await getCode(server, client, {}, { browser });
    const thief = browser.copy();
    const { payloads } = server.container;
    const { apply } = payloads;
    let signedOut: Promise<unknown> | undefined;
    payloads.apply = async (unit) => {
      const saving = [...unit.put.values()].some((row) => row?.kind === 'Session');
      if (saving && !signedOut) {
        // Just before the authorization request saves the session it has read.
        signedOut = (async () => {
          const page = await browser.get(server.url('/logout'));
          return browser.submit(page, '/logout', { logout: 'yes' });
        })();
        await signedOut;
      }
      return apply(unit);
    };
    undo.push(() => {
      payloads.apply = apply;
    });
    // For a client the session knows nothing of yet, so that there is something to save.
    const other = await server.createClient();
    await thief.get(authorizeUrl(server, other, pkceParams()));
    expect(await signedOut).toMatchObject({ status: 303 });
    const silent = await thief.get(authorizeUrl(server, client, { ...pkceParams(), prompt: 'none' }));
    expect(answerOf(silent).get('error')).toBe('login_required');
  });

  test('a session that a request leaves as it was is not saved, but for prolonging it now and then', async () => {
    const { server, client } = await serverWith(await envOf(dialect));
    const browser = createBrowser();
    await getCode(server, client, {}, { browser });
    const { payloads } = server.container;
    const { apply } = payloads;
    let saved = 0;
    payloads.apply = (unit) => {
      for (const row of unit.put.values()) if (row?.kind === 'Session') saved += 1;
      return apply(unit);
    };
    await getCode(server, client, {}, { browser });
    expect(saved).toBe(0);
    later(2 * 3600);
    await getCode(server, client, {}, { browser });
    expect(saved).toBe(1);
  });

  test('requests of one browser that meet share a grant: all of their codes are good', async () => {
    const { server, client } = await serverWith(await envOf(dialect));
    const browser = createBrowser();
    const replayed = await getCode(server, client, {}, { browser });
    await redeem(server, client, replayed);
    // A replay ends the grant; the session still points at it.
    expect(await redeem(server, client, replayed)).toMatchObject(INVALID_GRANT);
    const grants = await Promise.all(
      Array.from({ length: 6 }, () => getCode(server, client, {}, { browser: browser.copy() })),
    );
    for (const grant of grants) {
      const answer = await redeem(server, client, grant);
      expect(answer.status).toBe(200);
      expect((await getWith(server, '/oauth/userinfo', answer.body.access_token)).status).toBe(200);
    }
  });
});

const pkceParams = () => ({ code_challenge: newPkce().challenge, code_challenge_method: 'S256' });

describe.each(['SQLite', 'PostgreSQL'])('growth on %s', (dialect) => {
  const rows = async (server: TestServer) =>
    (await dump(server.container.config)).filter(({ place }) => place.endsWith('oidc_payloads.kind')).length;

  test('what strangers leave is gone ten minutes after its end, not before (A127)', async () => {
    const { server, client } = await serverWith(await envOf(dialect));
    const before = await rows(server);
    for (let index = 0; index < 20; index += 1) {
      const stranger = createBrowser();
      expect((await stranger.get(authorizeUrl(server, client, pkceParams()))).status).toBe(303);
    }
    const grown = await rows(server);
    expect(grown - before).toBeGreaterThanOrEqual(20);
    later(3600 + 9 * 60);
    expect(await prune(server.container)).toBe(0);
    expect(await rows(server)).toBe(grown);
    // A session without an account lasts no longer than the request it was begun for.
    later(2 * 60);
    await prune(server.container);
    expect(await rows(server)).toBe(before);
  });

  test('rows go in batches of at most a thousand, and live ones stay', async () => {
    const { server } = await serverWith(await envOf(dialect));
    const { payloads, clock } = server.container;
    const ended: PayloadRow = {
      key: '',
      kind: 'Interaction',
      grantKey: null,
      sessionUid: null,
      userCode: null,
      accountId: null,
      clientId: null,
      expiresAt: clock.now() - 11 * 60_000,
      payload: '{}',
      sealed: null,
    };
    const put = new Map<string, PayloadRow>();
    for (let index = 0; index < 2500; index += 1) put.set(`old-${index}`, { ...ended, key: `old-${index}` });
    put.set('young', { ...ended, key: 'young', expiresAt: clock.now() - 9 * 60_000 });
    const entries = [...put];
    for (let start = 0; start < entries.length; start += 500) {
      const part = new Map(entries.slice(start, start + 500));
      await payloads.apply({ ...newUnit(), put: part });
    }
    const batches: [limit: number, removed: number][] = [];
    const watched = {
      async prune(until: number, limit: number) {
        const removed = await payloads.prune(until, limit);
        batches.push([limit, removed]);
        return removed;
      },
    };
    expect(await prune({ ...server.container, payloads: watched })).toBe(2500);
    const [[most] = [0]] = batches;
    expect(most).toBe(dialect === 'SQLite' ? 20 : 1000);
    expect(batches.every(([limit, removed]) => limit === most && removed <= most)).toBe(true);
    expect(batches.length).toBe(Math.floor(2500 / most) + 1);
    expect(await payloads.find('young')).toBeDefined();
  });

  test('a code used again after its end, but within ten minutes, still ends what it gave', async () => {
    const { server, client } = await serverWith(await envOf(dialect));
    const grant = await getCode(server, client);
    const { body } = await redeem(server, client, grant);
    later(60 + 9 * 60);
    await prune(server.container);
    expect((await getWith(server, '/oauth/userinfo', body.access_token)).status).toBe(200);
    expect(await redeem(server, client, grant)).toMatchObject(INVALID_GRANT);
    expect((await getWith(server, '/oauth/userinfo', body.access_token)).status).toBe(401);
    expect(await refresh(server, client, body.refresh_token)).toMatchObject(INVALID_GRANT);
  });

  test('a refresh token used again long after its successor was taken ends the family', async () => {
    const { server, client } = await serverWith(await envOf(dialect));
    const first = (await redeem(server, client, await getCode(server, client))).body;
    const second = (await refresh(server, client, first.refresh_token)).body;
    later(24 * 3600);
    await prune(server.container);
    expect(await refresh(server, client, first.refresh_token)).toMatchObject(INVALID_GRANT);
    expect(await refresh(server, client, second.refresh_token)).toMatchObject(INVALID_GRANT);
  });
});
