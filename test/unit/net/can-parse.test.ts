import { expect, test } from '@jest/globals';
import { canParse } from '../../../src/platform/net/can-parse.js';

test('an address with letters of other languages stays one, however often it is looked at', () => {
  let seen = 0;
  for (let time = 0; time < 100_000; time += 1) seen += canParse('https://bücher.example/') ? 1 : 0;
  expect(seen).toBe(100_000);
});

test.each([
  ['not an address', undefined, false],
  ['/path', undefined, false],
  ['/path', 'https://a.example', true],
  ['https://a.example:port/', undefined, false],
])('%s beside %s: %s', (address, base, is) => {
  expect(canParse(address, base)).toBe(is);
});
