import { expect, test } from '@jest/globals';
import { type Account, toClaims } from '../../../src/accounts/account.js';

const bare: Account = {
  id: 'id-1',
  username: 'anna',
  emailVerified: false,
  disabled: false,
  mustChangePassword: false,
  accessEpoch: 0,
  roles: [],
  createdAt: 1_700_000_000_000,
  updatedAt: 1_700_000_001_999,
};

test('claims leave out what is not known, and say times in seconds', () => {
  expect(toClaims(bare)).toEqual({
    sub: 'id-1',
    name: 'anna',
    preferred_username: 'anna',
    updated_at: 1_700_000_001,
    roles: [],
  });
});

test('claims carry the standard names', () => {
  const account = {
    ...bare,
    givenName: 'Anna',
    familyName: 'Berg',
    email: 'a@example.org',
    locale: 'de',
    roles: ['x'],
  };
  expect(toClaims(account)).toMatchObject({
    name: 'Anna Berg',
    given_name: 'Anna',
    family_name: 'Berg',
    email: 'a@example.org',
    email_verified: false,
    locale: 'de',
    roles: ['x'],
  });
});
