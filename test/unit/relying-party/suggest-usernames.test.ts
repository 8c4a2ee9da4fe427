import { describe, expect, test } from '@jest/globals';
import type { UpstreamIdentity } from '../../../src/relying-party/connector.js';
import { suggestUsernames, variants } from '../../../src/relying-party/suggest-usernames.js';

const identity = (more: Partial<UpstreamIdentity>): UpstreamIdentity => ({
  issuer: 'https://id.example',
  subject: '1',
  attributes: {},
  emailVerified: false,
  claims: {},
  extra: {},
  ...more,
});
const wish = (more: Partial<UpstreamIdentity>) => suggestUsernames(identity(more))[0];

describe('A92: a user name made of what an upstream says', () => {
  test.each<[string | undefined, string | undefined]>([
    ['Bob', 'bob'],
    ['bob@example.org', 'bob'],
    ['  Zoë Müller ', 'zoe-muller'],
    ['a..b__c', 'a.b_c'],
    ['../x', undefined],
    ['admin', undefined],
    ['a.d.m.i.n', undefined],
    ['ROOT', undefined],
    ['0000-0002-1825-0097', undefined],
    ['0000000218250097', undefined],
    ['аdmin', 'dmin'],
    ['\u202Ebob', 'bob'],
    ['<script>', 'script'],
    ['x'.repeat(300), 'x'.repeat(32)],
    ['', undefined],
    [undefined, undefined],
  ])('%s', (username, expected) => {
    expect(wish({ username })).toBe(expected);
  });

  test('falls back on the name, then on a proven address, never on one that is not', () => {
    expect(wish({ username: 'admin', displayName: 'Ada Lovelace' })).toBe('ada-lovelace');
    expect(wish({ username: 'admin', givenName: 'Ada', familyName: 'L' })).toBe('ada-l');
    expect(wish({ email: 'carol@example.org', emailVerified: true })).toBe('carol');
    expect(wish({ email: 'carol@example.org', emailVerified: false })).toBeUndefined();
  });

  test('row 57: numbers, then letters, without an end', () => {
    const names = variants('bob', () => 'abc');
    const first = Array.from({ length: 22 }, () => names.next().value);
    expect(first.slice(0, 3)).toEqual(['bob', 'bob1', 'bob2']);
    expect(first.slice(-2)).toEqual(['bob20', 'bob-abc']);
    expect(variants(undefined, () => 'abc').next().value).toBe('user-abc');
  });
});
