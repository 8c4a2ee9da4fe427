import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { launch, overflow, seriousFaults, shoot, type Watched, watch } from '../support/pages.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

/** Client pages as their owner uses them: presets, checks, edit, test, secrets, leases, with and without JavaScript. */

let browser: Browser;
let server: TestServer;

beforeAll(async () => {
  [browser, server] = await Promise.all([launch(), startServer()]);
});
afterAll(async () => {
  await browser.close();
  await server.close();
});

const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();
const heading = (page: Page) => page.locator('h1').innerText();
const field = (page: Page, name: string) => page.locator(`[name=${name}]`);

describe.each([
  ['with JavaScript', true],
  ['without JavaScript', false],
])('%s', (_name, javaScriptEnabled) => {
  let person: Watched;
  let page: Page;
  let clientPage: string;

  beforeAll(async () => {
    const username = javaScriptEnabled ? 'with' : 'without';
    await server.createAccount(username);
    person = await watch(browser, [server.issuer], {
      javaScriptEnabled,
      viewport: { width: 360, height: 760 },
    });
    page = person.page;
    await page.goto(server.url('/login?next=/create_client'));
    await page.getByLabel('Username').fill(username);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await press(page, 'Sign in');
  });
  afterAll(async () => {
    await person.context.close();
    expect(person.complaints).toEqual([]);
    expect(person.strangers).toEqual([]);
  });

  /** Accessible, and no wider than a phone; axe needs scripts. */
  async function look(name: string): Promise<void> {
    if (!javaScriptEnabled) return shoot(page, `${name}-nojs`);
    await shoot(page, name);
    expect(await seriousFaults(page)).toEqual([]);
    expect(await overflow(page)).toBeLessThanOrEqual(0);
  }

  test('a preset fills in the form, and a client comes of it', async () => {
    expect(await heading(page)).toBe('Create a client');
    await look('create-client');
    await field(page, 'redirect_uri').fill('https://app.example/cb');
    await page.getByRole('button', { name: /^Single-page app/ }).click();
    expect(await field(page, 'token_endpoint_auth_method').inputValue()).toBe('none');
    expect(await field(page, 'require_pkce').isChecked()).toBe(true);
    expect(await page.locator('[aria-pressed=true]').innerText()).toContain('Single-page app');
    // What was typed is still there, in place or from the server.
    expect(page.url()).toBe(server.url('/create_client'));
    expect(await field(page, 'redirect_uri').inputValue()).toBe('https://app.example/cb');
    await page.getByRole('button', { name: /^Web app/ }).click();
    // Enter in a field sends the form; it does not choose the first preset.
    expect(await field(page, 'client_name').inputValue()).toBe('');
    await field(page, 'client_uri').fill('no address');
    await field(page, 'client_name').fill('Entered');
    await field(page, 'client_name').press('Enter');
    expect(await page.locator('.summary').innerText()).toContain('is not an http:// or https:// address');
    person.forget();
    await field(page, 'client_uri').fill('');
    await field(page, 'client_name').fill('My application');
    await field(page, 'redirect_uri').fill('https://app.example/cb');
    await page.getByText('More settings').click();
    await field(page, 'id_token_signed_response_alg').selectOption('ES256');
    await look('create-client-more');
    await press(page, 'Create client');
    expect(await heading(page)).toBe('My application');
    expect(await page.locator('#new-secret').innerText()).toMatch(/^[A-Za-z0-9]{48}$/);
    const id = await page.locator('#client-id').innerText();
    clientPage = server.url(`/clients/${id}`);
    await look('client-created');
    for (const tool of [
      'curl: exchange the code',
      'openid-client',
      'Authlib',
      'Spring',
      'mod_auth_openidc',
    ]) {
      const snippet = page.locator('.snippets .tight').filter({ hasText: tool }).locator('pre');
      const words = await snippet.innerText();
      for (const word of [id, server.issuer]) expect(words).toContain(word);
    }
  });

  test('one click marks a whole secret or snippet', async () => {
    const style = javaScriptEnabled
      ? await page.evaluate("getComputedStyle(document.getElementById('new-secret')).userSelect")
      : 'all';
    expect(style).toBe('all');
  });

  test('the client’s own test shows the decoded ID Token', async () => {
    await page.goto(clientPage);
    await press(page, 'Test this client');
    await press(page, 'Allow');
    expect(await heading(page)).toBe('The test worked');
    const text = await page.locator('main').innerText();
    for (const word of ['ES256', 'openid profile email', '3600 seconds', 'sub', 'nonce'])
      expect(text).toContain(word);
    await look('client-test');
    await press(page, 'Test again');
    expect(await heading(page)).toBe('The test worked');
    await page.getByRole('link', { name: 'Back to the client' }).click();
    expect(page.url()).toBe(clientPage);
  });

  test('edit refuses what is wrong and saves what is right', async () => {
    await page.getByRole('link', { name: 'Edit', exact: true }).click();
    expect(await heading(page)).toBe('Edit the client');
    await look('client-edit');
    await field(page, 'redirect_uri').fill('https://*.app.example/cb');
    if (javaScriptEnabled) {
      // The server judges it while it is being typed.
      await page.locator('#redirect_uri-fault').waitFor();
      expect(await page.locator('#redirect_uri-fault').innerText()).toContain('wildcard');
      expect(await field(page, 'redirect_uri').getAttribute('aria-describedby')).toContain(
        'redirect_uri-fault',
      );
      await look('client-edit-fault');
      await field(page, 'redirect_uri').fill('https://app.example/other');
      await page.locator('#redirect_uri-fault').waitFor({ state: 'detached' });
      await field(page, 'redirect_uri').fill('https://*.app.example/cb');
    }
    await press(page, 'Save');
    expect(await page.locator('.summary').innerText()).toContain('wildcard');
    person.forget();
    await field(page, 'redirect_uri').fill('https://app.example/other');
    await field(page, 'require_nonce').check();
    await press(page, 'Save');
    expect(await page.locator('.notice').innerText()).toBe('The changes have been saved.');
    expect(await page.locator('main').innerText()).toContain('https://app.example/other');
  });

  test('two secrets live side by side until one is ended', async () => {
    await field(page, 'keep_days').selectOption('7');
    await press(page, 'Make a new secret');
    expect(await page.locator('.notice').innerText()).toContain('7 days');
    await look('client-two-secrets');
    await page.getByRole('button', { name: 'End now' }).first().click();
    expect(await page.locator('.notice').innerText()).toBe('The secret has ended.');
    expect(await page.getByRole('button', { name: 'End now' }).count()).toBe(0);
  });

  test('a redirect lease comes and goes', async () => {
    await field(page, 'redirect_uri').fill('https://*.preview.example/');
    await press(page, 'Add the lease');
    expect(await page.locator('#redirect_uri-fault').innerText()).toContain('wildcard');
    await look('client-lease-refused');
    person.forget();
    await field(page, 'redirect_uri').fill('https://pull-42.preview.example/cb');
    await press(page, 'Add the lease');
    await look('client-leases');
    expect(await page.locator('main').innerText()).toContain('https://pull-42.preview.example/cb');
    await press(page, 'Remove');
    expect(await page.locator('main').innerText()).not.toContain('https://pull-42.preview.example/cb');
  });

  test('deleting names what ends, and asks', async () => {
    await page.getByRole('link', { name: 'Delete…' }).click();
    expect(await page.locator('main').innerText()).toContain('1 person’s consent is forgotten');
    await look('client-delete');
    await press(page, 'Delete for good');
    expect(page.url()).toBe(server.url('/'));
    expect(await page.locator('main').innerText()).not.toContain('My application');
  });
});
