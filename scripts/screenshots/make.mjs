/**
 * Makes the four pictures of the README from the real program: `node scripts/screenshots/make.mjs`.
 * Starts it on a free port with a database of its own, walks through it in Chromium, and stops it again.
 * `--all [folder]` photographs every page there is instead, at two widths and in two colour schemes, for
 * looking: into `data/screenshots`, which git ignores, unless another folder is named.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ensureChromium } from '../lib/chromium.mjs';
import { enter, prepare } from '../lib/front-door.mjs';
import { tell } from '../lib/one-line.mjs';
import { inRoot } from '../lib/paths.mjs';
import { photographEveryPage } from './every-page.mjs';

const PHONE = { width: 390, height: 760 };
const DESK = { width: 1080, height: 720 };

const [flag, named] = process.argv.slice(2);

await enter(async () => {
  await prepare();
  if (flag === '--all') {
    const folder = named === undefined ? inRoot('data', 'screenshots') : resolve(named);
    tell(`${await photographEveryPage(folder)} pages are in ${folder}; the sheets show them side by side.`);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'postern-screenshots-'));
  const { child, url, username, password } = await start(folder);
  try {
    await walk(url, username, password);
  } finally {
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
    rmSync(folder, { recursive: true, force: true });
  }
});

async function freePort() {
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function start(folder) {
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    PORT: String(await freePort()),
    DATABASE_URL: `sqlite:${join(folder, 'postern.sqlite')}`,
    KEYS_DIR: join(folder, 'keys'),
  };
  const child = spawn(process.execPath, [inRoot('scripts', 'start.mjs')], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  await new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      text += chunk;
      if (/Command line/.test(text)) resolve();
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  const of = (label) => new RegExp(`^ *${label} +(\\S+)`, 'm').exec(text)?.[1];
  return { child, url: of('Open'), username: of('Administrator'), password: of('Password') };
}

async function walk(url, username, password) {
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({
    executablePath: ensureChromium(),
    args: ['--headless', '--no-sandbox', '--disable-gpu'],
  });
  try {
    const page = await browser.newPage({ viewport: DESK, colorScheme: 'light', reducedMotion: 'reduce' });
    const press = (name) => page.getByRole('button', { name, exact: true }).click();
    const shoot = async (name, viewport, colorScheme) => {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: inRoot('scripts', 'screenshots', `${name}.png`) });
      await page.setViewportSize(DESK);
    };

    await page.goto(url);
    await shoot('home', DESK, 'light');
    await page.getByLabel('Username').fill(username);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await press('Sign in');
    await press('Use this password');
    await page.getByRole('link', { name: 'Try the flow' }).click();
    await page.getByRole('button', { name: 'Allow', exact: true }).waitFor();
    await shoot('consent', PHONE, 'dark');
    await press('Allow');
    await page.locator('#claims-title').scrollIntoViewIfNeeded();
    await page.evaluate("document.querySelector('#claims-title').scrollIntoView()");
    await shoot('demo', DESK, 'light');
    await page.goto(`${url}/create_client`);
    await shoot('create-client', DESK, 'dark');
  } finally {
    await browser.close();
  }
}
