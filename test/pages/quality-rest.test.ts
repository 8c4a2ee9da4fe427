/** The other half of the pages that `quality.test.ts` measures. */
import { afterAll, beforeAll } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { createWorld, EVERY_PAGE, type World } from '../support/every-page.js';
import { measurePages } from '../support/measure-pages.js';
import { launch } from '../support/pages.js';

let browser: Browser;
let world: World;

beforeAll(async () => {
  [browser, world] = await Promise.all([launch(), createWorld()]);
});
afterAll(async () => {
  await browser.close();
  await world.server.close();
});

measurePages(
  EVERY_PAGE.filter((_, index) => index % 2 === 1),
  () => ({ browser, world }),
);
