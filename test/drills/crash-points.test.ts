/**
 * R25: the program ends, as by a power cut, at each write of a code exchange, a refresh, a revocation, a sign-up and
 * a link, and before the answer. After the restart either nothing has happened or everything, and doing it again
 * leads to one whole outcome.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import pg from 'pg';
import { type Browser, createBrowser } from '../support/browser.js';
import { measured, SHORT } from '../support/figures.js';
import { getCode, introspect, post, redeem, refresh, signIn } from '../support/flow.js';
import { ADA, upstreamOf } from '../support/login-world.js';
import { freshPostgres } from '../support/postgres.js';
import { freePort } from '../support/free-port.js';
import { type Program, startProgram } from '../support/program.js';
import { PASSWORD, startServer, type TestClient, type TestServer } from '../support/server.js';
import { type OidcUpstream, startOidcUpstream } from '../support/upstreams.js';

const CRASH = `--import ${new URL('../support/crash-points.mjs', import.meta.url).href}`;
const TIMEOUT = 1_800_000;
/** In `npm test`: the write that consumes the code, the revocation's commit, and everything written but not told. */
const FEW: Readonly<Record<string, readonly string[]>> = {
  'code exchange': ['after:1', 'reply'],
  refresh: ['after:1'],
  revocation: ['before:commit'],
  'sign-up': ['reply'],
};

interface Scene {
  /** The request that is ended. */
  act(): Promise<unknown>;
  /** After the restart: what had come of it; throws where that is something between nothing and all. */
  judge(): Promise<'nothing' | 'all'>;
}

interface World {
  readonly server: TestServer;
  readonly client: TestClient;
  readonly upstream: OidcUpstream;
  /** Rows the database holds now. */
  count(from: string): Promise<number>;
  /** A name nobody has. */
  fresh(): string;
}

const rowsOf = (kind: string, more = '') => `oidc_payloads WHERE kind = '${kind}'${more}`;

const SCENES: Record<string, (world: World) => Promise<Scene>> = {
  async 'code exchange'({ server, client, count }) {
    const grant = await getCode(server, client, { scope: 'openid offline_access' });
    const state = async () => ({
      consumed: await count(rowsOf('AuthorizationCode', ' AND consumed_at IS NOT NULL')),
      access: await count(rowsOf('AccessToken')),
      refresh: await count(rowsOf('RefreshToken')),
    });
    const before = await state();
    return {
      act: () => redeem(server, client, grant),
      async judge() {
        const after = await state();
        const done = after.consumed - before.consumed;
        expect([after.access - before.access, after.refresh - before.refresh]).toEqual([done, done]);
        const again = await redeem(server, client, grant);
        expect(again.status).toBe(done === 1 ? 400 : 200);
        expect((await redeem(server, client, grant)).body.error).toBe('invalid_grant');
        return done === 1 ? 'all' : 'nothing';
      },
    };
  },

  async refresh({ server, client, count }) {
    const first = await redeem(
      server,
      client,
      await getCode(server, client, { scope: 'openid offline_access' }),
    );
    const parent: string = first.body.refresh_token;
    const before = await count(rowsOf('RefreshToken'));
    const consumed = await count(rowsOf('RefreshToken', ' AND consumed_at IS NOT NULL'));
    return {
      act: () => refresh(server, client, parent),
      async judge() {
        const done = (await count(rowsOf('RefreshToken'))) - before;
        expect((await count(rowsOf('RefreshToken', ' AND consumed_at IS NOT NULL'))) - consumed).toBe(done);
        // Within the grace: the successor that was never told, or now the first one.
        const again = await refresh(server, client, parent);
        expect(again.status).toBe(200);
        expect((await count(rowsOf('RefreshToken'))) - before).toBe(1);
        expect((await refresh(server, client, again.body.refresh_token)).status).toBe(200);
        return done === 1 ? 'all' : 'nothing';
      },
    };
  },

  async revocation({ server, client }) {
    const { body } = await redeem(
      server,
      client,
      await getCode(server, client, { scope: 'openid offline_access' }),
    );
    const tokens: string[] = [body.access_token, body.refresh_token];
    const live = () =>
      Promise.all(tokens.map(async (token) => (await introspect(server, client, token)).active));
    const revoke = () => post(server, '/oauth/revoke', { token: body.refresh_token }, client);
    return {
      act: revoke,
      async judge() {
        const [access, refreshed] = await live();
        expect(refreshed).toBe(access);
        expect((await revoke()).status).toBe(200);
        expect(await live()).toEqual([false, false]);
        return access ? 'nothing' : 'all';
      },
    };
  },

  async 'sign-up'({ server, count, fresh }) {
    const username = fresh();
    const signUp = async (browser: Browser) =>
      browser.submit(await browser.get(server.url('/signup')), '/signup', { username, password: PASSWORD });
    const browser = createBrowser();
    const form = await browser.get(server.url('/signup'));
    return {
      act: () => browser.submit(form, '/signup', { username, password: PASSWORD }),
      async judge() {
        const done = await count(`accounts WHERE username = '${username}'`);
        if (done === 0) expect((await signUp(createBrowser())).status).toBe(303);
        await signIn(server, createBrowser(), username);
        expect((await signUp(createBrowser())).status).not.toBe(303);
        return done === 1 ? 'all' : 'nothing';
      },
    };
  },

  async link({ server, upstream, count, fresh }) {
    const browser = createBrowser();
    const username = fresh();
    await browser.submit(await browser.get(server.url('/signup')), '/signup', {
      username,
      password: PASSWORD,
    });
    if (browser.cookie('postern_session') === undefined) await signIn(server, browser, username);
    upstream.person = {
      ...ADA,
      sub: `sub-${username}`,
      preferred_username: username,
      email: `${username}@there.example`,
    };
    const identities = `federated_identities WHERE subject = 'sub-${username}'`;
    const go = async () =>
      upstreamOf(browser, await browser.get(server.url('/oauth/login/lab/')), server.issuer);
    const callback = await go();
    return {
      act: () => browser.get(callback),
      async judge() {
        const done = await count(identities);
        if (done === 0) expect((await browser.get(await go())).location).toContain('done=linked');
        expect(await count(identities)).toBe(1);
        const elsewhere = createBrowser();
        const begun = await elsewhere.get(server.url('/oauth/login/lab/'));
        await elsewhere.get(await upstreamOf(elsewhere, begun, server.issuer));
        expect((await elsewhere.get(server.url('/'))).text).toContain(`<bdi>${username}<`);
        return done === 1 ? 'all' : 'nothing';
      },
    };
  },
};

