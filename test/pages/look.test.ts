import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { linkFor } from '../support/links.js';
import { launch, overflow, seriousFaults, shoot, type Watched, watch } from '../support/pages.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

/** A house style of one's own by settings, and the rules password managers go by, in Chromium. */

let browser: Browser;
let folder: string;
beforeAll(async () => {
  browser = await launch();
  folder = mkdtempSync(join(tmpdir(), 'postern-look-'));
});
afterAll(async () => {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
});

const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();

async function signIn(page: Page, username: string, password = PASSWORD): Promise<void> {
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await press(page, 'Sign in');
}

describe('BRAND_*, VIEWS_DIR and SECURITY_CONTACT', () => {
  test('a logo that is no picture, or is not there, stops the start and names the setting', async () => {
    const text = join(folder, 'logo.txt');
    writeFileSync(text, 'no picture');
    await expect(startServer({ BRAND_LOGO: text })).rejects.toThrow(/BRAND_LOGO: .*logo\.txt is no picture/);
    await expect(startServer({ BRAND_LOGO: join(folder, 'none.svg') })).rejects.toThrow(
      /BRAND_LOGO: there is no/,
    );
    await expect(startServer({ VIEWS_DIR: join(folder, 'none') })).rejects.toThrow(
      /VIEWS_DIR: there is no folder/,
    );
  });

  const LOGO =
    '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40"><rect width="80" height="40" fill="#c60"/></svg>';

  /** Everything a house may set, on one server. */
  async function branded(color: string): Promise<TestServer> {
    const views = join(folder, `views-${color.slice(1)}`);
    mkdirSync(join(views, 'assets'), { recursive: true });
    writeFileSync(join(folder, 'logo.svg'), LOGO);
    writeFileSync(
      join(views, 'signed-out.ejs'),
      '<div class="card"><h1>See you at the gate</h1><p><a href="<%= view.loginHref %>">Back in</a></p></div>',
    );
    writeFileSync(join(views, 'assets', 'favicon.svg'), LOGO);
    return startServer({
      SIGN_UP: 'open',
      BRAND_NAME: 'Gate & Sons',
      BRAND_LOGO: join(folder, 'logo.svg'),
      BRAND_COLOR: color,
      VIEWS_DIR: views,
      SECURITY_CONTACT: 'help@gate.example',
    });
  }

  const PATHS = [
    '/',
    '/login',
    '/signup',
    '/logout',
    '/oauth/device',
    '/nothing',
    '/oauth/authorize?client_id=x',
  ];
  const OWN = ['/', '/account', '/create_client', '/logout'];

  // Too light for white pages, too dark for dark ones, and one that is neither.
  test.each(['#ffe100', '#1b1464', '#888888'])(
    'show on every page, legibly in both modes, for the colour %s',
    async (color) => {
      const server = await branded(color);
      const { page, context, strangers } = await watch(browser, [server.issuer]);
      async function look(path: string): Promise<void> {
        await page.goto(server.url(path));
        expect(await page.title()).toMatch(/ · Gate & Sons$/);
        expect(await page.locator('.masthead .brand').innerText()).toBe('Gate & Sons');
        expect(await page.evaluate("document.querySelector('.masthead img').naturalWidth")).toBe(80);
        expect(await page.locator('footer a[href="mailto:help@gate.example"]').innerText()).toBe('Help');
        const set = 'getComputedStyle(document.documentElement).getPropertyValue("--accent").trim()';
        expect(await page.evaluate(set)).toBe(color);
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
          expect(await seriousFaults(page)).toEqual([]);
          await shoot(page, `brand-${color.slice(1)}${path.replace(/\W+/g, '-')}-${colorScheme}`);
        }
        expect(await overflow(page)).toBe(0);
      }
      try {
        await server.createAccount('alice');
        for (const path of PATHS) await look(path);
        await page.goto(server.url('/login'));
        await signIn(page, 'alice');
        for (const path of OWN) await look(path);
        // Without a session this is the operator's own template; everything else stays ours.
        await press(page, 'Sign out');
        expect(await page.locator('h1').innerText()).toBe('See you at the gate');
        expect(await (await fetch(server.url('/favicon.ico'))).text()).toBe(LOGO);
        expect(strangers).toEqual([]);
      } finally {
        await context.close();
        await server.close();
      }
    },
  );

  test('without a contact there is no Help, and a logo on the web is asked for where it is', async () => {
    const server = await startServer({ BRAND_LOGO: 'https://cdn.example/logo.png' });
    try {
      const answer = await fetch(server.url('/login'), { headers: { accept: 'text/html' } });
      const text = await answer.text();
      expect(text).toContain('<img src="https://cdn.example/logo.png"');
      expect(text).not.toContain('>Help<');
      expect(answer.headers.get('content-security-policy')).toContain(
        "img-src 'self' data: https://cdn.example",
      );
    } finally {
      await server.close();
    }
  });
});

