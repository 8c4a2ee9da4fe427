import { expect, test } from '@jest/globals';
import { createCrowd } from '../../../src/serve/crowd.js';

test('whoever leaves, in whatever order, the others are still here', () => {
  const names = ['a', 'b', 'c', 'd'];
  const orders = names.flatMap((one) =>
    names.flatMap((two) => names.map((three) => [one, two, three]).filter((of) => new Set(of).size === 3)),
  );
  expect(orders).toHaveLength(24);
  for (const order of orders) {
    const crowd = createCrowd<string>();
    const leave = new Map(names.map((name) => [name, crowd.join(name)]));
    const here = new Set(names);
    for (const name of order) {
      leave.get(name)?.();
      here.delete(name);
      expect([...crowd.all].sort()).toEqual([...here].sort());
    }
  }
});
