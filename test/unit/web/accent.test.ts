import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { accentOf, BACKGROUNDS, contrast } from '../../../src/platform/web/accent.js';

const STYLE = readFileSync(
  fileURLToPath(new URL('../../../views/assets/style.css', import.meta.url)),
  'utf8',
);

test.each([undefined, '', 'red', '#12', '#12345', '#gggggg', '#fff}</style>', 'rgb(1,2,3)'])(
  '%s is no colour',
  (color) => {
    expect(accentOf(color)).toBeUndefined();
  },
);

test('contrast is that of WCAG', () => {
  expect(contrast('#000', '#fff')).toBeCloseTo(21, 5);
  expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.48, 2);
});

/** A grid through all colours, with its corners. */
const GRID = ['00', '33', '80', 'b3', 'ff'];
const COLORS = GRID.flatMap((r) => GRID.flatMap((g) => GRID.map((b) => `#${r}${g}${b}`)));

describe.each(['light', 'dark'] as const)('in %s', (scheme) => {
  test('every colour can be read: on its buttons, under the pointer, as text, as an edge', () => {
    const faults = COLORS.flatMap((color) => {
      const shades = accentOf(color)?.[scheme];
      if (!shades) return [color];
      const { accent, onAccent, strong, text, edge } = shades;
      const least = Math.min(...BACKGROUNDS[scheme].map((behind) => contrast(text, behind)));
      const seen = edge === 'transparent' ? accent : edge;
      const edged = Math.min(...BACKGROUNDS[scheme].map((behind) => contrast(seen, behind)));
      const fine =
        contrast(accent, onAccent) >= 4.5 &&
        contrast(strong, onAccent) >= 4.5 &&
        least >= 4.5 &&
        edged >= 3 &&
        accent === color;
      return fine ? [] : [`${color}: ${JSON.stringify(shades)}`];
    });
    expect(faults).toEqual([]);
  });

  test('what the style sheet puts behind text is what was reckoned with', () => {
    const [light = '', dark = ''] = STYLE.split('@media (prefers-color-scheme: dark)');
    const part = scheme === 'light' ? light : dark;
    const values = ['surface', 'bg', 'sunken'].map(
      (name) => new RegExp(`--${name}: (#\\w+);`).exec(part)?.[1],
    );
    expect(values).toEqual([...BACKGROUNDS[scheme]]);
  });
});

test('no rule knows left from right: pages can be mirrored', () => {
  const rules = STYLE.replace(/pre \{\n\s+text-align: left;\n\}/, '');
  expect(
    rules.match(
      /(?:^|[\s;{])(?:margin|padding|border)?-?(?:left|right)\s*:|text-align: (?:left|right)|float:/gm,
    ) ?? [],
  ).toEqual([]);
});