describe('password managers', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ SIGN_UP: 'open' });
    await server.createAccount('alice');
    await server.createAccount('starter', { mustChangePassword: true });
  });
  afterAll(() => server.close());

  /** What a manager goes by: in tree order, name, id, type and purpose. */
  const fieldsOf = (page: Page): Promise<string[]> =>
    page
      .locator('main input:not([type=hidden]):not([type=checkbox])')
      .evaluateAll((inputs) =>
        inputs.map((input) =>
          ['name', 'id', 'type', 'autocomplete'].map((name) => input.getAttribute(name) ?? '').join(' '),
        ),
      );

  test('find the fields of sign-in, sign-up and new password by purpose, under names that stay', async () => {
    const { page, context } = await watch(browser, [server.issuer]);
    const SIGN_IN = [
      expect.stringMatching(/^username username text username( webauthn)?$/),
      'password password password current-password',
    ];
    for (const path of ['/', '/login']) {
      await page.goto(server.url(path));
      expect(await fieldsOf(page)).toEqual(SIGN_IN);
    }
    await page.goto(server.url('/signup'));
    const signUp = await fieldsOf(page);
    expect(signUp[0]).toBe('username username text username');
    expect(signUp).toContain('password password password new-password');
    await page.goto(server.url('/login'));
    await signIn(page, 'starter');
    // The name goes along unseen, so that the manager changes the right entry.
    expect(await fieldsOf(page)).toEqual([
      'username  text username',
      'new_password new_password password new-password',
    ]);
    expect(await page.locator('[name=username]').inputValue()).toBe('starter');
    const rules = await page.locator('[name=new_password]').getAttribute('passwordrules');
    expect(rules).toMatch(/^minlength: \d+;$/);
    await context.close();
  });

  test('are let paste, and see a sign-in succeed by a redirect', async () => {
    const { page, context } = await watch(browser, [server.issuer]);
    await page.goto(server.url('/login'));
    await page.getByLabel('Username').fill('alice');
    await page.getByLabel('Password', { exact: true }).focus();
    const pasted = `document.activeElement.dispatchEvent(
      new ClipboardEvent('paste', { cancelable: true, clipboardData: new DataTransfer() }))`;
    expect(await page.evaluate(pasted)).toBe(true);
    await page.keyboard.insertText(PASSWORD);
    await press(page, 'Show password');
    expect(await page.locator('#password').getAttribute('type')).toBe('text');
    const answer = page.waitForResponse((response) => response.request().method() === 'POST');
    await press(page, 'Sign in');
    expect((await answer).status()).toBe(303);
    await context.close();
  });

  test('see a suggested password go through the field', async () => {
    const { page, context } = await watch(browser, [server.issuer]);
    await page.goto(server.url('/login'));
    await signIn(page, 'starter');
    const suggestion = await page.locator('#suggestion').innerText();
    const sent = page.waitForRequest((request) => request.method() === 'POST');
    await press(page, 'Use this password');
    const form = new URLSearchParams((await sent).postData() ?? '');
    expect(form.get('new_password')).toBe(suggestion);
    expect(form.get('username')).toBe('starter');
    await context.close();
  });
});

