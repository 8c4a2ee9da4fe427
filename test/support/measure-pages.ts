import { describe, expect, test } from '@jest/globals';
import type { Browser } from 'playwright-core';
import type { PageRow, World } from './every-page.js';
import { focusFaults, mirror, overflow, seriousFaults, shoot, type Watched, watch } from './pages.js';

/** What axe judges by colours, and by places: all else is as it was in the light and from left to right. */
const OF_COLOURS = ['color-contrast', 'link-in-text-block'];
const OF_PLACES = ['target-size'];

/** Measures each page: accessibility (WCAG 2.2 AA), both colour schemes, small screens, nothing from outside. */
export function measurePages(rows: readonly PageRow[], made: () => { browser: Browser; world: World }): void {
  describe.each(rows)('$name', ({ name, heading, open }) => {
    test('has nothing serious to fix in light or dark, fits small screens either way round, shows the focus, loads nothing from outside', async () => {
      const { browser, world } = made();
      const { page, complaints, strangers, context }: Watched = await watch(browser, [world.server.issuer], {
        viewport: { width: 1280, height: 800 },
      });
      await open(page, world);
      expect(await page.locator('h1').innerText()).toMatch(heading);
      // Pages that answer 4xx on purpose leave this line, which is the browser's own.
      expect(complaints.filter((line) => !/the server responded with a status of 4\d\d/.test(line))).toEqual(
        [],
      );
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        expect(await seriousFaults(page, colorScheme === 'dark' ? OF_COLOURS : undefined)).toEqual([]);
        await shoot(page, `${name}-${colorScheme}`);
      }
      await page.setViewportSize({ width: 360, height: 740 });
      expect(await overflow(page)).toBe(0);
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await shoot(page, `${name}-phone-${colorScheme}`);
      }
      // 1280 px at 400 % (WCAG 1.4.10).
      await page.setViewportSize({ width: 320, height: 256 });
      expect(await overflow(page)).toBe(0);
      expect(await focusFaults(page)).toEqual([]);
      await mirror(page);
      expect(await overflow(page)).toBe(0);
      expect(await seriousFaults(page, OF_PLACES)).toEqual([]);
      await page.setViewportSize({ width: 1280, height: 800 });
      expect(await overflow(page)).toBe(0);
      await shoot(page, `${name}-rtl`);
      expect(strangers).toEqual([]);
      await context.close();
    });
  });
}