describe.each(SHORT ? ['SQLite'] : ['SQLite', 'PostgreSQL'])('on %s', (database) => {
  let folder: string;
  let upstream: OidcUpstream;
  let env: Record<string, string>;
  let world: World;
  let program: Program;
  let port: number;

  async function start(): Promise<void> {
    program = await startProgram(folder, env, port);
    await program.until(/Stop: Ctrl-C/);
  }

  async function count(from: string): Promise<number> {
    const text = `SELECT count(*) AS n FROM ${from}`;
    const url = env.DATABASE_URL as string;
    if (database === 'SQLite') {
      const file = new BetterSqlite3(url.replace('sqlite:', ''), { readonly: true });
      try {
        return file.prepare<[], number>(text).pluck().get() ?? 0;
      } finally {
        file.close();
      }
    }
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return Number((await client.query(text)).rows[0].n);
    } finally {
      await client.end();
    }
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postern-crash-'));
    port = await freePort();
    const issuer = `http://localhost:${port}`;
    upstream = await startOidcUpstream({ redirectUris: [`${issuer}/oauth/authorized/lab/`] });
    env = {
      ISSUER: issuer,
      DATABASE_URL:
        database === 'SQLite' ? `sqlite:${join(folder, 'postern.sqlite')}` : await freshPostgres(),
      KEYS_DIR: join(folder, 'keys'),
      SECRET_KEY: 'the crashes have a secret of their own, long enough',
      LOG_LEVEL: 'warn',
      REFRESH_GRACE: '60',
      RATE_LIMITS: 'off',
      UPSTREAM_LAB_ISSUER: upstream.issuer,
      UPSTREAM_LAB_CLIENT_ID: upstream.clientId,
      UPSTREAM_LAB_CLIENT_SECRET: upstream.clientSecret,
      NODE_OPTIONS: CRASH,
    };
    const before = await startServer(env);
    await before.createAccount();
    const client = await before.createClient();
    await before.close();
    let made = 0;
    const server = { issuer, url: (path: string) => `${issuer}${path}` } as TestServer;
    const fresh = () => {
      made += 1;
      return `person${made}`;
    };
    world = { server, client, upstream, count, fresh };
    await start();
  }, TIMEOUT);

  afterAll(async () => {
    await program?.stop();
    await upstream?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const control = async (word: string): Promise<string[]> =>
    (await (await fetch(`http://localhost:${port}/__crash${word}`)).json()) as string[];

  /** The writes of a request, by a run that is let through. */
  async function writesOf(scene: Scene): Promise<string[]> {
    await control('/record');
    await scene.act();
    return control('');
  }

  function pointsOf(name: string, writes: readonly string[]): string[] {
    const all = ['before:0', ...writes.map((_, index) => `after:${index}`), 'reply'];
    const commit = writes.findLastIndex((write) => write.startsWith('commit'));
    const wanted = FEW[name] ?? [];
    return SHORT ? wanted.map((point) => (point === 'before:commit' ? `after:${commit - 1}` : point)) : all;
  }

  const scenes = Object.entries(SCENES).filter(([name]) => !SHORT || FEW[name] !== undefined);

  test.each(scenes)(
    `R25: ${database}, %s`,
    async (name, prepare) => {
      const writes = await writesOf(await prepare(world));
      expect(writes.length).toBeGreaterThan(0);
      const outcomes: string[] = [];
      for (const point of pointsOf(name, writes)) {
        const scene = await prepare(world);
        await control(`/${point}`);
        await expect(scene.act()).rejects.toThrow(/fetch failed|terminated/);
        expect(await program.ended).not.toBe(0);
        await start();
        const outcome = await scene.judge().catch((error: Error) => {
          throw new Error(`${point} of ${writes.join(', ')}: ${error.message}`, { cause: error });
        });
        outcomes.push(`${point} ${outcome}`);
      }
      measured(
        'R25',
        `${database}, ${name} (${writes.join('; ')}): ${outcomes.length} points: ${outcomes.join(', ')}`,
      );
      // Before the first write nothing can have happened, before the answer everything has.
      if (!SHORT) expect([outcomes[0], outcomes.at(-1)]).toEqual(['before:0 nothing', 'reply all']);
    },
    TIMEOUT,
  );
});
