import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { giveName } from '../../../src/platform/database/draft.js';
import { temporaryFolder } from '../../support/folder.js';

const noLinks = () => {
  throw Object.assign(new Error('no links here'), { code: 'EPERM' });
};

function newDraft() {
  const folder = temporaryFolder();
  const [draft, file] = [join(folder, 'draft'), join(folder, 'file')];
  writeFileSync(draft, 'new');
  return { draft, file };
}

test.each([
  ['with links', undefined],
  ['without', noLinks],
])('a draft gets its name, and takes none that is taken: a file system %s', (_name, link) => {
  const { draft, file } = newDraft();
  giveName(draft, file, link);
  expect(readFileSync(file, 'utf8')).toBe('new');
  const late = newDraft();
  writeFileSync(late.file, 'theirs');
  expect(() => giveName(late.draft, late.file, link)).toThrow(expect.objectContaining({ code: 'EEXIST' }));
  expect([readFileSync(late.file, 'utf8'), existsSync(late.draft)]).toEqual(['theirs', true]);
});

test('a link that fails for another reason is told', () => {
  const { draft, file } = newDraft();
  const fault = Object.assign(new Error('full'), { code: 'ENOSPC' });
  const link = () => {
    throw fault;
  };
  expect(() => giveName(draft, file, link)).toThrow(fault);
});
