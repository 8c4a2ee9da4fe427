/** What was proven before all access to an account was ended, and is not a session yet, becomes none. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createBrowser, formOf } from '../support/browser.js';
import { authorizeUrl, newPkce, signIn } from '../support/flow.js';
import { Unavailable } from '../../src/platform/errors/errors.js';
import { PASSWORD, startServer, type TestClient, type TestServer } from '../support/server.js';

const INFO = { ip: '192.0.2.1', requestId: 'r' };

let server: TestServer;
let client: TestClient;
let people = 0;

beforeAll(async () => {
  server = await startServer();
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
