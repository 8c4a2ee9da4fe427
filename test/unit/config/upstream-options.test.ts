import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { VARIABLE_OPTIONS } from '../../../src/platform/config/upstream-options.js';

test('the README has every option of an upstream once', () => {
  const [, table = ''] =
    /<!-- upstream options -->([\s\S]*)<!-- \/upstream options -->/.exec(readFileSync('README.md', 'utf8')) ??
    [];
  const named = table
    .split('\n')
    .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([a-z_]+)`/g)].map(([, name]) => name));
  expect(named.toSorted()).toEqual([...VARIABLE_OPTIONS, 'client_secret_file'].toSorted());
});
