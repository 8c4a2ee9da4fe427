import { expect, test } from '@jest/globals';
import { whenThere } from '../../../src/platform/database/maybe-later.js';

test('what is there is used at once, what is not is used later', async () => {
  expect(whenThere(2, (value) => value + 1)).toBe(3);
  const later = whenThere(Promise.resolve(2), (value) => value + 1);
  expect(later).toBeInstanceOf(Promise);
  expect(await later).toBe(3);
});

test('a use that itself takes time is waited for, and there is nothing to unwrap twice', async () => {
  expect(await whenThere(1, async (value) => value + 1)).toBe(2);
  expect(await whenThere(Promise.resolve(1), async (value) => value + 1)).toBe(2);
});

test('faults come the way the value came', async () => {
  const fail = (): never => {
    throw new Error('no such row');
  };
  expect(() => whenThere(1, fail)).toThrow('no such row');
  await expect(whenThere(Promise.resolve(1), fail)).rejects.toThrow('no such row');
});
