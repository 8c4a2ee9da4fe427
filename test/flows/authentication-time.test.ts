/** When and how somebody was authenticated, as applications are told (OpenID Connect Core §2, §5.5.1.1). */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { createBrowser } from '../support/browser.js';
import { answerOf, authorizeUrl, newPkce, redeem } from '../support/flow.js';
import { PASSWORD, startServer, type TestClient, type TestServer } from '../support/server.js';
import { later, realTime } from '../support/time.js';

let server: TestServer;
let client: TestClient;
let count = 0;

beforeAll(async () => {
  server = await startServer();
  client = await server.createClient();
});
afterEach(realTime);
afterAll(() => server.close());

/** A browser at the sign-in page of a request, and somebody who never agreed to anything. */
async function begun(params: Record<string, string> = {}) {
  count += 1;
  const { username } = await server.createAccount(`person${count}`);
  const browser = createBrowser();
  const pkce = newPkce();
  const all = { code_challenge: pkce.challenge, code_challenge_method: 'S256', ...params };
  const page = await browser.follow(await browser.get(authorizeUrl(server, client, all)), server.issuer);
  const submit = async (from: typeof page, action: string, fields: Record<string, string>) =>
    browser.follow(await browser.submit(from, action, fields), server.issuer);
  const signIn = () => submit(page, '/login', { username, password: PASSWORD });
  return { browser, pkce, submit, signIn };
}

test('auth_time is when the password was typed, however long the person looks at the consent page', async () => {
  const { browser, pkce, submit, signIn } = await begun();
  const began = Math.floor(Date.now() / 1000);
  const consent = await signIn();
  later(1800);
  const code = String(answerOf(await submit(consent, '/consent', { decision: 'allow' })).get('code'));
  const { body } = await redeem(server, client, { code, pkce, browser });
  const { auth_time, iat } = decodeJwt(body.id_token);
  expect(Number(auth_time)).toBeLessThan(began + 120);
  expect(Number(iat)).toBeGreaterThanOrEqual(began + 1800);
});

test.each([
  ['one', { value: 'urn:mace:incommon:iap:silver' }],
  ['several', { values: ['1', '2'] }],
])('an essential acr, %s, is refused after one sign-in instead of asked for without end', async (_, acr) => {
  const claims = JSON.stringify({ id_token: { acr: { essential: true, ...acr } } });
  const { signIn } = await begun({ claims });
  const answer = answerOf(await signIn());
  expect(answer.get('error')).toBe('unmet_authentication_requirements');
  expect(answer.get('state')).toBe('the-state');
});

test('a voluntary acr hinders nobody', async () => {
  const claims = JSON.stringify({ id_token: { acr: { values: ['1'] } } });
  const { submit, signIn } = await begun({ claims });
  const answer = answerOf(await submit(await signIn(), '/consent', { decision: 'allow' }));
  expect(answer.get('code')).toBeTruthy();
});
