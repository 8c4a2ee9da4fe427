import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { expect, test } from '@jest/globals';
import { renderEnvExample, renderSettingsTable } from '../../support/render-settings.js';
import { settingRows } from '../../../src/platform/config/settings.js';

const names = settingRows().map(([name]) => name);

test('.env.example is what the table says, byte for byte', () => {
  expect(readFileSync('.env.example', 'utf8')).toBe(renderEnvExample());
});

test('.env.example has every setting once, in order, and sets none', () => {
  const listed = [...renderEnvExample().matchAll(/^# ([A-Z0-9_<>*]+)=/gm)].map((match) => match[1]);
  expect(listed).toEqual(names);
  expect(parseEnv(renderEnvExample())).toEqual({});
});

test('the README table has every setting once, in order, three cells each', () => {
  const rows = renderSettingsTable().trimEnd().split('\n').slice(2);
  expect(rows.map((row) => /^\| `([^`]+)` \|/.exec(row)?.[1])).toEqual(names);
  for (const row of rows) expect(row.split(' | ')).toHaveLength(3);
});
