import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Browser, createBrowser, type Page } from '../support/browser.js';
import { answerOf, authorizeUrl, newPkce, redeem, walk } from '../support/flow.js';
import { PASSWORD, startServer, type TestClient, type TestServer } from '../support/server.js';

let server: TestServer;
let client: TestClient;

beforeAll(async () => {
  server = await startServer({ SIGN_UP: 'open' });
  client = await server.createClient();
  await server.createAccount('taken');
});
afterAll(() => server.close());

/** A client's request in a browser that nobody is signed in in, at its sign-up form. */
async function atSignUp(browser: Browser, verifier: ReturnType<typeof newPkce>): Promise<Page> {
  const url = authorizeUrl(server, client, {
    code_challenge: verifier.challenge,
    code_challenge_method: 'S256',
  });
  const signIn = await browser.follow(await browser.get(url), server.issuer);
  const [, path = ''] = /href="(\/interaction\/[^"]+\/signup)"/.exec(signIn.text) ?? [];
  return browser.get(server.url(path));
}

describe('signing up within a request of a client', () => {
  test('a taken name, a form without its token, and another browser make nobody', async () => {
    const browser = createBrowser();
    const form = await atSignUp(browser, newPkce());
    const refused = await browser.submit(form, '/signup', { username: 'taken', password: PASSWORD });
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('This username is taken.');
    const bare = await browser.post(form.url, { username: 'mallory', password: PASSWORD });
    expect(bare.status).toBe(403);
    const elsewhere = await createBrowser().get(form.url);
    expect(elsewhere.status).toBe(400);
    expect(await server.container.accounts.findByUsernameKey('mallory')).toBeUndefined();
  });

  test('the new account goes on to the consent page, and the client gets its tokens', async () => {
    const browser = createBrowser();
    const pkce = newPkce();
    const form = await atSignUp(browser, pkce);
    const done = await browser.submit(form, '/signup', { username: 'newcomer', password: PASSWORD });
    expect(done.status).toBe(303);
    const answer = answerOf(await walk(server, browser, done, 'newcomer'));
    expect(answer.get('state')).toBe('the-state');
    const tokens = await redeem(server, client, { code: answer.get('code') ?? '', pkce, browser });
    expect(tokens.status).toBe(200);
    const account = await server.container.accounts.findByUsernameKey('newcomer');
    const [, claims = ''] = String(tokens.body.id_token).split('.');
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString()).sub).toBe(account?.id);
  });

  test('is not offered where sign-up is closed, nor taken', async () => {
    const closed = await startServer({ SIGN_UP: 'closed' });
    try {
      const app = await closed.createClient();
      const browser = createBrowser();
      const { challenge } = newPkce();
      const params = { code_challenge: challenge, code_challenge_method: 'S256' };
      const page = await browser.follow(await browser.get(authorizeUrl(closed, app, params)), closed.issuer);
      expect(page.text).not.toContain('/signup');
      expect((await browser.get(`${page.url}/signup`)).status).toBe(403);
    } finally {
      await closed.close();
    }
  });
});
