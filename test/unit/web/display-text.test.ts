import { expect, test } from '@jest/globals';
import { displayText } from '../../../src/platform/web/display-text.js';

test.each([
  ['My Bank', 'My Bank'],
  ['\u202EknaB yM', 'knaB yM'],
  ['My\u200B\u200D Ba\uFEFFnk\u2060', 'My Bank'],
  ['a\u2066b\u2069', 'ab'],
  ['two\nlines\u2028more', 'twolinesmore'],
  ['  wide   space\u00A0here ', 'wide space here'],
  ['tag\u{E0041}\u{E0042}s', 'tags'],
  ['\u3164\u2800', 'fallback'],
  ['', 'fallback'],
  [`Z${'\u0301'.repeat(50)}`, 'Ź\u0301\u0301'],
  ['Zoë ‎Ünal', 'Zoë Ünal'],
  ['मराठी', 'मराठी'],
])('%j is shown as %j', (given, shown) => {
  expect(displayText(given, 'fallback')).toBe(shown);
});

test('a long name is cut, by whole characters', () => {
  expect(displayText('x'.repeat(5000))).toBe(`${'x'.repeat(79)}…`);
  expect([...displayText('😀'.repeat(100))]).toHaveLength(80);
});
