/** What was proven before all access to an account was ended, and is not a session yet, becomes none. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createBrowser } from '../support/browser.js';
import { authorizeUrl, newPkce } from '../support/flow.js';
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
