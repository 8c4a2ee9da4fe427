/** What was proven before all access to an account was ended, and is not a session yet, becomes none. */
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createBrowser, formOf } from '../support/browser.js';
import { authorizeUrl, getCode, newPkce, post, signIn } from '../support/flow.js';
import { postJson } from '../support/json-calls.js';
import type { AuditEvent } from '../../src/platform/audit/audit.js';
import { Unavailable } from '../../src/platform/errors/errors.js';
import { PASSWORD, startServer, type TestClient, type TestServer } from '../support/server.js';

const INFO = { ip: '192.0.2.1', requestId: 'r' };

let server: TestServer;
let client: TestClient;
let people = 0;

beforeAll(async () => {
  server = await startServer({ DSERVER_LOCAL_ACCOUNTS: 'true' });
  client = await server.createClient();
});
afterAll(() => server.close());

/** Somebody who typed the password into a pending request, and has not followed the answer yet. */
async function proven() {
  people += 1;
  const username = `waiting-${people}`;
  const { id } = await server.createAccount(username);
  const browser = createBrowser();
  const challenge = { code_challenge: newPkce().challenge, code_challenge_method: 'S256' };
  const signInPage = await browser.follow(
    await browser.get(authorizeUrl(server, client, challenge)),
    server.issuer,
  );
  const answer = await browser.submit(signInPage, '/login', { username, password: PASSWORD });
  expect(answer.status).toBe(303);
  const goOn = () => browser.follow(answer, server.issuer);
  const isSignedIn = async () => (await browser.get(server.url('/account'))).status === 200;
  return { id, goOn, isSignedIn };
}

describe('a password typed into a pending request', () => {
  test('goes on to consent where nothing happened', async () => {
    const { goOn, isSignedIn } = await proven();
    expect((await goOn()).text).toMatch(/action="[^"]*\/consent"/);
    expect(await isSignedIn()).toBe(true);
  });

  test.each<[string, (id: string) => Promise<unknown>]>([
    [
      'another password was set',
      (id) => server.container.setPassword(id, 'another pine wood hut by the sea', INFO, {}),
    ],
    [
      'the account was disabled, and enabled again',
      async (id) => {
        const { disableAccounts } = server.container;
        await disableAccounts.disable(id, { actorId: 'cli' });
        await disableAccounts.enable(id, { actorId: 'cli' });
      },
    ],
  ])('is worth nothing once %s', async (_what, end) => {
    const { id, goOn, isSignedIn } = await proven();
    await end(id);
    const page = await goOn();
    expect(page.status).toBe(403);
    expect(page.text).toContain('Please sign in again');
    expect(page.location).toBeUndefined();
    expect(await isSignedIn()).toBe(false);
    // Nor when it is tried once more.
    expect((await goOn()).status).toBeGreaterThanOrEqual(400);
    expect(await isSignedIn()).toBe(false);
  });
});

/** Somebody who typed the password of an account that is about to be deleted, and has not chosen yet. */
async function leaving() {
  people += 1;
  const username = `leaving-${people}`;
  const { id } = await server.createAccount(username);
  await server.container.leaving.ask(id, INFO);
  const browser = createBrowser();
  const signingIn = async (password: string) =>
    browser.submit(await browser.get(server.url('/login')), '/login', { username, password });
  const isSignedIn = async () => (await browser.get(server.url('/account'))).status === 200;
  const isKept = async () => (await server.container.accounts.findById(id))?.deleteAt === undefined;
  return { id, browser, signingIn, isSignedIn, isKept };
}

