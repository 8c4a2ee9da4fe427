import { expect, test } from '@jest/globals';
import { passwordFault } from '../../../src/accounts/passwords.js';
import { chosenPassword } from '../../../src/accounts/sign-in-pages.js';
import { suggestPassword } from '../../../src/accounts/suggest-password.js';

test('a suggestion is taken only by its button', () => {
  const suggestion = 'somebody-elses-idea';
  expect(chosenPassword({ new_password: 'my own words', suggestion })).toBe('my own words');
  expect(chosenPassword({ new_password: '', suggestion })).toBe('');
  expect(chosenPassword({ new_password: '', suggestion, use_suggestion: 'no' })).toBe('');
  expect(chosenPassword({ suggestion, use_suggestion: 'yes' })).toBe(suggestion);
  expect(chosenPassword({ use_suggestion: 'yes' })).toBe('');
});

test('suggestions can be typed, obey the rules for passwords and never come twice', () => {
  const made = Array.from({ length: 500 }, suggestPassword);
  for (const password of made) {
    expect(password).toMatch(/^(?:[b-z][aeiou][b-z][aeiou]-){4}[b-z][aeiou][b-z][aeiou]$/);
    expect(passwordFault(password, 'admin')).toBeUndefined();
  }
  expect(new Set(made).size).toBe(made.length);
});
