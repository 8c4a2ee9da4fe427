import { expect, test } from '@jest/globals';
import { createCircuits } from '../../../src/relying-party/connectors/circuit.js';

const circuitOf = createCircuits({ now: () => 0 });

test('R19: an upstream holds so many requests at once and no more, and gets the next as they end', () => {
  const circuit = circuitOf('slow');
  let allowed = 0;
  while (circuit.allows()) allowed += 1;
  expect(allowed).toBe(256);
  expect(circuitOf('another').allows()).toBe(true);
  circuit.succeeded();
  circuit.failed();
  expect([circuit.allows(), circuit.allows(), circuit.allows()]).toEqual([true, true, false]);
});