describe('a password typed for an account that is about to be deleted', () => {
  test('is worth nothing once another one was set', async () => {
    const { id, browser, signingIn, isSignedIn, isKept } = await leaving();
    const { action, fields } = formOf(await signingIn(PASSWORD), '/login');
    await server.container.setPassword(id, 'another pine wood hut by the sea', INFO, {});
    const answer = await browser.post(action, fields);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('This took too long');
    expect(await isSignedIn()).toBe(false);
    expect(await isKept()).toBe(false);
  });

  test('keeps it where it was good for one sign-in only, and asks for another', async () => {
    const { id, browser, signingIn, isSignedIn, isKept } = await leaving();
    await server.container.setPassword(id, 'a password for one time', INFO, { mustChange: true });
    const { action, fields } = formOf(await signingIn('a password for one time'), '/login');
    const choice = await browser.post(action, fields);
    expect(choice.text).toContain('new_password');
    expect([await isKept(), await isSignedIn()]).toEqual([true, false]);
    const chosen = 'another pine wood hut by the sea';
    expect((await browser.submit(choice, '/login', { new_password: chosen })).status).toBe(303);
    expect(await isSignedIn()).toBe(true);
  });
});

test('a sign-in that could not be noted leaves the browser the session it had', async () => {
  people += 1;
  const username = `twice-${people}`;
  await server.createAccount(username);
  const browser = createBrowser();
  await signIn(server, browser, username);
  const challenge = { code_challenge: newPkce().challenge, code_challenge_method: 'S256', prompt: 'login' };
  const page = await browser.follow(
    await browser.get(authorizeUrl(server, client, challenge)),
    server.issuer,
  );
  const answer = await browser.submit(page, '/login', { username, password: PASSWORD });
  const { signedIn } = server.container.upstreamSide.login.sessions;
  const { sessions } = server.container.upstreamSide.login;
  Object.assign(sessions, { signedIn: () => Promise.reject(new Unavailable('the database is away')) });
  const failed = await browser.follow(answer, server.issuer);
  Object.assign(sessions, { signedIn });
  expect(failed.status).toBe(503);
  expect((await browser.get(server.url('/account'))).status).toBe(200);
});

