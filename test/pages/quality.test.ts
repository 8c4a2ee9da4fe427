import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { authorizeAddress, createWorld, EVERY_PAGE, signIn, type World } from '../support/every-page.js';
import { measurePages } from '../support/measure-pages.js';
import { launch, watch } from '../support/pages.js';
import { PASSWORD, REDIRECT_URI, type TestServer } from '../support/server.js';

/** Every page measured: accessibility (WCAG 2.2 AA), both colour schemes, small screens, nothing from outside. */

let browser: Browser;
let world: World;
let server: TestServer;

beforeAll(async () => {
  [browser, world] = await Promise.all([launch(), createWorld()]);
  server = world.server;
});
afterAll(async () => {
  await browser.close();
  await server.close();
});

// Half of them here and half in `quality-rest.test.ts`: two browsers are done sooner than one.
measurePages(
  EVERY_PAGE.filter((_, index) => index % 2 === 0),
  () => ({ browser, world }),
);

describe('with the keyboard alone', () => {
  interface Focused {
    readonly name: string;
    readonly visible: boolean;
  }

  /** Where the focus is, and whether one can see it. As text: the tests know no types of a browser. */
  const focused = (page: Page): Promise<Focused> =>
    page.evaluate(`(() => {
      const element = document.activeElement;
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
      const name = element.getAttribute('name') ?? element.getAttribute('aria-label') ?? element.textContent;
      return {
        name: name.trim() === 'decision' ? element.getAttribute('value') : name.trim(),
        visible: (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none',
      };
    })()`);

  async function tabs(page: Page, times: number): Promise<string[]> {
    const names: string[] = [];
    for (let step = 0; step < times; step += 1) {
      await page.keyboard.press('Tab');
      const { name, visible } = await focused(page);
      expect({ name, visible }).toEqual({ name, visible: true });
      names.push(name);
    }
    return names;
  }

  test('sign-in and consent are walked in reading order with a visible focus, and answered', async () => {
    await server.createAccount('keys');
    const { page, context } = await watch(browser, [server.issuer]);
    await page.goto(authorizeAddress(world));
    expect(await tabs(page, 6)).toEqual([
      'Skip to the content',
      'Postern',
      'username',
      'password',
      'Show password',
      'Sign in',
    ]);
    await page.reload();
    for (let step = 0; step < 3; step += 1) await page.keyboard.press('Tab');
    await page.keyboard.type('keys');
    await page.keyboard.press('Tab');
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press('Enter');
    await page.waitForSelector('button[name=decision]');
    expect(await tabs(page, 9)).toEqual([
      'Skip to the content',
      'Postern',
      'About the application (new tab)',
      'Not you?',
      'scope:profile',
      'scope:email',
      'scope:offline_access',
      'deny',
      'allow',
    ]);
    const sent = page.waitForRequest((request) => request.url().startsWith(REDIRECT_URI));
    await page.keyboard.press('Enter');
    expect(new URL((await sent).url()).searchParams.get('code')).toBeTruthy();
    await context.close();
  });

  test('a refused form moves the focus to what is wrong, which leads to the field', async () => {
    const { page, context } = await watch(browser, [server.issuer]);
    await page.goto(server.url('/signup'));
    await page.getByLabel('Username').fill('root');
    await page.getByLabel('Password', { exact: true }).fill('long enough here');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.summary');
    expect(await page.evaluate('document.activeElement.className')).toContain('summary');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('username');
    await context.close();
  });
});

describe('the policy of pages', () => {
  test('a script, a style or a frame that is not ours does not run', async () => {
    const { page, complaints, context } = await watch(browser, [server.issuer]);
    await page.goto(server.url('/login'));
    await page.evaluate(`{
      const script = document.createElement('script');
      script.textContent = 'globalThis.injected = true';
      document.body.append(script);
    }`);
    expect(await page.evaluate("'injected' in globalThis")).toBe(false);
    expect(complaints.join()).toContain('Content Security Policy');
    await context.close();
  });

  test('a form of ours that another site sends changes nothing', async () => {
    const { page, context } = await watch(browser, [server.issuer], { bypassCSP: true });
    await page.goto(server.url('/login'));
    await signIn(page, 'alice');
    // A page without a home of its own: its Origin is "null".
    await page.goto('data:text/html,<form method=post></form>');
    const answer = page.waitForResponse((response) => response.url() === server.url('/logout'));
    await page.evaluate(`{
      document.forms[0].action = ${JSON.stringify(server.url('/logout'))};
      document.forms[0].submit();
    }`);
    expect((await answer).status()).toBe(403);
    await page.waitForSelector('h1');
    await page.goto(server.url('/account'));
    expect(await page.locator('h1').innerText()).toBe('Your account');
    await context.close();
  });
});
