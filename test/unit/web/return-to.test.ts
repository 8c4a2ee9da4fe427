import { describe, expect, test } from '@jest/globals';
import { localPath, returnAddress } from '../../../src/platform/web/return-to.js';

const APP = 'https://app.example';
const cut = { origins: [APP], foreign: 'cut', fallback: '/home' } as const;
const refuse = { ...cut, foreign: 'refuse' } as const;

describe('a path here', () => {
  test.each([
    ['/', '/'],
    ['/a/../b?x=1#y', '/b?x=1#y'],
    ['//evil.example', '/'],
    ['/\\evil.example', '/'],
    ['/.//evil.example', '/'],
    ['/%ff', '/'],
    ['/a\u0000', '/'],
    ['https://evil.example/', '/'],
    ['javascript:alert(1)', '/'],
    [undefined, '/'],
  ])('%s', (next, expected) => {
    expect(localPath(next)).toBe(expected);
  });
});

describe('row 89: where a login may end', () => {
  test.each<[string | undefined, string, string]>([
    [undefined, '/home', '/home'],
    ['', '/home', '/home'],
    ['/a?x=1', '/a?x=1', '/a?x=1'],
    [`${APP}/back?x=1#y`, `${APP}/back?x=1#y`, `${APP}/back?x=1#y`],
    ['HTTPS://APP.EXAMPLE/back', `${APP}/back`, `${APP}/back`],
    ['http://app.example/back', '/home', '/back'],
    ['https://app.example:444/back', '/home', '/back'],
    ['https://app.example.evil.example/back', '/home', '/back'],
    ['https://evil.example/a?b#c', '/home', '/a?b#c'],
    ['//evil.example/a', '/home', '/a'],
    ['https://evil.example//other.example/a', '/home', '/home'],
    ['https://evil.example', '/home', '/'],
    [`https://app.example@evil.example/a`, '/home', '/home'],
    ['https:\\\\evil.example/a', '/home', '/home'],
    ['https:///evil.example/a', '/home', '/home'],
    ['/\\evil.example/a', '/home', '/home'],
    ['https://evil.example/\ta', '/home', '/home'],
    [' https://app.example/', '/home', '/home'],
    ['javascript:alert(1)', '/home', '/home'],
    ['data:text/html,x', '/home', '/home'],
    ['evil.example', '/home', '/home'],
  ])('%s', (next, refused, shortened) => {
    expect(returnAddress(next, refuse)).toBe(refused);
    expect(returnAddress(next, cut)).toBe(shortened);
  });
});
