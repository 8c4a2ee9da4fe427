import { describe, expect, test } from '@jest/globals';
import { clientLifetimes } from '../../../src/clients/lifetimes.js';

describe('lifetimes of one client', () => {
  test.each([
    [[['forever', 60]], /forever is none of code, access-token/],
    [[['code', 301]], /code is 1 to 300 seconds/],
    [[['access-token', 0]], /access-token is 1 to/],
  ] as const)('%j is refused', (entries, message) => {
    expect(() => clientLifetimes(entries)).toThrow(message);
  });

  test('each has its name', () => {
    const entries = [
      ['code', 30],
      ['access-token', 600],
      ['id-token', 300],
      ['refresh-idle', 86_400],
      ['refresh-max', 604_800],
    ] as const;
    expect(clientLifetimes(entries)).toEqual({
      code: 30,
      accessToken: 600,
      idToken: 300,
      refreshTokenIdle: 86_400,
      refreshTokenMax: 604_800,
    });
  });
});
