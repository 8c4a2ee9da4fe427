/**
 * Every page, as the page tests meet it, in four pictures: desktop and phone, light and dark (and mirrored, for
 * languages read from right to left), then contact sheets of them. For looking, not for keeping.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureChromium } from '../lib/chromium.mjs';
import { runJest } from '../lib/jest.mjs';
import { tell } from '../lib/one-line.mjs';

const WAYS = ['light', 'dark', 'phone-light', 'phone-dark'];
const PAGES_A_SHEET = 4;

/** @param {string} folder is emptied first; @returns how many pages there are in it */
export async function photographEveryPage(folder) {
  const pictures = join(folder, 'pages');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(pictures, { recursive: true });
  const { failed } = await runJest({
    projects: ['pages'],
    extra: ['test/pages/quality', 'test/pages/upstreams.test.ts'],
    env: { CHROMIUM: ensureChromium(), PAGE_SHOTS: pictures },
  });
  if (failed > 0) tell(`${failed} pages were not measured well: see above.`);
  return makeSheets(folder, pictures);
}

export async function makeSheets(folder, pictures) {
  const files = new Set(readdirSync(pictures));
  const names = [...files]
    .filter((file) => file.endsWith('-phone-dark.png'))
    .map((file) => file.slice(0, -'-phone-dark.png'.length))
    .sort();
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({
    executablePath: ensureChromium(),
    args: ['--headless', '--no-sandbox', '--disable-gpu'],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1640, height: 900 } });
    for (let at = 0; at < names.length; at += PAGES_A_SHEET) {
      const sheet = join(folder, `sheet-${String(at / PAGES_A_SHEET + 1).padStart(2, '0')}`);
      writeFileSync(`${sheet}.html`, sheetOf(names.slice(at, at + PAGES_A_SHEET), pictures, files));
      await page.goto(pathToFileURL(`${sheet}.html`).href);
      await page.screenshot({ path: `${sheet}.png`, fullPage: true });
      rmSync(`${sheet}.html`);
    }
  } finally {
    await browser.close();
  }
  return names.length;
}

function sheetOf(names, pictures, files) {
  const row = (name) => {
    const images = WAYS.map((way) => `${name}-${way}.png`)
      .filter((file) => files.has(file))
      .map((file) => `<img src="${pathToFileURL(join(pictures, file)).href}">`);
    return `<h2>${name}</h2><div>${images.join('')}</div>`;
  };
  return `<!doctype html><meta charset="utf-8"><style>
body{margin:12px;background:#777;color:#fff;font:14px system-ui}h2{margin:10px 0 4px;font-size:15px}
div{display:flex;gap:10px;align-items:start}img{width:240px;max-height:760px;object-fit:cover;object-position:top}
img:nth-child(-n+2){width:550px}</style>${names.map(row).join('')}`;
}
