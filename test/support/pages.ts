/** Real Chromium for page tests: every page it opens is watched, measured and, where asked, photographed. */
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core';
import { chromiumArgs, findChromium } from './chromium.js';

export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: findChromium(), args: [...chromiumArgs] });

export interface Watched {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Console errors, uncaught errors and refusals by a page's policy; empty when all is well. */
  readonly complaints: string[];
  /** Requests that went to none of the known origins. */
  readonly strangers: string[];
  /** Visits of pages that answer 4xx on purpose leave a line of the browser's own in its console. */
  forget(): void;
}

/** @param origins where requests may go */
export async function watch(
  browser: Browser,
  origins: readonly string[],
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(10_000);
  const complaints: string[] = [];
  const strangers: string[] = [];
  context.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol !== 'data:' && !origins.includes(origin)) strangers.push(request.url());
  });
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  return {
    context,
    page,
    complaints,
    strangers,
    forget: () => complaints.splice(0),
  };
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/**
 * What axe finds serious or critical, in one line each.
 * @param only these rules, where a page was looked at whole and then changed in one respect
 */
export async function seriousFaults(page: Page, only?: readonly string[]): Promise<string[]> {
  if (!(await page.evaluate("'axe' in globalThis"))) await page.evaluate(axe);
  return page.evaluate(
    async (runOnly) => {
      const { axe: runner } = globalThis as unknown as {
        axe: { run(options: object): Promise<{ violations: Violation[] }> };
      };
      interface Violation {
        id: string;
        impact: string;
        nodes: { html: string; failureSummary: string }[];
      }
      const { violations } = await runner.run({
        runOnly,
        // 2.5.8, which axe leaves off unless asked.
        ...(runOnly.type === 'tag' ? { rules: { 'target-size': { enabled: true } } } : {}),
      });
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => `${id}: ${nodes[0]?.html} (${nodes[0]?.failureSummary})`);
    },
    only ? { type: 'rule', values: [...only] } : { type: 'tag', values: TAGS },
  );
}

/** How many pixels a page is wider than its window. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');

/** Lays the page out for a language that is read from right to left. */
export const mirror = (page: Page): Promise<void> => page.evaluate("document.documentElement.dir = 'rtl'");

/** As text: the tests know no types of a browser. */
const FOCUSED = `(() => {
  const element = document.activeElement;
  if (!element || element === document.body || element.id === 'main') return undefined;
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
  const around = element.closest('.choice');
  const drawn = (style) => style.outlineStyle !== 'none' && style.outlineWidth !== '0px';
  const { left, top, right, bottom } = element.getBoundingClientRect();
  // A link may go on in the next line: then it is where any of its parts is.
  const uncovered = [...element.getClientRects()].some(({ left, top, width, height }) => {
    const x = Math.min(Math.max(left + Math.min(width / 2, 20), 0), innerWidth - 1);
    const y = Math.min(Math.max(top + Math.min(height / 2, 10), 0), innerHeight - 1);
    const there = document.elementFromPoint(x, y);
    return there === element || element.contains(there) || there?.contains(element);
  });
  return {
    what: element.outerHTML.slice(0, 160),
    marked: drawn({ outlineStyle, outlineWidth }) || boxShadow !== 'none' || (around && drawn(getComputedStyle(around))),
    inSight: bottom > 0 && top < innerHeight && right > 0 && left < innerWidth,
    uncovered,
  };
})()`;

interface FocusState {
  readonly what: string;
  readonly marked: boolean;
  readonly inSight: boolean;
  readonly uncovered: boolean;
}

/** Walks the page with the tab key: what takes the focus without showing it, or out of sight (2.4.7, 2.4.11). */
export async function focusFaults(page: Page): Promise<string[]> {
  const faults: string[] = [];
  const seen = new Set<string>();
  for (let step = 0; step < 120; step += 1) {
    await page.keyboard.press('Tab');
    const state = await page.evaluate<FocusState | undefined>(FOCUSED);
    if (!state) break;
    if (!state.marked || !state.inSight || !state.uncovered) faults.push(JSON.stringify(state));
    seen.add(state.what);
  }
  return seen.size > 0 ? faults : ['nothing takes the focus'];
}

/** Photographs a page into the folder `PAGE_SHOTS` names, for people who want to look. */
export async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env.PAGE_SHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

/** The same on a desktop and on a phone, in light and dark, for the contact sheets of `scripts/screenshots`. */
export async function shootFourWays(page: Page, name: string): Promise<void> {
  if (!process.env.PAGE_SHOTS) return;
  const before = page.viewportSize();
  for (const [place, size] of [
    ['', { width: 1280, height: 800 }],
    ['-phone', { width: 360, height: 740 }],
  ] as const) {
    await page.setViewportSize(size);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await shoot(page, `${name}${place}-${colorScheme}`);
    }
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  if (before) await page.setViewportSize(before);
}

export interface ClientApp {
  readonly origin: string;
  readonly redirectUri: string;
  /** What arrived at the callback, in order: query or form. */
  readonly answers: { method: string; params: URLSearchParams }[];
  close(): Promise<void>;
}

/** The client: its callback notes what it got and, as applications do, redirects on within its own site. */
export async function startClientApp(): Promise<ClientApp> {
  const answers: ClientApp['answers'] = [];
  const http = createServer(async (req, res) => {
    const url = new URL(req.url ?? '/', 'http://client');
    if (url.pathname === '/cb') {
      let body = '';
      for await (const chunk of req) body += chunk;
      const params = req.method === 'POST' ? new URLSearchParams(body) : url.searchParams;
      answers.push({ method: req.method ?? '', params });
      res.writeHead(303, { location: '/welcome' }).end();
      return;
    }
    if (url.pathname !== '/welcome') return void res.writeHead(204).end();
    res.writeHead(200, { 'content-type': 'text/html' });
    res.end(
      '<!doctype html><html lang="en"><title>Client</title><link rel="icon" href="data:,"><h1>Back at the client</h1>',
    );
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return {
    origin,
    redirectUri: `${origin}/cb`,
    answers,
    async close() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
