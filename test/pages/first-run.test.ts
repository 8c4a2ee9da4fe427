import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { freePort } from '../support/free-port.js';
import { launch, shoot, watch } from '../support/pages.js';

/** From the lines `npm start` prints to a page with a decoded ID Token, knowing nothing else (issue 3). */

const MOST_PAGE_LOADS = 6;

interface Started {
  readonly child: ChildProcess;
  readonly folder: string;
  readonly port: number;
  readonly lines: string;
}

/** The real program in a place of its own; resolves once it says that it is ready. */
async function start(): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-first-run-'));
  const port = await freePort();
  const { PATH = '', HOME = '' } = process.env;
  const env = {
    PATH,
    HOME,
    PORT: String(port),
    DATABASE_URL: `sqlite:${join(folder, 'postern.sqlite')}`,
    KEYS_DIR: join(folder, 'keys'),
  };
  const child = spawn('node', ['scripts/start.mjs'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (/is ready\.[\s\S]*Command line/.test(text)) resolve(text);
    });
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${text}`)));
  });
  return { child, folder, port, lines };
}

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** Types only what can be read on the screen: the terminal's, or the page's. */
async function type(page: Page, label: string, text: string, screen: string): Promise<void> {
  expect(screen).toContain(text);
  await page.getByLabel(label, { exact: true }).fill(text);
}

const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();

test.each([
  ['with JavaScript', true],
  ['without JavaScript', false],
])(
  '%s: at most 6 page loads, typing nothing that is not shown on screen',
  async (_name, javaScriptEnabled) => {
    const { child, folder, port, lines } = await start();
    try {
      const of = (label: string) => new RegExp(`^ *${label} +(\\S+)`, 'm').exec(lines)?.[1] ?? '';
      const [url, username, password] = [of('Open'), of('Administrator'), of('Password')];
      expect(url).toBe(`http://localhost:${port}`);

      const { page, context, complaints, strangers } = await watch(browser, [url], { javaScriptEnabled });
      const loads: string[] = [];
      page.on('framenavigated', (frame) => {
        if (frame === page.mainFrame()) loads.push(new URL(frame.url()).pathname);
      });

      await page.goto(url);
      await type(page, 'Username', username, lines);
      await type(page, 'Password', password, lines);
      await press(page, 'Sign in');

      const shown = await page.locator('main').innerText();
      const suggestion = await page.locator('#suggestion').innerText();
      if (javaScriptEnabled) {
        await type(page, 'New password', suggestion, shown);
        await press(page, 'Save the password');
      } else {
        await press(page, 'Use this password');
      }
      expect(await page.locator('h1').innerText()).toBe(`Hello, ${username}`);

      await page.getByRole('link', { name: 'Try the flow' }).click();
      expect(await page.locator('main').innerText()).toContain('Try the flow (built-in demo)');
      await press(page, 'Allow');
      expect(await page.locator('h1').innerText()).toBe('The flow worked');
      expect(loads.length).toBeLessThanOrEqual(MOST_PAGE_LOADS);
      await shoot(page, `first-run-${javaScriptEnabled ? 'js' : 'nojs'}`);

      const text = await page.locator('main').innerText();
      expect(text).toContain(url);
      expect(text).toContain('preferred_username');
      const command = await page.locator('#command-1').innerText();
      const [, token = '', address = ''] =
        /^curl -H 'Authorization: Bearer (\S+)' (\S+)$/.exec(command) ?? [];
      const me = await fetch(address, { headers: { authorization: `Bearer ${token}` } });
      expect(await me.json()).toMatchObject({ username });

      // The suggestion really is the password now.
      const other = await watch(browser, [url], { javaScriptEnabled });
      await other.page.goto(url);
      await other.page.getByLabel('Username').fill(username);
      await other.page.getByLabel('Password', { exact: true }).fill(suggestion);
      await press(other.page, 'Sign in');
      expect(await other.page.locator('h1').innerText()).toBe(`Hello, ${username}`);
      await other.context.close();

      expect(complaints).toEqual([]);
      expect(strangers).toEqual([]);
      await context.close();
    } finally {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    }
  },
  240_000,
);
