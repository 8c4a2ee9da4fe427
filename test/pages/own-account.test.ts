import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { type ClientApp, launch, startClientApp, watch } from '../support/pages.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

/** One's own account as a person uses it, once with JavaScript and once without. */

let browser: Browser;
let app: ClientApp;

beforeAll(async () => {
  [browser, app] = await Promise.all([launch(), startClientApp()]);
});
afterAll(async () => {
  await browser.close();
  await app.close();
});

const heading = (page: Page) => page.locator('h1').innerText();
const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();
const follow = (page: Page, name: string | RegExp) => page.getByRole('link', { name }).click();

async function signIn(page: Page, username: string, password = PASSWORD): Promise<void> {
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await press(page, 'Sign in');
}

describe.each([
  ['with JavaScript', true],
  ['without JavaScript', false],
])('%s', (_name, javaScriptEnabled) => {
  let server: TestServer;
  const visit = () => watch(browser, [server.issuer, app.origin], { javaScriptEnabled });

  beforeAll(async () => {
    server = await startServer({ SIGN_UP: 'open', OAUTH2_LOGIN_SUCCESS_REDIRECT: `${app.origin}/welcome` });
  });
  afterAll(() => server.close());

  test('signing in for dserver ends at its frontend, which is another origin', async () => {
    await server.createAccount('reader');
    const { page, complaints, context } = await visit();
    await page.goto(server.url('/auth/login'));
    await signIn(page, 'reader');
    await page.waitForURL(`${app.origin}/welcome#token=*`);
    expect(complaints.filter((text) => !text.includes('404'))).toEqual([]);
    await context.close();
  });

  test('consent with a box emptied, as somebody else than was signed in; taken back on the account page', async () => {
    await server.createAccount('first', { email: 'first@example.org' });
    const { id } = await server.createAccount('second', { displayName: 'Second', email: 's@example.org' });
    const client = await server.createClient({
      redirect_uris: [app.redirectUri],
      client_name: 'Photo prints',
    });
    const { page, complaints, strangers, context } = await visit();
    const query = {
      client_id: client.clientId,
      response_type: 'code',
      redirect_uri: app.redirectUri,
      scope: 'openid profile email',
    };
    await page.goto(server.url(`/oauth/authorize?${new URLSearchParams(query)}`));
    await signIn(page, 'first');
    expect(await page.locator('main').innerText()).toContain('first@example.org');
    await press(page, 'Not you?');
    expect(await heading(page)).toBe('Sign in');
    await signIn(page, 'second');
    // Without a script the library's step between the two accounts shows a button.
    const on = page.getByRole('button', { name: 'Continue', exact: true });
    if (!javaScriptEnabled && (await on.count()) > 0) await on.click();
    await page.waitForSelector('button[name=decision]');
    expect(await page.locator('main').innerText()).toContain('Name: Second');
    await page.getByLabel(/See your e-mail address/).uncheck();
    await press(page, 'Allow');
    await page.waitForURL(`${app.origin}/**`);
    expect((await server.container.consents.find(id, client.clientId))?.scopes).toEqual([
      'openid',
      'profile',
    ]);

    await page.goto(server.url('/account'));
    await follow(page, /Connected applications/);
    expect(await page.locator('main').innerText()).toContain('See your name and username');
    await press(page, 'Take access back from Photo prints');
    expect(await page.locator('main').innerText()).toContain('The application has no access any more.');
    expect(complaints).toEqual([]);
    expect(strangers).toEqual([]);
    await context.close();
  });

  test('profile, password, sessions, and farewell with a change of mind', async () => {
    await server.createAccount('walker');
    const other = await visit();
    await other.page.goto(server.url('/login?next=/account'));
    await signIn(other.page, 'walker');
    const { page, complaints, strangers, context } = await visit();
    await page.goto(server.url('/login?next=/account'));
    await signIn(page, 'walker');

    await follow(page, 'Edit the profile');
    await page.getByLabel('Name', { exact: true }).fill('Wanda Walker');
    await press(page, 'Save the profile');
    expect(await page.locator('main').innerText()).toMatch(/Wanda Walker\s+typed by you/);

    await follow(page, /Sessions/);
    const sessions = await page.locator('main').innerText();
    expect(sessions.match(/Chrome on Linux/g)).toHaveLength(2);
    expect(sessions).toContain('this browser');
    await press(page, 'End this session');
    expect(await page.locator('main').innerText()).toContain('The session has been ended.');
    await other.page.reload();
    expect(await heading(other.page)).toBe('Sign in');

    await page.goto(server.url('/account'));
    await follow(page, 'Change the password');
    await page.getByLabel('Current password', { exact: true }).fill(PASSWORD);
    await page.getByLabel('New password', { exact: true }).fill('seven quiet lighthouses');
    await press(page, 'Save the password');
    expect(await page.locator('main').innerText()).toContain('Your password has been changed.');

    await follow(page, 'Delete the account');
    await page.getByLabel('Your password', { exact: true }).fill('seven quiet lighthouses');
    await press(page, 'Delete my account');
    expect(await heading(page)).toBe('You are signed out');
    await follow(page, 'Sign in again');
    await signIn(page, 'walker', 'seven quiet lighthouses');
    expect(await heading(page)).toBe('Keep your account?');
    await press(page, 'Keep my account');
    await page.goto(server.url('/account'));
    expect(await heading(page)).toBe('Your account');
    expect(complaints).toEqual([]);
    expect(strangers).toEqual([]);
    await other.context.close();
    await context.close();
  });
});
