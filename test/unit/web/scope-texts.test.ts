import { expect, test } from '@jest/globals';
import { scopeText } from '../../../src/platform/web/scope-texts.js';

test.each(['constructor', '__proto__', 'photos.print'])(
  'the unknown scope %s is shown by its name',
  (name) => {
    expect(scopeText(name)).toEqual({ name, text: `Use the permission “${name}”` });
  },
);

test('lasting access is said in plain words', () => {
  expect(scopeText('offline_access').text).toContain('when you are not using the application');
});
