import { describe, expect, test } from '@jest/globals';
import { toIdentity } from '../../../src/relying-party/connectors/identity.js';
import { STANDARD_MAPPINGS } from '../../../src/relying-party/preset.js';
import type { Upstream } from '../../../src/relying-party/upstream.js';

const upstream = { id: 'x', title: 'X' } as Upstream;
const subjectOf = (said: Record<string, unknown>): string =>
  toIdentity(upstream, STANDARD_MAPPINGS.linked, { issuer: 'https://x.example', said }).subject;

describe('who it is', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['the greatest number that is read as it was written', { id: 2 ** 53 - 1 }, '9007199254740991'],
    ['letter by letter', { sub: ' s ' }, ' s '],
    ['nothing under sub', { sub: null, id: 7 }, '7'],
  ])('%s', (_name, said, subject) => {
    expect(subjectOf(said)).toBe(subject);
  });

  test('the claim that the operator mapped to user_id, where there is nothing else', () => {
    const mapping = { ...STANDARD_MAPPINGS.linked, subject: 'uid' };
    const by = (said: Record<string, unknown>) =>
      toIdentity(upstream, mapping, { issuer: 'https://x.example', said }).subject;
    expect(by({ uid: 'ada' })).toBe('ada');
    expect(by({ uid: 'ada', id: 7 })).toBe('7');
    expect(() => by({ email: 'ada@x.example' })).toThrow('did not say who you are');
  });

  test.each<[string, Record<string, unknown>]>([
    ['a number that was rounded', JSON.parse('{"id":9007199254740993}')],
    ['a fraction', { id: 1.5 }],
    ['a sub that is no name, beside an id', { sub: {}, id: 7 }],
    ['a sub without a letter, beside an id', { sub: ' ', id: 7 }],
    ['a sub that is too long', { sub: `${' '.repeat(9)}${'s'.repeat(255)}`, id: 7 }],
    ['a rounded id, beside an orcid', { id: 2 ** 60, orcid: 'o' }],
  ])('%s: nobody', (_name, said) => {
    expect(() => subjectOf(said)).toThrow('did not say who you are');
  });
});