describe('WCAG 2.2 in forms', () => {
  let server: TestServer;
  let world: Watched;
  beforeAll(async () => {
    server = await startServer({ SIGN_UP: 'open' });
    await server.createAccount('alice', { email: 'alice@example.org' });
    await server.createAccount('starter', { mustChangePassword: true });
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    world = await watch(browser, [server.issuer]);
  });
  afterEach(() => world.context.close());

  const value = (page: Page, name: string) => page.locator(`[name=${name}]`).inputValue();

  describe('3.3.7: nothing is asked for twice', () => {
    test('a refused sign-in keeps the name, and recovery gets it from there', async () => {
      const { page } = world;
      await page.goto(server.url('/login'));
      await signIn(page, 'Someone & co', 'not the one');
      expect(await value(page, 'username')).toBe('Someone & co');
      await page.getByRole('link', { name: 'Forgot your password?' }).click();
      expect(await value(page, 'identifier')).toBe('Someone & co');
    });

    test('a refused sign-up keeps name and address; only the password is typed again', async () => {
      const { page } = world;
      await page.goto(server.url('/signup'));
      await page.getByLabel('Username').fill('newcomer');
      await page.getByLabel('E-mail address (optional)').fill('new@example.org');
      await page.getByLabel('Password', { exact: true }).fill('password');
      await press(page, 'Create account');
      expect([await value(page, 'username'), await value(page, 'email')]).toEqual([
        'newcomer',
        'new@example.org',
      ]);
      expect(await value(page, 'password')).toBe('');
    });

    test('who was invited is not asked for the address the invitation went to', async () => {
      const { page } = world;
      await page.goto(server.url(await linkFor(server, 'invitation', { email: 'guest@example.org' })));
      expect(await page.locator('main').innerText()).toContain('guest@example.org');
      expect(await page.locator('[name=email]').count()).toBe(0);
    });

    test('after a one-time password the new one is asked for, not the one just typed', async () => {
      const { page } = world;
      await page.goto(server.url('/login'));
      await signIn(page, 'starter');
      expect(await page.locator('main input[type=password]').count()).toBe(1);
      await page.getByLabel('New password', { exact: true }).fill('password');
      await press(page, 'Save the password');
      expect(await page.locator('main').innerText()).toContain('Account: starter');
      expect(await page.locator('main input[type=password]').count()).toBe(1);
    });

    test('a wrong password keeps the address that was to be the new one', async () => {
      const { page } = world;
      await page.goto(server.url('/login?next=/account/email'));
      await signIn(page, 'alice');
      await page.getByLabel('New address').fill('new@example.org');
      await page.getByLabel('Your password', { exact: true }).fill('not the one');
      await press(page, 'Send the mail');
      expect(await value(page, 'email')).toBe('new@example.org');
    });

    test('a device’s code comes along with its address', async () => {
      const { page } = world;
      await page.goto(server.url('/oauth/device?user_code=ABCD-EFGH'));
      // Unknown, so the form is shown again: with it.
      expect(await value(page, 'user_code')).toBe('ABCD-EFGH');
    });
  });

  describe('3.3.8: nothing to remember, to copy by hand or to solve', () => {
    const FORMS: readonly [path: string, fields: readonly string[]][] = [
      ['/', ['username', 'password']],
      ['/login', ['username', 'password']],
      ['/signup', ['username', 'password', 'email']],
      ['/forgot-password', ['identifier']],
      ['/oauth/device', ['user_code']],
    ];

    test.each(FORMS)('%s takes what is pasted, in one box, whole', async (path, fields) => {
      const { page } = world;
      await page.goto(server.url(path));
      const shown = await page
        .locator('main form input:not([type=hidden])')
        .evaluateAll((inputs) => inputs.map((input) => input.getAttribute('name')));
      expect(shown).toEqual(fields);
      for (const name of fields) {
        const field = page.locator(`[name=${name}]`);
        for (const blocker of ['maxlength', 'onpaste', 'oncopy', 'readonly'])
          expect(await field.getAttribute(blocker)).toBeNull();
        await field.focus();
        for (const event of ['paste', 'copy', 'drop', 'contextmenu']) {
          const allowed = `document.activeElement.dispatchEvent(new Event('${event}', { cancelable: true, bubbles: true }))`;
          expect([name, event, await page.evaluate(allowed)]).toEqual([name, event, true]);
        }
      }
      expect(await page.locator('main canvas, main img, main iframe, main audio').count()).toBe(0);
    });

    test('every password has a button that shows it, before and after a fault', async () => {
      const { page } = world;
      for (const path of ['/login', '/signup']) {
        await page.goto(server.url(path));
        for (const round of ['first', 'again']) {
          expect([path, round, await page.getByRole('button', { name: 'Show password' }).count()]).toEqual([
            path,
            round,
            1,
          ]);
          await page.getByLabel('Username').fill('nobody-here');
          await page.getByLabel('Password', { exact: true }).fill('password');
          await page.keyboard.press('Enter');
          await page.waitForSelector('.summary');
        }
      }
    });
  });
});
