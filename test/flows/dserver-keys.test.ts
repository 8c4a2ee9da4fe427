/** API keys of an account: made on the page after a fresh sign-in, used by a script, ended. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { type Browser, createBrowser } from '../support/browser.js';
import { signIn } from '../support/flow.js';
import { postJson } from '../support/json-calls.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { whileSigning } from '../support/while-signing.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  await server.createAccount('alice');
});
afterAll(() => server.close());

const PAGE = '/account/api-keys';
const CREATE = `${PAGE}/create`;
const keyIn = (text: string): string => /pdk_[A-Za-z0-9]+/.exec(text)?.[0] ?? '';

async function visitor(username = 'alice'): Promise<Browser> {
  const browser = createBrowser();
  await signIn(server, browser, username);
  return browser;
}

async function make(browser: Browser, fields: Record<string, string> = {}): Promise<string> {
  const page = await browser.get(server.url(PAGE));
  const made = await browser.submit(page, CREATE, { label: 'nightly', days: '30', ...fields });
  expect(made.status).toBe(200);
  expect(made.headers.get('cache-control')).toBe('no-store');
  return keyIn(made.text);
}
const ask = (api_key: string, more: object = {}) => postJson(server, '/auth/token', { api_key, ...more });

describe('a key', () => {
  test('is shown once, gives tokens of its account, and says no more than it may', async () => {
    const browser = await visitor();
    const page = await browser.get(server.url(PAGE));
    const form = await browser.submit(page, CREATE, { label: 'nightly', days: '30' });
    const key = keyIn(form.text);
    expect(key).not.toBe('');
    const again = await browser.get(server.url(PAGE));
    expect(again.text).not.toContain(key);
    expect(again.text).toContain(key.slice(-4));
    const answer = await ask(key);
    expect(answer).toMatchObject({ status: 200, body: { username: 'alice', token_type: 'Bearer' } });
    expect(decodeJwt(answer.body.token).permissions).toEqual(['search', 'retrieve']);
    expect((await ask(key, { username: 'ALICE' })).status).toBe(200);
    expect(await ask(key, { username: 'bob' })).toMatchObject({
      status: 401,
      body: { error: 'Invalid credentials' },
    });
    const inHeader = await postJson(server, '/auth/token', undefined, { 'x-api-key': key });
    expect(inHeader.status).toBe(200);
    expect(server.logs.join('')).not.toContain(key);
  });

  test('made with fewer permissions gives fewer, also at refresh', async () => {
    const browser = await visitor();
    const page = await browser.get(server.url(PAGE));
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
    const made = await browser.post(server.url(CREATE), {
      csrf,
      label: 'narrow',
      days: '1',
      'permission:search': 'on',
    });
    const { token } = (await ask(keyIn(made.text))).body;
    expect(decodeJwt(token).permissions).toEqual(['search']);
    const refreshed = await postJson(server, '/auth/refresh', { token });
    expect(decodeJwt(refreshed.body.token).permissions).toEqual(['search']);
  });

  test('ended on the page works no more, and neither do its tokens', async () => {
    const browser = await visitor();
    const key = await make(browser, { label: 'to be ended' });
    const { token } = (await ask(key)).body;
    const page = await browser.get(server.url(PAGE));
    const ended = await browser.submit(page, '/revoke');
    expect(ended.status).toBe(303);
    expect((await ask(key)).status).toBe(401);
    expect((await postJson(server, '/auth/verify', { token })).status).toBe(401);
    expect((await postJson(server, '/auth/refresh', { token })).status).toBe(401);
  });

  test('ended while a token is made with it gives none', async () => {
    const { id } = await server.createAccount('erin');
    const { apiKeys, ledger } = server.container.dserver;
    const input = { label: 'at once', permissions: ['search'], days: 1, createdBy: 'cli' };
    const { apiKey, secret } = await apiKeys.create(id, input, ['search']);
    const end = () => apiKeys.revoke(id, apiKey.id, 'cli');
    const answer = await whileSigning(server, end, () => ask(secret));
    expect(answer).toMatchObject({ status: 401, body: { error: 'Invalid credentials' } });
    expect(await ledger.list({ accountId: id, limit: 9 })).toEqual([]);
  });

  test('asked with a name gives none for another, which a first sign-in settles at the same moment', async () => {
    const { id } = await server.createAccount('gwen');
    const { apiKeys, ledger, names } = server.container.dserver;
    const input = { label: 'first', permissions: ['search'], days: 1, createdBy: 'cli' };
    const { secret } = await apiKeys.create(id, input, ['search']);
    const settle = async () => {
      const { steps } = await names.settle(id, { name: 'gwen-there', source: 'upstream:x' });
      await server.container.database.write(steps);
    };
    const answer = await whileSigning(server, settle, () => ask(secret, { username: 'gwen' }));
    expect(answer).toMatchObject({ status: 401, body: { error: 'Invalid credentials' } });
    expect(await ledger.list({ accountId: id, limit: 9 })).toEqual([]);
    expect((await ask(secret, { username: 'gwen-there' })).status).toBe(200);
  });

  test('of an account that is denied tokens while one is made gives none', async () => {
    const { id } = await server.createAccount('fred');
    const { apiKeys, ledger, rights } = server.container.dserver;
    const input = { label: 'denied', permissions: ['search'], days: 1, createdBy: 'cli' };
    const { secret } = await apiKeys.create(id, input, ['search']);
    const deny = () => rights.set(id, { allowed: false }, 'cli');
    expect((await whileSigning(server, deny, () => ask(secret))).status).toBe(403);
    expect(await ledger.list({ accountId: id, limit: 9 })).toEqual([]);
    // As it is refused from now on.
    expect((await ask(secret)).status).toBe(403);
    await rights.set(id, {}, 'cli');
    expect((await ask(secret)).status).toBe(200);
  });

  test('of a disabled account works no more', async () => {
    const { id } = await server.createAccount('carol');
    const key = await make(await visitor('carol'));
    await server.container.disableAccounts.disable(id, { actorId: 'cli' });
    expect((await ask(key)).status).toBe(403);
  });
});

describe('the page', () => {
  test('is for people who are signed in', async () => {
    const page = await createBrowser().get(server.url(PAGE));
    expect(page).toMatchObject({ status: 303 });
    expect(page.location).toContain('/login?');
  });

  test('takes no form without its token, nor one of another site', async () => {
    const browser = await visitor();
    const fields = { label: 'x', days: '1', 'permission:search': 'on' };
    expect((await browser.post(server.url(CREATE), fields)).status).toBe(403);
    const page = await browser.get(server.url(PAGE));
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
    const foreign = { origin: 'https://evil.example' };
    expect((await browser.post(server.url(CREATE), { ...fields, csrf }, foreign)).status).toBe(403);
  });

  test('wants a fresh sign-in before it makes a key', async () => {
    const browser = await visitor();
    const page = await browser.get(server.url(PAGE));
    server.clock.advance(601);
    const late = await browser.submit(page, CREATE, { label: 'late', days: '1' });
    expect(late).toMatchObject({ status: 303 });
    expect(late.location).toContain('/login?');
    const stale = await browser.get(server.url(PAGE));
    expect(stale.text).toContain('sign in once more');
    expect(stale.text).not.toContain('Make the key');
  });

  test('says what is wrong, and makes nothing', async () => {
    // The other server's clock has moved past every fresh sign-in.
    const fresh = await startServer();
    await fresh.createAccount('dave');
    const browser = createBrowser();
    await signIn(fresh, browser, 'dave');
    const page = await browser.get(fresh.url(PAGE));
    const refused = await browser.submit(page, CREATE, { label: '', days: '4000' });
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('Give the key a name');
    expect(refused.text).toContain('1 to 365 days');
    const { id } = (await fresh.container.accounts.findByUsernameKey('dave')) ?? { id: '' };
    expect(await fresh.container.dserver.apiKeys.listOf(id)).toEqual([]);
    await fresh.close();
  });

  test('is of no use to who gets no tokens, and says so', async () => {
    const strict = await startServer();
    await strict.container.register.signUp({ username: 'mallory', password: PASSWORD });
    const browser = createBrowser();
    await signIn(strict, browser, 'mallory');
    const page = await browser.get(strict.url(PAGE));
    expect(page.text).toContain('get no dserver tokens');
    expect(page.text).not.toContain('Make the key');
    await strict.close();
  });

  test('nobody ends the key of somebody else', async () => {
    const strict = await startServer();
    await strict.createAccount('alice');
    const other = await strict.createAccount('bob');
    const { apiKeys } = strict.container.dserver;
    const input = { label: 'b', permissions: ['search'], days: 1, createdBy: 'cli' };
    const { apiKey, secret } = await apiKeys.create(other.id, input, ['search']);
    const browser = createBrowser();
    await signIn(strict, browser);
    const page = await browser.get(strict.url(PAGE));
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
    expect((await browser.post(strict.url(`${PAGE}/${apiKey.id}/revoke`), { csrf })).status).toBe(404);
    expect(await apiKeys.findLive(secret)).toBeDefined();
    await strict.close();
  });
});
