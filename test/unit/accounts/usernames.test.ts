import { describe, expect, test } from '@jest/globals';
import { cleanUsername, strangerFault, usernameFault, usernameKey } from '../../../src/accounts/usernames.js';

describe('usernames (A92)', () => {
  test.each([
    ['empty', ''],
    ['blank', '   '],
    ['65 characters', 'a'.repeat(65)],
    ['300 characters', 'a'.repeat(300)],
    ['a space inside', 'anna lena'],
    ['a no-break space inside', 'anna\u00a0lena'],
    ['a line break', 'anna\r\nlena'],
    ['a NUL', 'anna\u0000'],
    ['a zero-width space', 'an\u200bna'],
    ['a zero-width joiner', 'an\u200dna'],
    ['a right-to-left override', 'anna\u202egnp'],
    ['a Hangul filler', 'anna\u3164'],
    ['a lone surrogate', 'anna\ud800'],
    ['a path', '../x'],
    ['a backslash', 'a\\b'],
    ['only dots', '..'],
  ])('refuses %s from everybody', (_what, name) => {
    expect(usernameFault(cleanUsername(name))).toEqual(expect.any(String));
  });

  test.each([
    ['admin'],
    ['Root'],
    ['ADMINISTRATOR'],
    ['ａｄｍｉｎ'],
    ['a.d.m.i.n'],
    ['post-ern'],
    ['system'],
    ['0000-0002-1825-0097'],
    ['000000021825009x'],
    ['0000-0002-1694-233X'],
    ['anna@example.org'],
    ['anna＠example.org'],
  ])('refuses %s from a stranger', (name) => {
    const clean = cleanUsername(name);
    expect(usernameFault(clean)).toBeUndefined();
    expect(strangerFault(clean)).toEqual(expect.any(String));
  });

  test.each([['anna'], ['Änne'], ['анна'], ['山田'], ['anna+lab'], ['a'], ['a'.repeat(64)], ['@anna']])(
    'accepts %s',
    (name) => {
      const clean = cleanUsername(name);
      expect(usernameFault(clean) ?? strangerFault(clean)).toBeUndefined();
    },
  );

  test('names that differ in case or form are one', () => {
    expect(usernameKey(' Änne ')).toBe(usernameKey('A\u0308NNE'));
    expect(usernameKey('ＡＮＮＡ')).toBe(usernameKey('anna'));
    expect(usernameKey('anna')).not.toBe(usernameKey('anne'));
    expect(usernameKey(usernameKey('İSTANBUL'))).toBe(usernameKey('İSTANBUL'));
  });
});
