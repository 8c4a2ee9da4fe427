import { expect, test } from '@jest/globals';
import type { Provider } from 'oidc-provider';
import { installReplayDetection } from '../../../src/authorization-server/replay-detection.js';
import type { PayloadStore } from '../../../src/stores/payload-store.js';

/** The column is a 64-bit integer, which PostgreSQL takes at its word. */
test.each([
  [1_800_000_000, 1_800_000_000_000],
  [1_800_000_000.25, 1_800_000_000_250],
  [1_800_000_000.0001, 1_800_000_000_001],
  [1e300, Number.MAX_SAFE_INTEGER],
])('an assertion that ends at %s is remembered until %s', async (exp, until) => {
  const ends: unknown[] = [];
  const store = {
    async once({ expiresAt }: { expiresAt: unknown }) {
      ends.push(expiresAt);
      return true;
    },
  };
  const provider = { ReplayDetection: {} };
  installReplayDetection(provider as unknown as Provider, store as unknown as PayloadStore);
  const { unique } = provider.ReplayDetection as { unique: (...of: unknown[]) => Promise<boolean> };
  expect(await unique('client', 'jti', exp)).toBe(true);
  expect(ends).toEqual([until]);
});
