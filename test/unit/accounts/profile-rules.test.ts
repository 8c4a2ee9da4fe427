import { expect, test } from '@jest/globals';
import { emailFault } from '../../../src/accounts/profile-rules.js';

test.each([
  'a\u200db@example.org',
  'a\u00adb@example.org',
  'a@exam\u00adple.org',
  'a\u200b@example.org',
  'a\ue000@example.org',
  'a\u0000@example.org',
  'a\u202eb@example.org',
  'a b@example.org',
  'a@b@example.org',
  'a',
  '',
])('%j is no address: no mail can go to it', (email) => {
  expect(emailFault(email)).toBeDefined();
});

test.each(['a@example.org', 'jörg@例え.jp', "o'neil+x@example.org"])('%s is one', (email) => {
  expect(emailFault(email)).toBeUndefined();
});
