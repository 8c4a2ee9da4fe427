import { expect, test } from '@jest/globals';
import { createRestarts } from '../../../src/serve/restarts.js';

test('waits longer after each death, and ten within a minute are too many', () => {
  const restarts = createRestarts();
  const deaths = Array.from({ length: 10 }, (_, index) => restarts.died(index * 1000));
  expect(deaths.map(({ waitMs }) => waitMs)).toEqual([
    100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000,
  ]);
  expect(deaths.map(({ tooMany }) => tooMany)).toEqual([...Array(9).fill(false), true]);
});

test('deaths of more than a minute ago are forgotten', () => {
  const restarts = createRestarts();
  for (let index = 0; index < 9; index += 1) restarts.died(index);
  expect(restarts.died(60_009)).toEqual({ waitMs: 100, tooMany: false });
});