/** The owner's answer to a thief, who knows the password that was. */
describe('a password that is exchanged while somebody signs in with the former one', () => {
  afterEach(() => void jest.restoreAllMocks());

  const exchange = (id: string) =>
    server.container.setPassword(id, 'another pine wood hut by the sea', INFO, {});

  /** Between the comparison of the password and what it gives: where the sign-in is noted. */
  function exchangeOnceCompared(id: string): void {
    const { audit } = server.container;
    const record = audit.record.bind(audit);
    jest.spyOn(audit, 'record').mockImplementation(async (event: AuditEvent) => {
      await record(event);
      if (event.event === 'account.sign_in') await exchange(id);
    });
  }

  /** Behind the last look at the account that comes before: what was written is there already. */
  function exchangeOnceWritten(id: string, kind: string): void {
    const { payloads } = server.container;
    const apply = payloads.apply.bind(payloads);
    jest.spyOn(payloads, 'apply').mockImplementation(async (unit) => {
      const outcome = await apply(unit);
      if ([...unit.put.values()].some((row) => row?.kind === kind && row.accountId === id))
        await exchange(id);
      return outcome;
    });
  }

  const newcomer = async () => {
    people += 1;
    const username = `raced-${people}`;
    const { id } = await server.createAccount(username);
    return { id, username };
  };

  test.each<[string, (id: string) => void]>([
    ['compared', exchangeOnceCompared],
    ['written', (id) => exchangeOnceWritten(id, 'Session')],
  ])('opens no session on our own pages, once it was %s', async (_when, exchanging) => {
    const { id, username } = await newcomer();
    const browser = createBrowser();
    const page = await browser.get(server.url('/login'));
    exchanging(id);
    const answer = await browser.submit(page, '/login', { username, password: PASSWORD });
    expect([answer.status, answer.text]).toEqual([403, expect.stringContaining('Please sign in again')]);
    expect((await browser.get(server.url('/account'))).status).not.toBe(200);
    expect(await server.container.payloads.endSessions(id)).toBe(0);
  });

  test('nor in a pending request, once it was compared', async () => {
    const { id, username } = await newcomer();
    const browser = createBrowser();
    const challenge = { code_challenge: newPkce().challenge, code_challenge_method: 'S256' };
    const start = await browser.get(authorizeUrl(server, client, challenge));
    const page = await browser.follow(start, server.issuer);
    exchangeOnceCompared(id);
    const answer = await browser.submit(page, '/login', { username, password: PASSWORD });
    expect((await browser.follow(answer, server.issuer)).status).toBe(403);
    expect(await server.container.payloads.endSessions(id)).toBe(0);
  });

  test('nor there once it was written', async () => {
    const { id, goOn, isSignedIn } = await proven();
    exchangeOnceWritten(id, 'Session');
    expect((await goOn()).status).toBe(403);
    expect(await isSignedIn()).toBe(false);
    expect(await server.container.payloads.endSessions(id)).toBe(0);
  });

  test.each<[string, (id: string) => void]>([
    ['compared', exchangeOnceCompared],
    ['written', (id) => exchangeOnceWritten(id, 'AccessToken')],
  ])('gives no tokens by the password grant, once it was %s', async (_when, exchanging) => {
    const { id, username } = await newcomer();
    const scripts = await server.createClient({
      grant_types: ['password', 'refresh_token'],
      response_types: [],
      redirect_uris: [],
    });
    const grant = { grant_type: 'password', username, password: PASSWORD, scope: 'openid offline_access' };
    expect((await post(server, '/oauth/token', grant, scripts)).status).toBe(200);
    exchanging(id);
    const { payloads } = server.container;
    const answer = await post(server, '/oauth/token', grant, scripts);
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    // The first one's alone.
    expect(await payloads.revokeGrants({ accountId: id }, server.clock.now())).toBe(1);
  });

  test('sets no password of its own: the owner’s stays', async () => {
    const { id, username } = await newcomer();
    const browser = createBrowser();
    await signIn(server, browser, username);
    const page = await browser.get(server.url('/account/password'));
    exchangeOnceCompared(id);
    const typed = { password: PASSWORD, new_password: 'what a thief would choose instead' };
    expect((await browser.submit(page, '/account/password', typed)).status).toBe(409);
    jest.restoreAllMocks();
    const { authenticate } = server.container;
    const tried = (password: string) => authenticate({ username, password }, INFO);
    expect((await tried(typed.new_password)).outcome).toBe('wrong');
    expect((await tried('another pine wood hut by the sea')).outcome).toBe('ok');
  });

  test('gives no dserver token', async () => {
    const { id, username } = await newcomer();
    exchangeOnceCompared(id);
    const answer = await postJson(server, '/token', { username, password: PASSWORD });
    expect([answer.status, answer.body.code]).toEqual([403, 'not_allowed']);
  });
});

describe('all access that ends while a request of a live session is answered', () => {
  afterEach(() => void jest.restoreAllMocks());

  /** Whole, just before what the request gives is written: whoever ends it cannot see that yet. */
  function endBeforeWritten(id: string, kind: string): void {
    const { payloads, endAccess } = server.container;
    const apply = payloads.apply.bind(payloads);
    let done = false;
    jest.spyOn(payloads, 'apply').mockImplementation(async (unit) => {
      if (!done && [...unit.put.values()].some((row) => row?.kind === kind && row.accountId === id)) {
        done = true;
        await endAccess(id);
      }
      return apply(unit);
    });
  }

  test('leaves nothing behind that outlives a session', async () => {
    people += 1;
    const username = `ended-${people}`;
    const { id } = await server.createAccount(username);
    const browser = createBrowser();
    await signIn(server, browser, username);
    const scope = 'openid profile offline_access';
    await getCode(server, client, { scope }, { browser, username });
    endBeforeWritten(id, 'Grant');
    const challenge = { code_challenge: newPkce().challenge, code_challenge_method: 'S256' };
    const page = await browser.get(authorizeUrl(server, client, { scope, ...challenge }));
    expect([page.status, page.location]).toEqual([403, undefined]);
    expect(await server.container.payloads.revokeGrants({ accountId: id }, server.clock.now())).toBe(0);
  });
});
