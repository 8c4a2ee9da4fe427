import { expect, test } from '@jest/globals';
import { createOpenSet } from '../../../src/serve/open-set.js';

test('whoever leaves, in whatever order, the others are still here', () => {
  const names = ['a', 'b', 'c', 'd'];
  const orders = names.flatMap((one) =>
    names.flatMap((two) => names.map((three) => [one, two, three]).filter((of) => new Set(of).size === 3)),
  );
  expect(orders).toHaveLength(24);
  for (const order of orders) {
    const open = createOpenSet<string>();
    const leave = new Map(names.map((name) => [name, open.join(name)]));
    const here = new Set(names);
    for (const name of order) {
      leave.get(name)?.();
      here.delete(name);
      expect([...open.all].sort()).toEqual([...here].sort());
    }
  }
});
