/** Tabs of one browser whose requests meet: none of them loses what it got, and signing out ends them all. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { StoredPayload } from '../../src/stores/payload-store.js';
import { type Browser, createBrowser, type Page } from '../support/browser.js';
import {
  answerOf,
  authorizeUrl,
  getCode,
  getWith,
  newPkce,
  type Pkce,
  redeem,
  signIn,
  walk,
} from '../support/flow.js';
import { freshPostgres } from '../support/postgres.js';
import { PASSWORD, startServer, type TestClient, type TestServer } from '../support/server.js';
import { later, realTime } from '../support/time.js';

const ROUNDS = 10;
const COOKIE = 'postern_session';

describe.each(['SQLite', 'PostgreSQL'])('on %s', (dialect) => {
  let server: TestServer;
  let clients: TestClient[];
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer(dialect === 'PostgreSQL' ? { DATABASE_URL: await freshPostgres() } : {});
    await server.createAccount('alice');
    await server.createAccount('mallory');
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    browser = createBrowser();
    clients = [await server.createClient(), await server.createClient()];
  });
  afterEach(realTime);

  const open = (who: Browser, client: TestClient, pkce: Pkce, more = {}): Promise<Page> =>
    who.get(
      authorizeUrl(server, client, {
        code_challenge: pkce.challenge,
        code_challenge_method: 'S256',
        ...more,
      }),
    );
  const isSignedIn = async (who: Browser) => (await who.get(server.url('/account'))).status === 200;
  const userinfo = async (token: string) => (await getWith(server, '/oauth/userinfo', token)).status;

  async function signOut(who: Browser): Promise<void> {
    const page = await who.get(server.url('/logout'));
    expect((await who.submit(page, '/logout', { logout: 'yes' })).status).toBe(303);
  }

  /** Redeems what the tabs got; answers their access tokens. */
  async function redeemAll(ends: readonly Page[], pkces: readonly Pkce[]): Promise<string[]> {
    const tokens: string[] = [];
    for (const [index, end] of ends.entries()) {
      const code = answerOf(end).get('code') as string;
      const grant = { code, pkce: pkces[index] as Pkce, browser };
      const answer = await redeem(server, clients[index] as TestClient, grant);
      expect(answer).toMatchObject({ status: 200 });
      tokens.push(answer.body.access_token);
    }
    for (const token of tokens) expect(await userinfo(token)).toBe(200);
    return tokens;
  }

  /** One tab for each client, all at the same time, in one browser. */
  const inTabs = (visit: (client: TestClient, pkce: Pkce) => Promise<Page>) => {
    const pkces = clients.map(newPkce);
    return Promise.all(clients.map((client, index) => visit(client, pkces[index] as Pkce))).then((ends) => ({
      ends,
      pkces,
    }));
  };

  /** Holds back the next request that reads a session, right after that. */
  async function slowly(ask: () => Promise<Page>): Promise<() => Promise<Page>> {
    const { payloads } = server.container;
    const { find } = payloads;
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let answer: Promise<Page> | undefined;
    await new Promise<void>((reached) => {
      payloads.find = async (key): Promise<StoredPayload | undefined> => {
        const row = await find(key);
        if (row?.kind !== 'Session') return row;
        payloads.find = find;
        reached();
        await released;
        return row;
      };
      answer = ask();
    });
    return () => {
      release();
      return answer as Promise<Page>;
    };
  }

  describe('an id that was renewed', () => {
    test('that a stranger knew before the sign-in never gives the account, nor a hold on its session', async () => {
      const [client, other] = clients as [TestClient, TestClient];
      const pkce = newPkce();
      const login = await browser.follow(await open(browser, client, pkce), server.issuer);
      const stranger = browser.copy();
      expect(stranger.cookie(COOKIE)).toBeDefined();
      const end = await walk(server, browser, login);
      const [token] = (await redeemAll([end], [pkce])) as [string];
      expect(browser.cookie(COOKIE)).not.toBe(stranger.cookie(COOKIE));

      expect(await isSignedIn(stranger.copy())).toBe(false);
      const silent = await open(stranger.copy(), client, newPkce(), { prompt: 'none' });
      expect(answerOf(silent).get('error')).toBe('login_required');
      // Signs in from the planted id as somebody else, and out again.
      const foe = stranger.copy();
      await getCode(server, other, {}, { browser: foe, username: 'mallory' });
      expect(await userinfo(token)).toBe(200);
      await signOut(foe);
      expect(await userinfo(token)).toBe(200);
      expect(await isSignedIn(browser)).toBe(true);
      later(31);
      expect(await isSignedIn(stranger)).toBe(false);
    });

    test('lasts 30 seconds, and using it prolongs nothing', async () => {
      await signIn(server, browser);
      const former = browser.copy();
      const cookie = former.cookie(COOKIE);
      await getCode(server, clients[0] as TestClient, {}, { browser });
      expect(browser.cookie(COOKIE)).not.toBe(cookie);
      later(20);
      expect(await isSignedIn(former)).toBe(true);
      const page = await open(former, clients[0] as TestClient, newPkce());
      expect(answerOf(page).get('code')).toBeTruthy();
      expect(former.cookie(COOKIE)).toBe(cookie);
      later(11);
      expect(await isSignedIn(former)).toBe(false);
      expect(await isSignedIn(browser)).toBe(true);
    });

    test('is not handed out by a late answer, whose code is good all the same', async () => {
      const [slow, fast] = clients as [TestClient, TestClient];
      await getCode(server, slow, {}, { browser: createBrowser() });
      await signIn(server, browser);
      const consent = await browser.follow(await open(browser, fast, newPkce()), server.issuer);
      const pkces = [newPkce()];
      const former = browser.cookie(COOKIE);
      const late = await slowly(() => open(browser, slow, pkces[0] as Pkce));
      const done = await browser.follow(
        await browser.submit(consent, '/consent', { decision: 'allow' }),
        server.issuer,
      );
      expect(answerOf(done).get('code')).toBeTruthy();
      const renewed = browser.cookie(COOKIE);
      expect(renewed).not.toBe(former);
      const answer = await late();
      expect(answer.headers.getSetCookie().filter((line) => line.startsWith(COOKIE))).toEqual([]);
      expect(browser.cookie(COOKIE)).toBe(renewed);
      const [token] = (await redeemAll([answer], pkces)) as [string];
      await signOut(browser);
      expect(await userinfo(token)).toBe(401);
    });

    test('does not come back by a late answer after a sign-out', async () => {
      const [slow] = clients as [TestClient];
      await getCode(server, slow, {}, { browser });
      const late = await slowly(() => open(browser, slow, newPkce()));
      await signOut(browser);
      // A code would be good for nothing.
      expect((await late()).status).toBe(403);
      expect(browser.cookie(COOKIE)).toBeUndefined();
    });
  });

  test('a late request does not put back what it read of another application', async () => {
    const [slow, client] = clients as [TestClient, TestClient];
    await getCode(server, slow, {}, { browser: createBrowser() });
    const replayed = await getCode(server, client, {}, { browser });
    await redeem(server, client, replayed);
    // A replay ends the grant that the session points at; the next code gets another.
    expect((await redeem(server, client, replayed)).status).toBe(400);
    const pkces = [newPkce()];
    const late = await slowly(() => open(browser, slow, pkces[0] as Pkce));
    const { access_token } = (await redeem(server, client, await getCode(server, client, {}, { browser })))
      .body;
    expect(await userinfo(access_token)).toBe(200);
    await redeemAll([await late()], pkces);
    expect(await userinfo(access_token)).toBe(200);
  });

  test('signing out ends every id that tabs which met were given', async () => {
    for (let round = 0; round < 3; round += 1) {
      clients = [await server.createClient(), await server.createClient()];
      browser = createBrowser();
      await signIn(server, browser);
      const former = browser.copy();
      const pkces = clients.map(newPkce);
      const allowed: Page[] = [];
      for (const [index, client] of clients.entries()) {
        const page = await browser.follow(await open(browser, client, pkces[index] as Pkce), server.issuer);
        allowed.push(await browser.submit(page, '/consent', { decision: 'allow' }));
      }
      const tabs = allowed.map(() => browser.copy());
      const ends = await Promise.all(allowed.map((page, index) => tabs[index]?.follow(page, server.issuer)));
      const tokens = await redeemAll(ends as Page[], pkces);
      for (const tab of [...tabs, former]) expect(await isSignedIn(tab)).toBe(true);
      await signOut(tabs[round % 2] as Browser);
      for (const tab of [...tabs, former]) expect(await isSignedIn(tab)).toBe(false);
      for (const token of tokens) expect(await userinfo(token)).toBe(401);
    }
  });

  test('single sign-on to two applications at once: both codes are good, both tokens stay live', async () => {
    // Agreed to before, in another browser.
    for (let round = 0; round < ROUNDS; round += 1) {
      clients = [await server.createClient(), await server.createClient()];
      const before = createBrowser();
      for (const client of clients) await getCode(server, client, {}, { browser: before });
      browser = createBrowser();
      await signIn(server, browser);
      const { ends, pkces } = await inTabs((client, pkce) => open(browser, client, pkce));
      const tokens = await redeemAll(ends, pkces);
      await getCode(server, clients[0] as TestClient, {}, { browser });
      for (const token of tokens) expect(await userinfo(token)).toBe(200);
      await signOut(browser);
      for (const token of tokens) expect(await userinfo(token)).toBe(401);
    }
  });

  test('two first sign-ins at once both arrive, as one session', async () => {
    for (let round = 0; round < 3; round += 1) {
      clients = [await server.createClient(), await server.createClient()];
      browser = createBrowser();
      const pkces = clients.map(newPkce);
      const logins: Page[] = [];
      for (const [index, client] of clients.entries()) {
        const page = await open(browser, client, pkces[index] as Pkce);
        logins.push(await browser.follow(page, server.issuer));
      }
      const done = await Promise.all(
        logins.map((page) => browser.submit(page, '/login', { username: 'alice', password: PASSWORD })),
      );
      // Both go on with the cookies of before, neither knowing of the other.
      const ends = await Promise.all(done.map((page) => walk(server, browser, page)));
      const tokens = await redeemAll(ends, pkces);
      await signOut(browser);
      for (const token of tokens) expect(await userinfo(token)).toBe(401);
    }
  });
});

test('a short session that is used goes on, with its cookie', async () => {
  const server = await startServer({ SESSION_TTL: '600' });
  try {
    await server.createAccount('alice');
    const client = await server.createClient();
    const { browser } = await getCode(server, client);
    const before = browser.cookie(COOKIE);
    for (let turn = 0; turn < 4; turn += 1) {
      later(400);
      const url = authorizeUrl(server, client, {
        code_challenge: newPkce().challenge,
        code_challenge_method: 'S256',
        prompt: 'none',
      });
      const page = await browser.get(url);
      expect(answerOf(page).get('error')).toBeNull();
      const line = page.headers.getSetCookie().find((cookie) => cookie.startsWith(`${COOKIE}=`)) ?? '';
      const ends = Date.parse(/expires=([^;]+)/.exec(line)?.[1] ?? '');
      expect(ends - Date.now()).toBeGreaterThan(590_000);
    }
    expect(browser.cookie(COOKIE)).toBe(before);
  } finally {
    realTime();
    await server.close();
  }
});
